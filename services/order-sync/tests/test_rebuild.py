from __future__ import annotations

import longshore_order_sync.commands.models
import longshore_order_sync.customers.models
import longshore_order_sync.fulfillments.models
import longshore_order_sync.orders.models
import longshore_order_sync.privacy.models
import longshore_order_sync.syncs.models  # noqa: F401  (their tables register themselves)
from longshore_order_sync.database import metadata
from longshore_order_sync.rebuild import KEPT, REBUILT


def test_each_table_is_either_rebuilt_or_kept() -> None:
    assert sorted(REBUILT + KEPT) == sorted(table.name for table in metadata.tables.values())
