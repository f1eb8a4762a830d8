"""What a service's env.py looks like."""

from sqlalchemy import MetaData

from longshore.db import run_env

run_env(MetaData(schema="warehouse"), "warehouse")
