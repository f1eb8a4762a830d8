"""A connector's database, and a store client that does as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from longshore.platforms.tables import connector_metadata
from longshore.vault.models import metadata as vault_metadata

SCHEMA = "connector_test"


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url)
    async with engine.begin() as conn:
        await conn.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        await conn.execute(text("CREATE SCHEMA vault"))
        await conn.run_sync(connector_metadata(SCHEMA).create_all)
        await conn.run_sync(vault_metadata.create_all)
    yield engine
    await engine.dispose()
