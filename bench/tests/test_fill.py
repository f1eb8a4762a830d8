"""Rows that are filled in are those that the stream writes."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

import longshore_inventory.app
import longshore_order_sync.app
from bench.database import connected
from bench.fill import fill, order_at
from bench.system import SECRET, System
from longshore.db import migrate, migrations_path
from longshore_devkit.loadgen import LoadPlan, run_load
from longshore_devkit.running import RunningStack
from longshore_devkit.stores.woo.payloads import OrderBodies

pytestmark = pytest.mark.e2e

COUNT = 70
"""More than there are different goods (OrderBodies' variants)."""

# When and as which record of the log it came: a row that is filled in never was in the log.
NOT_COMPARED = {"observed_at", "raw_partition", "raw_offset", "recorded_at", "number"}

TABLES = {
    "order_sync.orders": "id",
    "order_sync.order_revisions": "order_id, updated_at, digest",
    "order_sync.order_search": "order_id",
    "order_sync.stores": "integration_id",
    "inventory.orders": "id",
    "inventory.order_lines": "order_id, id",
    "inventory.levels": "variant_id",
}


async def rows(url: str) -> dict[str, list[dict[str, Any]]]:
    async with connected(url) as conn:
        return {
            table: [_comparable(dict(row)) for row in await conn.fetch(f"SELECT * FROM {table} ORDER BY {key}")]
            for table, key in TABLES.items()
        }


def _comparable(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in NOT_COMPARED}
    if "body" in kept:
        body = json.loads(kept["body"])
        for name in ("raw", "version"):
            body.pop(name)
        kept["body"] = body
    return kept


async def test_filled_in_or_by_the_stream(stack: RunningStack, stack_database_url: str, database_url: str) -> None:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=20) as client:
        system = System(None, client)  # type: ignore[arg-type]  # only its API is used
        store = await system.connect_woocommerce()
        bodies = OrderBodies()
        plan = LoadPlan(
            url=store["webhook_url"],
            secret=SECRET,
            rate=200,
            orders=COUNT,
            copies=1,
            body=lambda n, _: bodies(n, order_at(n)),
            order_id=bodies.order_id,
        )
        result = await run_load(plan)
        assert len(result.accepted_ids) == COUNT
        await system.settle(60)
    for package in (longshore_order_sync.app, longshore_inventory.app):
        assert package.__file__ is not None
        schema = package.SCHEMA
        await migrate(database_url, migrations_path(package.__file__), schema)
    engine = create_async_engine(database_url)
    try:
        await fill(engine, UUID(store["org_id"]), UUID(store["id"]), 0, COUNT)
    finally:
        await engine.dispose()
    by_stream, filled = await rows(stack_database_url), await rows(database_url)
    for table, found in by_stream.items():
        assert len(found) > 0, table
        assert filled[table] == found, table
