"""What is past goes, in small batches; what is not stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from longshore.pruning import Past, Pruner

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Ten rows a day old each: row n ended n days ago, but every fifth has not ended."""
    engine = create_async_engine(database_url)
    async with engine.begin() as conn:
        await conn.execute(text("CREATE TABLE done (n int PRIMARY KEY, ended_at timestamptz)"))
        await conn.execute(
            text(
                "INSERT INTO done SELECT n, CASE WHEN n % 5 <> 0 THEN CAST(:now AS timestamptz) - n * interval '1 day'"
                " END FROM generate_series(1, 100) AS n"
            ),
            {"now": NOW},
        )
    yield engine
    await engine.dispose()


def pruner(engine: AsyncEngine, registry: CollectorRegistry, batch: int = 7) -> Pruner:
    past = [Past("done", "ended_at < :before", MONTH)]
    return Pruner(engine, past, registry, clock=lambda: NOW, batch=batch)


async def left(engine: AsyncEngine) -> list[int]:
    async with engine.connect() as conn:
        return list((await conn.scalars(text("SELECT n FROM done ORDER BY n"))).all())


async def test_what_is_past_goes_and_the_rest_stays(engine: AsyncEngine) -> None:
    registry = CollectorRegistry()
    expected = [n for n in range(1, 101) if n <= 30 or n % 5 == 0]
    assert await pruner(engine, registry).prune() == 100 - len(expected)
    assert await left(engine) == expected
    assert await pruner(engine, CollectorRegistry()).prune() == 0
    assert registry.get_sample_value("longshore_rows_pruned_total", {"table": "done"}) == 100 - len(expected)


async def test_several_processes_at_once_delete_each_row_once(engine: AsyncEngine) -> None:
    gone = await asyncio.gather(*[pruner(engine, CollectorRegistry()).prune() for _ in range(3)])
    assert sum(gone) == 100 - len(await left(engine)) == 56


async def test_a_row_that_somebody_holds_waits_for_the_next_time(engine: AsyncEngine) -> None:
    async with engine.connect() as conn, conn.begin():
        await conn.execute(text("SELECT 1 FROM done WHERE n = 99 FOR UPDATE"))
        assert await pruner(engine, CollectorRegistry()).prune() == 55
    assert 99 in await left(engine)
    assert await pruner(engine, CollectorRegistry()).prune() == 1
