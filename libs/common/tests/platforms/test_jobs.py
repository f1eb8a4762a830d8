"""Durable jobs on real PostgreSQL: run, retried, never dropped, and one store's do not hold up another's."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import tasks
from longshore.platforms.job_runner import JobQueue
from longshore.platforms.jobs import CONCURRENCY, Lane, NewJob, Paused, RetryLater, RunningJob
from longshore.settings import ServiceSettings
from longshore_devkit.running import RunningInfra
from longshore_devkit.testing import eventually

from .conftest import SCHEMA, no_handler

STORE, OTHER = uuid4(), uuid4()


@asynccontextmanager
async def running(
    url: str,
    handler: Callable[[RunningJob], Awaitable[None]],
    *,
    paused: Paused = dict,
    heartbeat_s: float = 10.0,
    grace_s: float = 2.0,
) -> AsyncIterator[JobQueue]:
    queue = JobQueue(url, SCHEMA, handler, paused=paused, heartbeat_s=heartbeat_s, grace_s=grace_s)
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


async def left(engine: AsyncEngine) -> list[tuple[str, int]]:
    """Status and tries of all jobs that there are."""
    async with engine.connect() as conn:
        rows = await conn.execute(text(f"SELECT status::text, attempts FROM {SCHEMA}.pgqueuer ORDER BY id"))
        return [(row.status, row.attempts) for row in rows]


async def drained(queue: JobQueue, engine: AsyncEngine) -> None:
    async def none_due() -> bool:
        return await queue.due(engine) == 0

    await eventually(none_due, timeout=15, interval=0.01)


class Ran:
    """A handler that keeps what ran."""

    def __init__(self) -> None:
        self.jobs: list[RunningJob] = []

    async def __call__(self, each: RunningJob) -> None:
        self.jobs.append(each)

    @property
    def payloads(self) -> list[bytes]:
        return [each.payload for each in self.jobs]


class Hanging:
    """A handler that says that it began, and does not end by itself."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.release = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, _: RunningJob) -> None:
        self.began.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class TestQueueing:
    async def test_jobs_run_once_each(self, url: str, engine: AsyncEngine) -> None:
        ran = Ran()
        async with running(url, ran) as queue:
            await add(queue, engine, *[job(n, store=store) for n in range(10) for store in (STORE, OTHER)])
            await eventually(lambda: len(ran.jobs) == 20, timeout=15)
            await drained(queue, engine)
        assert sorted(ran.payloads) == sorted(str(n).encode() for n in range(10) for _ in range(2))
        assert await left(engine) == []

    async def test_a_job_of_a_transaction_that_is_rolled_back_never_was(self, url: str, engine: AsyncEngine) -> None:
        ran = Ran()
        async with running(url, ran) as queue:
            async with engine.connect() as conn:
                await conn.begin()
                await queue.add(conn, [job(1)])
                await conn.rollback()
            await add(queue, engine, job(2))
            await eventually(lambda: ran.jobs, timeout=10)
            await drained(queue, engine)
        assert ran.payloads == [b"2"]

    async def test_one_key_is_one_job(self, url: str, engine: AsyncEngine) -> None:
        queue = JobQueue(url, SCHEMA, no_handler)
        await add(queue, engine, job(1, key="a"), job(2, key="b"), job(4, key="b"))
        await add(queue, engine, job(3, key="a"))
        assert await queue.due(engine) == 2

    async def test_a_key_is_free_again_when_its_job_is_done(self, url: str, engine: AsyncEngine) -> None:
        ran = Ran()
        async with running(url, ran) as queue:
            for _ in range(2):
                await add(queue, engine, job(1, key="a"))
                await drained(queue, engine)
        assert ran.payloads == [b"1", b"1"]

    async def test_a_new_job_begins_without_waiting_for_the_next_look(self, url: str, engine: AsyncEngine) -> None:
        ran = Ran()
        async with running(url, ran) as queue:
            await add(queue, engine, job(0))
            await eventually(lambda: ran.jobs)
            started = asyncio.get_running_loop().time()
            for n in range(1, 11):
                await add(queue, engine, job(n))
                await eventually(lambda n=n: len(ran.jobs) > n, interval=0.002)  # type: ignore[misc]
            took = asyncio.get_running_loop().time() - started
        # Ten in a row: some 10 ms each, where a look every 2 s would take 20 s.
        assert took < 5


class TestTries:
    async def test_retried_later_with_its_attempts_counted(self, url: str, engine: AsyncEngine) -> None:
        attempts: list[int] = []

        async def handler(each: RunningJob) -> None:
            attempts.append(each.attempts)
            if len(attempts) < 4:
                raise RetryLater(0.02 if len(attempts) < 3 else 0)

        async with running(url, handler) as queue:
            await add(queue, engine, job(1))
            await eventually(lambda: len(attempts) == 4, timeout=15)
            await drained(queue, engine)
        assert attempts == [0, 1, 2, 3]

    async def test_a_job_that_waits_for_its_retry_is_not_due(self, url: str, engine: AsyncEngine) -> None:
        ran = asyncio.Event()

        async def handler(_: RunningJob) -> None:
            ran.set()
            raise RetryLater(60)

        async with running(url, handler) as queue:
            await add(queue, engine, job(1))
            await asyncio.wait_for(ran.wait(), 10)
            await drained(queue, engine)
        assert await left(engine) == [("queued", 1)]

    async def test_a_bug_does_not_lose_the_job(self, url: str, engine: AsyncEngine) -> None:
        tries = 0

        async def handler(_: RunningJob) -> None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise ZeroDivisionError

        async with running(url, handler) as queue:
            await add(queue, engine, job(1))
            await eventually(lambda: tries == 2, timeout=15)
            await drained(queue, engine)


class TestLanes:
    async def test_a_store_fills_its_own_lane_only(self, url: str, engine: AsyncEngine) -> None:
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

        async with running(url, handler) as queue:
            await add(queue, engine, *[job(n) for n in range(50)])
            await eventually(lambda: now_running[STORE] == CONCURRENCY[Lane.WORK], timeout=10)
            await add(queue, engine, job(0, store=OTHER))
            await asyncio.wait_for(other_done.wait(), 10)
            release.set()
            await drained(queue, engine)
        assert most[STORE] == CONCURRENCY[Lane.WORK]

    async def test_stock_of_one_store_is_pushed_by_one_at_a_time(self, url: str, engine: AsyncEngine) -> None:
        """By two processes too."""
        together = most = done = 0

        async def handler(_: RunningJob) -> None:
            nonlocal together, most, done
            together += 1
            most = max(most, together)
            await asyncio.sleep(0.005)
            together -= 1
            done += 1

        async with running(url, handler) as queue, running(url, handler):
            await add(queue, engine, *[job(n, lane=Lane.STOCK) for n in range(12)])
            await eventually(lambda: done == 12, timeout=20)
            await drained(queue, engine)
        assert (most, done) == (1, 12)

    async def test_jobs_of_a_paused_store_are_left_alone_but_for_connecting_it(
        self, url: str, engine: AsyncEngine
    ) -> None:
        ran = Ran()
        pauses = {STORE: 60.0}
        async with running(url, ran, paused=lambda: pauses) as queue:
            await add(queue, engine, job(1), job(2, lane=Lane.CONNECT), job(3, store=OTHER))
            await drained(queue, engine)
            assert sorted(ran.payloads) == [b"2", b"3"]
            pauses.clear()
            await add(queue, engine, job(4, store=OTHER))
            await drained(queue, engine)
        assert sorted(ran.payloads) == [b"1", b"2", b"3", b"4"]


class TestJoining:
    async def test_one_that_waits_but_not_one_that_runs(self, url: str, engine: AsyncEngine) -> None:
        began, release = asyncio.Event(), asyncio.Event()
        ran: list[bytes] = []

        async def handler(each: RunningJob) -> None:
            began.set()
            await release.wait()
            ran.append(each.payload)

        async with running(url, handler) as queue:
            await add(queue, engine, job(1, lane=Lane.STOCK, joins=True))
            await asyncio.wait_for(began.wait(), 10)
            await add(queue, engine, job(2, lane=Lane.STOCK, joins=True))
            await add(queue, engine, job(3, lane=Lane.STOCK, joins=True))
            await add(queue, engine, job(4, store=OTHER, lane=Lane.STOCK, joins=True))
            release.set()
            await eventually(lambda: len(ran) == 3, timeout=15)
            await drained(queue, engine)
        assert sorted(ran) == [b"1", b"2", b"4"]

    async def test_one_that_waits_for_a_later_try_is_brought_forward(self, url: str, engine: AsyncEngine) -> None:
        """Or new stock would wait out the pause of one listing that failed."""
        ran = Ran()

        async def handler(each: RunningJob) -> None:
            await ran(each)
            if len(ran.jobs) == 1:
                raise RetryLater(300)

        async with running(url, handler) as queue:
            await add(queue, engine, job(1, lane=Lane.STOCK, joins=True))
            await eventually(lambda: ran.jobs)
            await drained(queue, engine)
            await add(queue, engine, job(2, lane=Lane.STOCK, joins=True))
            await eventually(lambda: len(ran.jobs) == 2)
            await drained(queue, engine)
        assert ran.payloads == [b"1", b"1"]
        assert await left(engine) == []

    async def test_a_job_that_was_joined_is_taken_after_the_transaction(self, url: str, engine: AsyncEngine) -> None:
        ran = Ran()
        queue = JobQueue(url, SCHEMA, no_handler)
        await add(queue, engine, job(1, lane=Lane.STOCK, joins=True))
        async with engine.begin() as conn:
            await queue.add(conn, [job(2, lane=Lane.STOCK, joins=True)])
            async with running(url, ran) as queue:
                await add(queue, engine, job(3, store=OTHER))
                await eventually(lambda: ran.jobs)
                assert ran.payloads == [b"3"]
                await conn.commit()
                await eventually(lambda: len(ran.jobs) == 2)


class TestStopping:
    async def test_jobs_under_way_may_end(self, url: str, engine: AsyncEngine) -> None:
        handler = Hanging()
        async with running(url, handler) as queue:
            await add(queue, engine, job(1))
            await asyncio.wait_for(handler.began.wait(), 10)
            await queue.stop()
            handler.release.set()
        assert handler.cancelled == 0
        assert await left(engine) == []

    async def test_one_that_does_not_end_is_queued_again_at_once(self, url: str, engine: AsyncEngine) -> None:
        handler = Hanging()
        async with running(url, handler, grace_s=0.05) as queue:
            await add(queue, engine, job(1))
            await asyncio.wait_for(handler.began.wait(), 10)
        assert handler.cancelled == 1
        assert await left(engine) == [("queued", 0)]

    async def test_so_is_one_whose_runner_is_cancelled(self, url: str, engine: AsyncEngine) -> None:
        handler = Hanging()
        queue = JobQueue(url, SCHEMA, handler, grace_s=0.05)
        task = asyncio.create_task(queue.run())
        await add(queue, engine, job(1))
        await asyncio.wait_for(handler.began.wait(), 10)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
        assert await left(engine) == [("queued", 0)]
        ran = Ran()
        async with running(url, ran):
            await eventually(lambda: ran.jobs)

    async def test_one_that_takes_its_time_may_end_when_the_service_ends(self, url: str, engine: AsyncEngine) -> None:
        """The runtime cancels background tasks again and again until they have ended."""
        handler = Hanging()
        task = asyncio.create_task(JobQueue(url, SCHEMA, handler, grace_s=4.0).run())
        await add(JobQueue(url, SCHEMA, no_handler), engine, job(1))
        await asyncio.wait_for(handler.began.wait(), 10)
        asyncio.get_running_loop().call_later(2 * tasks.AGAIN_AFTER_S + 0.2, handler.release.set)
        await tasks.end(task)
        assert task.cancelled()
        assert handler.cancelled == 0
        assert await left(engine) == []

    async def test_nothing_is_left_behind_when_it_stops_amid_many(self, url: str, engine: AsyncEngine) -> None:
        ran = Ran()

        async def handler(each: RunningJob) -> None:
            await asyncio.sleep(0.001)
            await ran(each)

        queue = JobQueue(url, SCHEMA, handler)
        await add(queue, engine, *[job(n, store=uuid4()) for n in range(200)])
        for _ in range(40):
            task = asyncio.create_task(queue.run())
            await asyncio.sleep(0.03)
            task.cancel()
            await asyncio.wait({task}, timeout=10)
            if not (states := await left(engine)):
                break
            assert {status for status, _ in states} == {"queued"}
        async with running(url, handler) as queue:
            await drained(queue, engine)
        assert sorted(ran.payloads) == sorted(str(n).encode() for n in range(200))


class TestOutages:
    async def test_postgresql_restarts_under_running_jobs(
        self, infra: RunningInfra, url: str, engine: AsyncEngine
    ) -> None:
        """They go on, are not run twice, and their end is written when PostgreSQL is back."""
        handler = Hanging()
        tries: list[bytes] = []

        async def counted(each: RunningJob) -> None:
            tries.append(each.payload)
            if each.payload != b"9":
                await handler(each)

        async with running(url, counted, heartbeat_s=5) as queue:
            await add(queue, engine, job(1), job(2))
            await eventually(lambda: len(tries) == 2)
            infra.signal(signal.SIGKILL, "postgres")
            handler.release.set()
            await asyncio.to_thread(infra.wait_ready, "postgres")
            await drained(queue, engine)
            await add(queue, engine, job(9))
            await eventually(lambda: len(tries) == 3)
            await drained(queue, engine)
        assert sorted(tries) == [b"1", b"2", b"9"]
        assert await left(engine) == []

    async def test_the_notifications_connection_is_replaced(self, url: str, engine: AsyncEngine) -> None:
        ran = Ran()
        async with running(url, ran) as queue:
            await add(queue, engine, job(1))
            await drained(queue, engine)
            async with engine.begin() as conn:
                await conn.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                    )
                )
            for n in (2, 3, 4):
                await add(queue, engine, job(n))
                await eventually(lambda n=n: len(ran.jobs) == n)  # type: ignore[misc]
            await drained(queue, engine)

    async def test_the_job_of_a_killed_process_runs_again(self, url: str, engine: AsyncEngine, tmp_path: Path) -> None:
        program = Path(__file__).with_name("job_process.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(program), url, SCHEMA, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
        )
        try:
            assert process.stdout is not None
            await add(JobQueue(url, SCHEMA, no_handler), engine, job(7))
            assert await asyncio.wait_for(process.stdout.readline(), 20) == b"7\n"
        finally:
            process.kill()
            await process.wait()
        assert await left(engine) == [("picked", 0)]
        ran = Ran()
        async with running(url, ran, heartbeat_s=1) as queue:
            await eventually(lambda: ran.jobs, timeout=10)
            await drained(queue, engine)
        assert ran.payloads == [b"7"]

    async def test_a_job_that_runs_longer_than_the_heartbeat_is_not_taken_by_another(
        self, url: str, engine: AsyncEngine
    ) -> None:
        handler, other = Hanging(), Ran()

        async def overdue() -> bool:
            async with engine.connect() as conn:
                taken = f"SELECT now() - updated > interval '1 second' FROM {SCHEMA}.pgqueuer"
                return bool(await conn.scalar(text(taken)))

        async with running(url, handler, heartbeat_s=0.4, paused=lambda: {OTHER: 60}) as queue:
            await add(queue, engine, job(1))
            await asyncio.wait_for(handler.began.wait(), 10)
            async with running(url, other, heartbeat_s=0.4):
                await eventually(overdue)
                await add(queue, engine, job(2, store=OTHER))
                await eventually(lambda: other.jobs)
                handler.release.set()
                await drained(queue, engine)
        assert other.payloads == [b"2"]


async def test_the_log_of_pgqueuer_does_not_grow_for_ever(url: str, engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(
            text(
                f"INSERT INTO {SCHEMA}.pgqueuer_log (job_id, status, entrypoint, priority, created)"
                " VALUES (1, 'successful', 'x', 0, now() - interval '2 days'), (2, 'successful', 'x', 0, now())"
            )
        )

    async def kept() -> int:
        async with engine.connect() as conn:
            return int(await conn.scalar(text(f"SELECT count(*) FROM {SCHEMA}.pgqueuer_log")) or 0)

    async def tidied() -> bool:
        return await kept() == 1

    async with running(url, no_handler):
        await eventually(tidied)


@pytest.mark.parametrize("sslmode", ["", "?sslmode=disable", "?application_name=x&sslmode=prefer"])
async def test_it_connects_with_the_url_of_the_settings(url: str, engine: AsyncEngine, sslmode: str) -> None:
    plain = url.replace("postgresql+asyncpg://", "postgresql://")
    separator = "&" if "?" in plain and sslmode else ""
    given = plain + (sslmode if not separator else separator + sslmode[1:])
    settings = ServiceSettings(
        kafka_bootstrap_servers="x:1", database_url=given, encryption_keys=(Fernet.generate_key().decode(),)
    )
    ran = Ran()
    async with running(settings.database_url, ran) as queue:
        await add(queue, engine, job(1))
        await eventually(lambda: ran.jobs)
