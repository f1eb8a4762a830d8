"""Keys that rotate under running services, on real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import longshore.vault
from longshore.contracts import Platform
from longshore.db import migrate
from longshore.ids import IntegrationId, OrgId
from longshore.vault import (
    GRANTED,
    SCHEMA,
    InvalidKey,
    Rotated,
    Sealer,
    TokenPair,
    TokenStore,
    Vault,
    check_keys,
    forget_unreadable,
    keys,
    rotate,
)
from longshore_devkit.testing import MakeDatabase

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ORG = OrgId(uuid4())
OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture(scope="module")
def url(make_database: MakeDatabase) -> str:
    url = make_database()
    asyncio.run(migrate(url, Path(longshore.vault.__file__).parent / "migrations", SCHEMA))
    return url


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(url)
    async with engine.begin() as conn:
        await conn.execute(text("TRUNCATE vault.integrations, vault.tokens"))
    yield engine
    await engine.dispose()


async def add(engine: AsyncEngine, key: str, count: int) -> list[IntegrationId]:
    """Stores whose credentials and tokens one key has sealed."""
    sealer = Sealer([key])
    ids = []
    async with engine.begin() as conn:
        for number in range(count):
            row = await Vault(sealer).create(
                conn,
                org_id=ORG,
                platform=Platform.SHOPIFY,
                name=f"Shop {number}",
                store_url="https://a.example",
                store_key=f"{key}/{number}",
                credentials=GRANTED | {"secret": f"s{number}"},
                settings={},
                now=NOW,
            )
            pair = TokenPair(f"access {number}", f"refresh {number}", NOW + timedelta(hours=1))
            await TokenStore(sealer).put(conn, row.id, ORG, pair, NOW)
            ids.append(row.id)
    return ids


async def test_after_a_rotation_the_old_key_can_go(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "BATCH", 3)  # several batches, the last of them empty
    ids = await add(engine, OLD, 6)
    assert await rotate(engine, Sealer([NEW, OLD])) == Rotated(12, 12)
    await check_keys(engine, Sealer([NEW]))
    async with engine.connect() as conn:
        for number, id in enumerate(ids):
            opened = await Vault(Sealer([NEW])).open(conn, id)
            assert opened is not None
            assert opened[0].credentials["secret"] == f"s{number}"
            stored = await TokenStore(Sealer([NEW])).get(conn, id)
            assert stored is not None
            assert (stored.pair.access_token, stored.version) == (f"access {number}", 1)
    # What is new already is left alone.
    assert await rotate(engine, Sealer([NEW, OLD])) == Rotated(12, 0)


async def test_services_write_meanwhile_and_lose_nothing(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "BATCH", 2)
    ids = await add(engine, OLD, 10)
    store = TokenStore(Sealer([NEW, OLD]))

    async def refresh(id: IntegrationId) -> None:
        for number in range(5):
            async with engine.begin() as conn:
                stored = await store.get(conn, id, lock=True)
                assert stored is not None
                pair = TokenPair(f"new {number}", f"next {number}", NOW + timedelta(hours=2))
                assert await store.replace(conn, id, stored.version, pair, NOW)

    await asyncio.gather(rotate(engine, Sealer([NEW, OLD])), *[refresh(id) for id in ids])
    await check_keys(engine, Sealer([NEW]))
    async with engine.connect() as conn:
        for id in ids:
            stored = await TokenStore(Sealer([NEW])).get(conn, id)
            assert stored is not None
            assert (stored.version, stored.pair.access_token) == (6, "new 4")


async def test_a_wrong_key_is_told_with_how_much_it_does_not_open(engine: AsyncEngine) -> None:
    await check_keys(engine, Sealer([OTHER]))  # nothing is stored yet
    await add(engine, OLD, 2)
    await add(engine, NEW, 1)
    await check_keys(engine, Sealer([NEW, OLD]))
    with pytest.raises(InvalidKey, match="4 of 6 stored credentials"):
        await check_keys(engine, Sealer([NEW]))
    with pytest.raises(InvalidKey):
        await rotate(engine, Sealer([OTHER, NEW]))


async def test_a_key_that_is_lost_for_good(engine: AsyncEngine) -> None:
    await add(engine, OLD, 2)
    (kept,) = await add(engine, NEW, 1)
    assert await forget_unreadable(engine, Sealer([NEW]), NOW) == 2
    await check_keys(engine, Sealer([NEW]))
    async with engine.connect() as conn:
        rows = await Vault(Sealer([NEW])).list_for(conn, ORG, None, 10)
        left = await conn.scalar(text("SELECT count(*) FROM vault.tokens"))
    assert {row.status.value for row in rows if row.id != kept} == {"needs_reauth"}
    assert {row.status.value for row in rows if row.id == kept} == {"connecting"}
    assert left == 1
    assert await forget_unreadable(engine, Sealer([NEW]), NOW) == 0
