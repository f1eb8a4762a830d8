"""A connector's migrations make exactly the tables that the kit believes in."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.platforms.tables import connector_metadata

from .conftest import SCHEMA


def _is_ours(name: str | None, kind: str, _: Any) -> bool:
    """pgqueuer brings its own tables."""
    if kind == "schema":
        return name == SCHEMA
    return kind != "table" or not (name or "").startswith("pgqueuer")


async def test_no_drift(engine: AsyncEngine) -> None:
    def compare(conn: Connection) -> list[Any]:
        options = {
            "include_schemas": True,
            "include_name": _is_ours,
            "version_table_schema": SCHEMA,
            "compare_type": True,
        }
        return list(compare_metadata(MigrationContext.configure(conn, opts=options), connector_metadata(SCHEMA)))

    async with engine.connect() as conn:
        assert await conn.run_sync(compare) == []
