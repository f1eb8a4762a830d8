from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from longshore.contracts import SyncMode, SyncRun, SyncStatus, SyncTrigger
from longshore_order_sync.syncs.rules import serving


def run(resource: str, mode: str) -> SyncRun:
    return SyncRun.model_validate(
        {
            "id": uuid4(),
            "integration_id": uuid4(),
            "resource": resource,
            "mode": mode,
            "trigger": SyncTrigger.REQUEST,
            "status": SyncStatus.RUNNING,
            "created_at": datetime(2026, 11, 28, tzinfo=UTC),
        }
    )


@pytest.mark.parametrize(
    ("under_way", "asked", "served"),
    [
        ("full", "full", True),
        ("full", "incremental", True),
        ("incremental", "incremental", True),
        # What has changed is not all.
        ("incremental", "full", False),
    ],
)
def test_a_run_serves_who_asks_for_no_more_than_it_reads(under_way: str, asked: str, served: bool) -> None:
    found = serving([run("orders", under_way)], "orders", SyncMode(asked))
    assert (found is not None) is served


def test_another_resource_does_not_serve() -> None:
    assert serving([run("products", "full")], "orders", SyncMode.FULL) is None
