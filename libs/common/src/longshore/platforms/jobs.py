"""Durable jobs of a connector on pgqueuer (docs/adr: job library), kept in the connector's own schema.

Each store has lanes of its own, as pgqueuer entrypoints with a concurrency limit that the database enforces: so a slow
store fills its own lanes only, and the stock of one store is never pushed by two at once. A job that fails is never
dropped: handlers raise RetryRequested, and what slips through is held and queued again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.settings import DBSettings
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

log = structlog.get_logger(__name__)


class Lane(StrEnum):
    """What runs beside what for one store."""

    STOCK = "stock"
    WORK = "work"
    CONNECT = "connect"


# Stock: one at a time, or an older quantity could overtake a newer one. Work: a few, as hosts bear.
CONCURRENCY = {Lane.STOCK: 1, Lane.WORK: 4, Lane.CONNECT: 1}
# Stock first: an oversold piece costs more than a late tracking number.
PRIORITY = {Lane.STOCK: 30, Lane.WORK: 20, Lane.CONNECT: 10}

HEARTBEAT_S = 10.0
BATCH = 32
HELD_SWEEP_S = 15.0


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to queue. `key` makes it the only one of that key that waits or runs; a second one is not queued.

    `joins`: not queued either while another job of its lane waits, since that one will do all that is due (a push of
    open stock targets). So a store that is down for an hour has one such job, not one for each batch.
    """

    integration_id: UUID
    lane: Lane
    payload: bytes
    key: str | None = None
    joins: bool = False


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job in the hands of its handler; `attempts` counts the tries before this one."""

    integration_id: UUID
    lane: Lane
    payload: bytes
    attempts: int


class RetryLater(Exception):
    """Raised by a handler: try this job again after `delay_s`."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"again in {delay_s:.1f} s")
        self.delay_s = delay_s


Handler = Callable[[RunningJob], Awaitable[None]]


def _entrypoint(integration_id: UUID, lane: Lane) -> str:
    return f"{integration_id}/{lane.value}"


class JobQueue:
    """Queues jobs inside the caller's transaction and runs them. One per connector process."""

    def __init__(self, database_url: str, schema: str, handler: Handler) -> None:
        self._dsn = database_url.replace("postgresql+asyncpg://", "postgresql://")
        self._schema = schema
        self._handler = handler
        self._settings = DBSettings(db_schema=schema, channel=f"{schema}_jobs")
        self._stopping = asyncio.Event()
        self._manager: QueueManager | None = None
        self._stores: set[UUID] = set()
        # pgqueuer logs each failed try with its traceback; our own handler has said what matters.
        logging.getLogger("pgqueuer").setLevel(logging.CRITICAL)

    def _queries(self, driver: AsyncpgDriver | AsyncpgPoolDriver) -> Queries:
        return Queries(
            driver,
            qbe=QueryBuilderEnvironment(self._settings),
            qbq=QueryQueueBuilder(self._settings),
            qbs=QuerySchedulerBuilder(self._settings),
        )

    async def install(self) -> None:
        """Create or upgrade pgqueuer's own tables in the connector's schema."""
        connection = await asyncpg.connect(self._dsn)
        try:
            queries = self._queries(AsyncpgDriver(connection))
            await connection.execute("SELECT pg_advisory_lock(hashtext($1))", f"{self._schema}.jobs")
            if await queries.schema_is_installed():
                await queries.upgrade()
            else:
                await queries.install()
        finally:
            await connection.close()

    async def add(self, conn: AsyncConnection, jobs: Sequence[NewJob]) -> None:
        """Queue `jobs` in the transaction of `conn`: they exist if it commits."""
        if not jobs:
            return
        # A statement through SQLAlchemy opens its transaction, which the raw connection then shares.
        await conn.execute(text("SELECT 1"))
        raw = (await conn.get_raw_connection()).driver_connection
        assert isinstance(raw, asyncpg.Connection)  # noqa: S101  (db.make_engine makes asyncpg engines only)
        for job in jobs:
            self.know(job.integration_id)
        waiting = await self._waiting(conn, [job for job in jobs if job.joins])
        jobs = [job for job in jobs if not (job.joins and _entrypoint(job.integration_id, job.lane) in waiting)]
        if jobs:
            await self._queries(AsyncpgDriver(raw)).enqueue(
                [_entrypoint(job.integration_id, job.lane) for job in jobs],
                [job.payload for job in jobs],
                [PRIORITY[job.lane] for job in jobs],
                None,
                [job.key for job in jobs],
                on_conflict="skip",
            )

    async def _waiting(self, conn: AsyncConnection, jobs: Sequence[NewJob]) -> set[str]:
        """Lanes in which a job waits. It is locked: it cannot be taken before this transaction is seen by it."""
        if not jobs:
            return set()
        rows = await conn.execute(
            text(
                f"SELECT entrypoint FROM {self._schema}.pgqueuer"  # noqa: S608
                " WHERE status = 'queued' AND entrypoint = ANY(:lanes) FOR UPDATE SKIP LOCKED"
            ),
            {"lanes": [_entrypoint(job.integration_id, job.lane) for job in jobs]},
        )
        return {row.entrypoint for row in rows}

    def know(self, integration_id: UUID) -> None:
        """Run jobs of this store too."""
        if integration_id not in self._stores:
            self._stores.add(integration_id)
            if self._manager is not None:
                self._register(self._manager, integration_id)

    async def due(self, engine: AsyncEngine) -> int:
        """How many jobs run or could run now; those that wait for a later try do not count."""
        async with engine.connect() as conn:
            count = await conn.scalar(
                text(
                    f"SELECT count(*) FROM {self._schema}.pgqueuer"  # noqa: S608  (our own constant)
                    " WHERE status = 'picked' OR (status = 'queued' AND execute_after <= now())"
                )
            )
        return int(count or 0)

    async def run(self) -> None:
        """Run jobs until `stop`; outlives PostgreSQL's outages."""
        delay = 0.2
        while not self._stopping.is_set():
            try:
                await self._run_once()
                delay = 0.2
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, RuntimeError) as error:
                log.warning("the job queue starts again", error=type(error).__name__, retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    async def stop(self) -> None:
        """Take no new job; `run` returns when those under way are done."""
        self._stopping.set()
        if self._manager is not None:
            self._manager.shutdown.set()

    async def _run_once(self) -> None:
        async with asyncpg.create_pool(self._dsn, min_size=2, max_size=4) as pool:
            queries = self._queries(AsyncpgPoolDriver(pool))
            manager = QueueManager(queries, channel=self._settings.channel)
            rows = await pool.fetch(f"SELECT DISTINCT split_part(entrypoint, '/', 1) FROM {self._schema}.pgqueuer")  # noqa: S608
            self._stores.update(UUID(row[0]) for row in rows)
            for integration_id in self._stores:
                self._register(manager, integration_id)
            self._manager = manager
            sweep = asyncio.create_task(self._requeue_held(queries))
            try:
                await manager.run(
                    dequeue_timeout=timedelta(seconds=2),
                    batch_size=BATCH,
                    heartbeat_timeout=timedelta(seconds=HEARTBEAT_S),
                )
            finally:
                self._manager = None
                sweep.cancel()
                await asyncio.gather(sweep, return_exceptions=True)

    def _register(self, manager: QueueManager, integration_id: UUID) -> None:
        for lane in Lane:

            async def run(job: Job, lane: Lane = lane) -> None:
                await self._run_job(integration_id, lane, job)

            manager.entrypoint(
                _entrypoint(integration_id, lane),
                concurrency_limit=CONCURRENCY[lane],
                accepts_context=False,
                on_failure="hold",
            )(run)

    async def _run_job(self, integration_id: UUID, lane: Lane, job: Job) -> None:
        try:
            await self._handler(RunningJob(integration_id, lane, job.payload or b"", job.attempts))
        except RetryLater as retry:
            raise RetryRequested(delay=timedelta(seconds=retry.delay_s)) from None
        except asyncio.CancelledError:
            # pgqueuer would delete a cancelled job; it is to run again.
            raise RetryRequested(delay=timedelta(0)) from None
        except Exception as error:
            log.exception("a job failed unexpectedly", integration_id=str(integration_id), lane=lane.value)
            raise RetryRequested(delay=timedelta(seconds=min(2.0**job.attempts, 60.0))) from error

    async def _requeue_held(self, queries: Queries) -> None:
        """Jobs whose retry could not be written (PostgreSQL was away) are held by pgqueuer: queue them again."""
        while True:
            held = await queries.list_failed_jobs()
            if held:
                await queries.requeue_jobs([job.id for job in held])
            await asyncio.sleep(HELD_SWEEP_S)
