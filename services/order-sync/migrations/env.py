import longshore_order_sync.commands.models
import longshore_order_sync.customers.models
import longshore_order_sync.fulfillments.models
import longshore_order_sync.orders.models
import longshore_order_sync.privacy.models
import longshore_order_sync.syncs.models  # noqa: F401  (their tables register themselves)
from longshore.db import run_env
from longshore_order_sync.database import SCHEMA, metadata

run_env(metadata, SCHEMA)
