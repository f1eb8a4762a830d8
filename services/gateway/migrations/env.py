from longshore.db import run_env
from longshore_gateway.models import SCHEMA, metadata

run_env(metadata, SCHEMA)
