from longshore.db import run_env
from longshore_inventory.tables import SCHEMA, metadata

run_env(metadata, SCHEMA)
