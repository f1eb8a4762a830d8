"""Durable jobs of a connector on pgqueuer (docs/adr: job library), kept in the connector's own schema.

Each store has lanes of its own, as pgqueuer entrypoints with a concurrency limit that the database enforces: so a slow
store fills its own lanes only, and the stock of one store is never pushed by two at once. Tables and statements are
pgqueuer's; what runs the jobs is ours (see job_runner.py). A job is gone only when its handler has returned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.settings import DBSettings, Durability
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Lane(StrEnum):
    """What runs beside what for one store."""

    STOCK = "stock"
    WORK = "work"
    CONNECT = "connect"
    SYNC = "sync"


# Stock: one at a time, or an older quantity could overtake a newer one. Work: a few, as hosts bear. Sync: one resource
# after the other.
CONCURRENCY = {Lane.STOCK: 1, Lane.WORK: 4, Lane.CONNECT: 1, Lane.SYNC: 1}
# Stock first: an oversold piece costs more than a late tracking number. A backfill has all the time there is.
PRIORITY = {Lane.STOCK: 30, Lane.WORK: 20, Lane.CONNECT: 10, Lane.SYNC: 5}
# What goes before a sync run of the same store, and what waits while the store is not to be called.
LIVE = (Lane.STOCK, Lane.WORK)

# A job of a process that died runs again after this time.
HEARTBEAT_S = 10.0


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to queue. `key` makes it the only one of that key that waits or runs; a second one is not queued.

    `joins`: not queued either while another job of its lane waits, since that one will do all that is due (a push of
    open stock targets); if that one waits for a later try, it is brought forward. So a store that is down for an hour
    has one such job, not one for each batch.
    """

    integration_id: UUID
    lane: Lane
    payload: bytes
    key: str | None = None
    joins: bool = False


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job in the hands of its handler; `attempts` counts the tries before this one, `created_at` is when it was
    queued."""

    integration_id: UUID
    lane: Lane
    payload: bytes
    attempts: int
    created_at: datetime | None = None


class RetryLater(Exception):
    """Raised by a handler: try this job again after `delay_s`."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"again in {delay_s:.1f} s")
        self.delay_s = delay_s


Handler = Callable[[RunningJob], Awaitable[None]]
# The stores that are not to be called now, and for how many seconds more.
Paused = Callable[[], Mapping[UUID, float]]


class QueueJobs(Protocol):
    """What those who queue jobs need of the queue."""

    async def add(self, conn: AsyncConnection, jobs: Sequence[NewJob]) -> None:
        """Queue `jobs` in the transaction of `conn`: they exist if it commits."""


def entrypoint(integration_id: UUID, lane: Lane) -> str:
    """pgqueuer's name for a store's lane."""
    return f"{integration_id}/{lane.value}"


def lane_of(name: str) -> tuple[UUID, Lane]:
    """The store and lane of an entrypoint. Raises ValueError if it is not one of ours."""
    store, _, lane = name.partition("/")
    return UUID(store), Lane(lane)


class JobTables:
    """pgqueuer's tables in a connector's schema: made, and filled inside the caller's transaction."""

    def __init__(self, database_url: str, schema: str) -> None:
        self.dsn = _dsn(database_url)
        self.schema = schema
        # Balanced: the jobs are durable, their log and statistics are not worth a write-ahead log.
        self.settings = DBSettings(db_schema=schema, channel=f"{schema}_jobs", durability=Durability.balanced)

    def queries(self, driver: AsyncpgDriver | AsyncpgPoolDriver) -> Queries:
        """pgqueuer's statements on our tables."""
        return Queries(
            driver,
            qbe=QueryBuilderEnvironment(self.settings),
            qbq=QueryQueueBuilder(self.settings),
            qbs=QuerySchedulerBuilder(self.settings),
        )

    async def install(self) -> None:
        """Create or upgrade them; several processes may do so at once."""
        connection = await asyncpg.connect(self.dsn, timeout=5)
        try:
            queries = self.queries(AsyncpgDriver(connection))
            await connection.execute("SELECT pg_advisory_lock(hashtext($1))", f"{self.schema}.jobs")
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
        waiting = await self._bring_forward(conn, [job for job in jobs if job.joins])
        jobs = [job for job in jobs if not (job.joins and entrypoint(job.integration_id, job.lane) in waiting)]
        if jobs:
            await self.queries(AsyncpgDriver(raw)).enqueue(
                [entrypoint(job.integration_id, job.lane) for job in jobs],
                [job.payload for job in jobs],
                [PRIORITY[job.lane] for job in jobs],
                None,
                [job.key for job in jobs],
                on_conflict="skip",
            )

    async def _bring_forward(self, conn: AsyncConnection, jobs: Sequence[NewJob]) -> set[str]:
        """Lanes in which a job waits. It is made due, and locked: whoever takes it sees this transaction's work."""
        if not jobs:
            return set()
        rows = await conn.execute(
            text(
                "WITH waiting AS ("  # noqa: S608  (the schema is a name in our code)
                f" SELECT id, entrypoint, execute_after FROM {self.schema}.pgqueuer"
                " WHERE status = 'queued' AND entrypoint = ANY(:lanes) ORDER BY id FOR UPDATE SKIP LOCKED"
                "), forward AS ("
                f" UPDATE {self.schema}.pgqueuer q SET execute_after = now()"
                " FROM waiting WHERE q.id = waiting.id AND waiting.execute_after > now()"
                # The runner could not take the locked job meanwhile: it has to look again after the commit.
                "), told AS (SELECT pg_notify(:channel, '') FROM (SELECT FROM waiting LIMIT 1) AS any_waiting)"
                " SELECT entrypoint FROM waiting, (SELECT count(*) FROM told) AS t"
            ),
            {
                "lanes": [entrypoint(job.integration_id, job.lane) for job in jobs],
                "channel": self.settings.channel,
            },
        )
        return {row.entrypoint for row in rows}

    async def due(self, engine: AsyncEngine, paused: Iterable[UUID] = ()) -> int:
        """How many jobs run or could run now; those that wait for a later try, or of `paused` stores, do not count."""
        lanes = [entrypoint(store, lane) for store in paused for lane in (*LIVE, Lane.SYNC)]
        async with engine.connect() as conn:
            count = await conn.scalar(
                text(
                    f"SELECT count(*) FROM {self.schema}.pgqueuer"  # noqa: S608  (our own constant)
                    " WHERE status = 'picked'"
                    " OR (status = 'queued' AND execute_after <= now() AND entrypoint <> ALL(:lanes))"
                ),
                {"lanes": lanes},
            )
        return int(count or 0)

    async def has_live(self, engine: AsyncEngine, integration_id: UUID) -> bool:
        """Whether a store has pushes, shipments or fetches that run or could run now."""
        async with engine.connect() as conn:
            found = await conn.scalar(
                text(
                    f"SELECT EXISTS (SELECT FROM {self.schema}.pgqueuer"  # noqa: S608  (our own constant)
                    " WHERE entrypoint = ANY(:lanes) AND status IN ('queued', 'picked') AND execute_after <= now())"
                ),
                {"lanes": [entrypoint(integration_id, lane) for lane in LIVE]},
            )
        return bool(found)


def _dsn(database_url: str) -> str:
    """asyncpg's own spelling of an engine's URL (see ServiceSettings.database_url)."""
    plain = database_url.replace("postgresql+asyncpg://", "postgresql://", 1)
    return plain.replace("?ssl=", "?sslmode=").replace("&ssl=", "&sslmode=")
