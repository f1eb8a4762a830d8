import longshore_gateway.audit.models
import longshore_gateway.idempotency.models
import longshore_gateway.people.models
import longshore_gateway.sso.models  # noqa: F401  (its tables)
from longshore.db import run_env
from longshore_gateway.models import SCHEMA, metadata

run_env(metadata, SCHEMA)
