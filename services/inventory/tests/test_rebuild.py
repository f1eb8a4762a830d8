from __future__ import annotations

from longshore_inventory.rebuild import KEPT, REBUILT
from longshore_inventory.tables import metadata


def test_each_table_is_either_rebuilt_or_kept() -> None:
    assert sorted(REBUILT + KEPT) == sorted(table.name for table in metadata.tables.values())
