"""Durable jobs on real PostgreSQL: run, retried, never dropped, and one store's do not hold up another's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.platforms.job_runner import JobQueue
from longshore.platforms.jobs import CONCURRENCY, Lane, NewJob, RetryLater, RunningJob
from longshore_devkit.testing import eventually

SCHEMA = "connector_test"
STORE, OTHER = uuid4(), uuid4()


@asynccontextmanager
async def running(url: str, handler: Callable[[RunningJob], Awaitable[None]]) -> AsyncIterator[JobQueue]:
    queue = JobQueue(url, SCHEMA, handler)
    await queue.install()
    task = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        await queue.stop()
        await asyncio.wait_for(task, 10)


async def add(queue: JobQueue, engine: AsyncEngine, *jobs: NewJob) -> None:
    async with engine.begin() as conn:
        await queue.add(conn, jobs)


def job(n: int, *, store: UUID = STORE, lane: Lane = Lane.WORK, key: str | None = None, joins: bool = False) -> NewJob:
    return NewJob(store, lane, str(n).encode(), key, joins)


async def drained(queue: JobQueue, engine: AsyncEngine) -> None:
    async def none_due() -> bool:
        return await queue.due(engine) == 0

    await eventually(none_due, timeout=15)


async def test_jobs_run_once_each(database_url: str, engine: AsyncEngine) -> None:
    ran: list[bytes] = []

    async def handler(each: RunningJob) -> None:
        ran.append(each.payload)

    async with running(database_url, handler) as queue:
        await add(queue, engine, *[job(n, store=store) for n in range(10) for store in (STORE, OTHER)])
        await eventually(lambda: len(ran) == 20, timeout=15)
        await drained(queue, engine)
    assert sorted(ran) == sorted(str(n).encode() for n in range(10) for _ in range(2))


async def test_a_job_of_a_transaction_that_is_rolled_back_never_was(database_url: str, engine: AsyncEngine) -> None:
    ran: list[bytes] = []

    async def handler(each: RunningJob) -> None:
        ran.append(each.payload)

    async with running(database_url, handler) as queue:
        async with engine.connect() as conn:
            await conn.begin()
            await queue.add(conn, [job(1)])
            await conn.rollback()
        await add(queue, engine, job(2))
        await eventually(lambda: ran, timeout=10)
        await drained(queue, engine)
    assert ran == [b"2"]


async def test_one_key_is_one_job(database_url: str, engine: AsyncEngine) -> None:
    queue = JobQueue(database_url, SCHEMA, _nothing)
    await queue.install()
    await add(queue, engine, job(1, key="a"), job(2, key="b"))
    await add(queue, engine, job(3, key="a"))
    assert await queue.due(engine) == 2


async def test_retried_later_with_its_attempts_counted(database_url: str, engine: AsyncEngine) -> None:
    attempts: list[int] = []

    async def handler(each: RunningJob) -> None:
        attempts.append(each.attempts)
        if len(attempts) < 3:
            raise RetryLater(0.05)

    async with running(database_url, handler) as queue:
        await add(queue, engine, job(1))
        await eventually(lambda: len(attempts) == 3, timeout=15)
    assert attempts == [0, 1, 2]


async def test_a_job_that_waits_for_its_retry_is_not_due(database_url: str, engine: AsyncEngine) -> None:
    ran = asyncio.Event()

    async def handler(_: RunningJob) -> None:
        ran.set()
        raise RetryLater(60)

    async with running(database_url, handler) as queue:
        await add(queue, engine, job(1))
        await asyncio.wait_for(ran.wait(), 10)
        await drained(queue, engine)
    async with engine.connect() as conn:
        assert await conn.scalar(text(f"SELECT count(*) FROM {SCHEMA}.pgqueuer")) == 1


async def test_a_bug_does_not_lose_the_job(database_url: str, engine: AsyncEngine) -> None:
    tries = 0

    async def handler(_: RunningJob) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ZeroDivisionError

    async with running(database_url, handler) as queue:
        await add(queue, engine, job(1))
        await eventually(lambda: tries == 2, timeout=15)
        await drained(queue, engine)


async def test_a_stop_in_the_middle_does_not_lose_the_job(database_url: str, engine: AsyncEngine) -> None:
    began = asyncio.Event()

    async def hangs(_: RunningJob) -> None:
        began.set()
        await asyncio.Event().wait()

    first = JobQueue(database_url, SCHEMA, hangs)
    await first.install()
    task = asyncio.create_task(first.run())
    await add(first, engine, job(1))
    await asyncio.wait_for(began.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    ran = asyncio.Event()

    async def works(_: RunningJob) -> None:
        ran.set()

    async with running(database_url, works):
        await asyncio.wait_for(ran.wait(), 15)


async def test_a_store_fills_its_own_lane_only(database_url: str, engine: AsyncEngine) -> None:
    now_running = {STORE: 0, OTHER: 0}
    most = dict(now_running)
    release = asyncio.Event()
    other_done = asyncio.Event()

    async def handler(each: RunningJob) -> None:
        store = each.integration_id
        now_running[store] += 1
        most[store] = max(most[store], now_running[store])
        if store == STORE:
            await release.wait()
        else:
            other_done.set()
        now_running[store] -= 1

    async with running(database_url, handler) as queue:
        await add(queue, engine, *[job(n) for n in range(50)])
        await eventually(lambda: now_running[STORE] == CONCURRENCY[Lane.WORK], timeout=10)
        await add(queue, engine, job(0, store=OTHER))
        await asyncio.wait_for(other_done.wait(), 10)
        release.set()
        await drained(queue, engine)
    assert most[STORE] == CONCURRENCY[Lane.WORK]


async def test_stock_of_one_store_is_pushed_by_one_at_a_time(database_url: str, engine: AsyncEngine) -> None:
    together = most = done = 0

    async def handler(_: RunningJob) -> None:
        nonlocal together, most, done
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        together -= 1
        done += 1

    async with running(database_url, handler) as queue:
        await add(queue, engine, *[job(n, lane=Lane.STOCK) for n in range(8)])
        await eventually(lambda: done == 8, timeout=20)
    assert most == 1


async def test_a_job_joins_one_that_waits_but_not_one_that_runs(database_url: str, engine: AsyncEngine) -> None:
    began, release = asyncio.Event(), asyncio.Event()
    ran: list[bytes] = []

    async def handler(each: RunningJob) -> None:
        began.set()
        await release.wait()
        ran.append(each.payload)

    async with running(database_url, handler) as queue:
        await add(queue, engine, job(1, lane=Lane.STOCK, joins=True))
        await asyncio.wait_for(began.wait(), 10)
        await add(queue, engine, job(2, lane=Lane.STOCK, joins=True))
        await add(queue, engine, job(3, lane=Lane.STOCK, joins=True))
        await add(queue, engine, job(4, store=OTHER, lane=Lane.STOCK, joins=True))
        release.set()
        await eventually(lambda: len(ran) == 3, timeout=15)
        await drained(queue, engine)
    assert sorted(ran) == [b"1", b"2", b"4"]


async def _nothing(_: RunningJob) -> None: ...
