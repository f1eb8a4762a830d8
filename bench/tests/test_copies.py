"""Copies differ from orders that were written one by one only in what is said to be synthetic."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

import longshore_inventory.app
import longshore_order_sync.app
from bench.copies import TABLES, TEMPLATES, filled
from bench.database import connected
from bench.fill import fill
from longshore.contracts import OrderSnapshot
from longshore.db import migrate, migrations_path
from longshore.ids import uuid7

COUNT = TEMPLATES + 9
SYNTHETIC = {"id", "order_id", "digest", "raw_partition", "raw_offset", "recorded_at"}
OF_THE_STORE = {"org_id", "integration_id", "variant_id"}


async def rows(conn: asyncpg.Connection, org_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """What is kept of an organisation's orders, in the order in which they were placed."""
    found = {}
    for table in TABLES:
        found[table.name] = [
            comparable(dict(row))
            for row in await conn.fetch(
                f"SELECT r.*, o.external_id AS number FROM {table.name} r JOIN order_sync.orders o"
                f" ON o.id = r.{table.order} WHERE o.org_id = $1 ORDER BY number{_line(table.name)}",
                org_id,
            )
        ]
    return found


def _line(table: str) -> str:
    return ", r.variant_external_id" if table == "inventory.order_lines" else ""


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in SYNTHETIC | OF_THE_STORE}
    if "body" in kept:
        kept["body"] = body = json.loads(kept["body"])
        for name in ("org_id", "integration_id", "digest", "raw"):
            body.pop(name)
        body["version"].pop("offset")
        for line in body["lines"]:
            line.pop("id")
    return kept


@pytest.fixture
async def database(database_url: str) -> str:
    for package in (longshore_order_sync.app, longshore_inventory.app):
        assert package.__file__ is not None
        await migrate(database_url, migrations_path(package.__file__), package.SCHEMA)
    return database_url


async def test_copied_or_written_one_by_one(database: str) -> None:
    one_by_one, copied, store = uuid7(), uuid7(), uuid7()
    engine = create_async_engine(database)
    try:
        await fill(engine, one_by_one, uuid7(), 0, COUNT)
    finally:
        await engine.dispose()
    await filled(database, copied, store, 0, TEMPLATES + 4)
    await filled(database, copied, store, TEMPLATES + 4, COUNT - TEMPLATES - 4)
    async with connected(database) as conn:
        expected, found = await rows(conn, one_by_one), await rows(conn, copied)
        levels = [
            [
                tuple(row)
                for row in await conn.fetch(
                    "SELECT sku, on_hand, reserved FROM inventory.levels WHERE org_id = $1 ORDER BY sku", org
                )
            ]
            for org in (one_by_one, copied)
        ]
        bodies = await conn.fetch(
            "SELECT r.body, o.digest FROM order_sync.order_revisions r JOIN order_sync.orders o"
            " ON o.id = r.order_id AND o.content_at = r.updated_at AND o.digest = r.digest WHERE o.org_id = $1",
            copied,
        )
    assert len(found["order_sync.orders"]) == COUNT
    for table, whole in expected.items():
        assert found[table] == whole, table
    assert levels[0] == levels[1]
    # Each order's newest content is found by its key, and says the same.
    assert len(bodies) == COUNT
    assert all(OrderSnapshot.from_json(row["body"]).digest == row["digest"] for row in bodies)
