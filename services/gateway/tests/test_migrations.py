"""The migrations make exactly the tables that the code believes in."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

import longshore_gateway.app  # noqa: F401  (all tables are declared then)
from longshore_gateway.models import SCHEMA, metadata

# Whoever is asked about here has not yet said whose they are.
WITHOUT_ORGANISATION = {"login_attempts", "oidc_flows"}


async def test_no_drift(engine: AsyncEngine) -> None:
    def compare(conn: Connection) -> list[Any]:
        context = MigrationContext.configure(
            conn,
            opts={
                "include_schemas": True,
                "include_name": lambda name, kind, parents: kind != "schema" or name == SCHEMA,
                "version_table_schema": SCHEMA,
                "compare_type": True,
            },
        )
        return list(compare_metadata(context, metadata))

    async with engine.connect() as conn:
        assert await conn.run_sync(compare) == []


async def test_every_table_knows_its_organisation(engine: AsyncEngine) -> None:
    query = text(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = :schema AND c.relkind = 'r' AND c.relname <> 'alembic_version' AND NOT EXISTS ("
        "  SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id')"
    )
    async with engine.connect() as conn:
        assert set((await conn.execute(query, {"schema": SCHEMA})).scalars()) == WITHOUT_ORGANISATION
