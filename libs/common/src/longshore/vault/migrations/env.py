from longshore.db import run_env
from longshore.vault.models import SCHEMA, metadata

run_env(metadata, SCHEMA)
