"""What runs a connector's jobs: one loop that takes what is due, woken by PostgreSQL's notifications.

pgqueuer's own manager is not used, for reasons that we measured (docs/adr: job library): it asks for every registered
entrypoint each time (3,000 of them: 35 ms of CPU per job), frees a lane up to 100 ms after its job is done, and waits
without limit for running jobs when it is cancelled or PostgreSQL restarts. Here PostgreSQL may go away at any time:
jobs under way go on, and how they ended is written once it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import cast
from uuid import uuid4

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import tasks
from longshore.platforms.jobs import (
    CONCURRENCY,
    HEARTBEAT_S,
    Handler,
    JobTables,
    Lane,
    NewJob,
    Paused,
    RetryLater,
    RunningJob,
    lane_of,
)

log = structlog.get_logger(__name__)

BATCH = 32
# Without any notification, the queue is looked at this often.
POLL_S = 5.0
# How long jobs under way may go on after a stop.
GRACE_S = 2.0
LOG_KEPT = timedelta(days=1)
TIDY_EVERY_S = 600.0

# The last is what asyncpg raises when it notices in the middle of a statement that its connection is gone.
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class JobQueue:
    """Queues jobs inside the caller's transaction and runs them; any number of processes may do so."""

    def __init__(
        self,
        database_url: str,
        schema: str,
        handler: Handler,
        *,
        paused: Paused = dict,
        heartbeat_s: float = HEARTBEAT_S,
        grace_s: float = GRACE_S,
    ) -> None:
        """`paused`: the jobs of these stores are left alone (those that connect them excepted)."""
        self._tables = JobTables(database_url, schema)
        self._handler = handler
        self._heartbeat_s = heartbeat_s
        self._grace_s = grace_s
        self._id = QueueManagerId(uuid4())
        self._news = asyncio.Event()
        self._stopping = False
        self._listener: asyncpg.Connection | None = None
        # By id and try: the next try of a job may be taken before the task of this one has quite ended.
        self._under_way: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._lanes: dict[str, int] = {}
        self._paused = paused

    async def install(self) -> None:
        """Create or upgrade the tables."""
        await self._tables.install()

    async def add(self, conn: AsyncConnection, jobs: Sequence[NewJob]) -> None:
        """Queue `jobs` in the transaction of `conn`: they exist if it commits."""
        await self._tables.add(conn, jobs)

    async def due(self, engine: AsyncEngine) -> int:
        """How many jobs run or could run now; those that wait for a later try or for their store do not count."""
        return await self._tables.due(engine, self._paused())

    async def run(self) -> None:
        """Run jobs until `stop` or until cancelled; outlives PostgreSQL's outages.

        Then jobs under way may end within the grace; those that do not are cancelled and queued again.
        """
        self._stopping = False
        async with contextlib.AsyncExitStack() as stack:
            pool = asyncpg.create_pool(
                self._tables.dsn, min_size=0, max_size=4, command_timeout=30, timeout=5, reset=_nothing_to_reset
            )
            await pool
            stack.callback(pool.terminate)
            queries = self._tables.queries(AsyncpgPoolDriver(pool))
            helpers = [asyncio.create_task(self._beat(queries)), asyncio.create_task(self._tidy(pool))]
            try:
                await self._take_until_stopped(queries, pool)
            finally:
                for helper in helpers[1:]:
                    helper.cancel()
                try:
                    await tasks.finish(self._wind_down(pool))
                finally:
                    helpers[0].cancel()
                    await asyncio.gather(*helpers, return_exceptions=True)
                    self._drop_listener()

    async def stop(self) -> None:
        """Take no new job; `run` returns when those under way are done, or their grace is over."""
        self._stopping = True
        self._news.set()

    # Taking

    async def _take_until_stopped(self, queries: Queries, pool: asyncpg.Pool) -> None:
        delay = 0.1
        while not self._stopping:
            self._news.clear()
            try:
                await self._listen()
                wait = await self._take(queries, pool)
                delay = 0.1
            except _AWAY as error:
                log.warning("the job queue waits for PostgreSQL", error=type(error).__name__, retry_in_s=delay)
                self._drop_listener()
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)
                continue
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), wait)

    async def _listen(self) -> None:
        """A connection of its own, for as long as it lasts; before the first look, so that nothing is missed."""
        if self._listener is not None and not self._listener.is_closed():
            return
        self._drop_listener()
        self._listener = await asyncpg.connect(self._tables.dsn, timeout=5, command_timeout=10)
        self._listener.add_termination_listener(self._on_news)
        await self._listener.add_listener(self._tables.settings.channel, self._on_news)

    def _on_news(self, *what: object) -> None:
        """A notification, or the end of its connection."""
        # A job that ended frees its lane for the process that ran it, which looks again by itself.
        if len(what) < 4 or '"delete"' not in str(what[3]):
            self._news.set()

    def _drop_listener(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.remove_termination_listener(self._on_news)
            listener.terminate()

    async def _take(self, queries: Queries, pool: asyncpg.Pool) -> float:
        """Take and begin what is due; answers how long there is nothing to do, unless there is news."""
        lanes, next_in = await self._lanes_due(pool)
        if not lanes:
            return next_in
        jobs = await queries.dequeue(
            batch_size=BATCH,
            entrypoints=lanes,
            queue_manager_id=self._id,
            global_concurrency_limit=None,
            heartbeat_timeout=timedelta(seconds=self._heartbeat_s),
        )
        for job in jobs:
            self._begin(job, queries)
        if len(jobs) == BATCH:
            return 0.0
        # Due but not taken: locked by somebody, or its lane is full in another process.
        return next_in if jobs else min(next_in, 0.2)

    async def _lanes_due(self, pool: asyncpg.Pool) -> tuple[dict[QueueEntrypoint, EntrypointExecutionParameter], float]:
        """The lanes with jobs to take, and seconds until the next one has."""
        rows = await pool.fetch(
            # Skips from lane to lane in the index, however many jobs wait in each.
            f"""
            WITH RECURSIVE lane AS (
                (SELECT entrypoint FROM {self._tables.schema}.pgqueuer
                 WHERE status = 'queued' ORDER BY entrypoint LIMIT 1)
                UNION ALL
                SELECT (SELECT q.entrypoint FROM {self._tables.schema}.pgqueuer q
                        WHERE q.status = 'queued' AND q.entrypoint > lane.entrypoint ORDER BY q.entrypoint LIMIT 1)
                FROM lane WHERE lane.entrypoint IS NOT NULL
            ), waiting AS MATERIALIZED (
                SELECT entrypoint, extract(epoch FROM (
                    SELECT q.execute_after FROM {self._tables.schema}.pgqueuer q
                    WHERE q.status = 'queued' AND q.entrypoint = lane.entrypoint ORDER BY q.execute_after LIMIT 1
                ) - now())::float8 AS due_in
                FROM lane WHERE entrypoint IS NOT NULL
            )
            SELECT entrypoint, due_in FROM waiting WHERE due_in < 0
            UNION ALL
            SELECT DISTINCT entrypoint, -1::float8 FROM {self._tables.schema}.pgqueuer
            WHERE status = 'picked' AND heartbeat < now() - make_interval(secs => $1)
            UNION ALL
            SELECT NULL, min(due_in) FROM waiting WHERE due_in >= 0 HAVING count(*) > 0
            """,  # noqa: S608  (the schema is a name in our code)
            self._heartbeat_s,
        )
        lanes: dict[QueueEntrypoint, EntrypointExecutionParameter] = {}
        next_in = POLL_S
        paused = self._paused()
        for name, due_in in rows:
            if name is None:
                next_in = min(next_in, max(due_in, 0.001))
                continue
            try:
                store, lane = lane_of(name)
            except ValueError:
                continue  # another version's lane
            if lane is not Lane.CONNECT and store in paused:
                next_in = min(next_in, max(paused[store], 0.001))
            elif self._lanes.get(name, 0) < CONCURRENCY[lane]:
                lanes[QueueEntrypoint(name)] = EntrypointExecutionParameter(CONCURRENCY[lane])
        return lanes, next_in

    # Running

    def _begin(self, job: Job, queries: Queries) -> None:
        name = (int(job.id), job.attempts)
        if name in self._under_way:
            return  # our heartbeat was late, and the job came back to us while it runs
        lane = str(job.entrypoint)
        self._lanes[lane] = self._lanes.get(lane, 0) + 1
        task = asyncio.create_task(self._run_job(job, queries), name=f"job {job.id}")
        self._under_way[name] = task

        def ended(_: asyncio.Task[None]) -> None:
            del self._under_way[name]
            self._lanes[lane] -= 1
            if not self._lanes[lane]:
                del self._lanes[lane]
            self._news.set()

        task.add_done_callback(ended)

    async def _run_job(self, job: Job, queries: Queries) -> None:
        store, lane = lane_of(job.entrypoint)
        retry_in: float | None = None
        try:
            await self._handler(RunningJob(store, lane, job.payload or b"", job.attempts, job.created))
        except RetryLater as retry:
            retry_in = retry.delay_s
        except Exception as error:
            retry_in = min(2.0**job.attempts, 60.0)
            # A bug, or PostgreSQL or Kafka being away; no value of either is logged.
            log.warning(
                "a job failed unexpectedly",
                error=type(error).__name__,
                exc_info=not isinstance(error, _AWAY),
                integration_id=str(store),
                lane=lane.value,
                retry_in_s=retry_in,
            )
        await self._settle(job, retry_in, queries)

    async def _settle(self, job: Job, retry_in: float | None, queries: Queries) -> None:
        """Write how a job ended, however long PostgreSQL is away; until then it counts as under way."""
        delay = 0.1
        while True:
            try:
                if retry_in is None:
                    await queries.log_jobs([(job, "successful", None)])
                else:
                    await queries.retry_job(job, timedelta(seconds=retry_in), None)
            except _AWAY as error:
                log.warning("a job's end waits for PostgreSQL", error=type(error).__name__, retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)
            else:
                return

    async def _beat(self, queries: Queries) -> None:
        """Tell that the jobs under way are."""
        while True:
            await asyncio.sleep(self._heartbeat_s / 4)
            if self._under_way:
                with contextlib.suppress(*_AWAY):
                    await queries.update_heartbeat([job_id for job_id, _ in self._under_way])  # type: ignore[misc]

    async def _tidy(self, pool: asyncpg.Pool) -> None:
        """pgqueuer keeps a log line for each step of each job, for ever."""
        while True:
            with contextlib.suppress(*_AWAY):
                await pool.execute(
                    f"DELETE FROM {self._tables.schema}.pgqueuer_log WHERE created < now() - $1::interval",  # noqa: S608
                    LOG_KEPT,
                )
            await asyncio.sleep(TIDY_EVERY_S)

    async def _wind_down(self, pool: asyncpg.Pool) -> None:
        """Let jobs under way end; queue again those that do not in time. If PostgreSQL is away they run again when
        their heartbeat is overdue."""
        jobs = set(self._under_way.values())
        if jobs:
            _, jobs = await asyncio.wait(jobs, timeout=self._grace_s)
        for job in jobs:
            job.cancel()
        if jobs:
            await asyncio.wait(jobs, timeout=1.0)
        with contextlib.suppress(*_AWAY):
            # With the grace no more than `tasks.end` waits for.
            async with asyncio.timeout(1.5):
                released = cast(
                    "int",
                    await pool.fetchval(
                        "WITH released AS ("  # noqa: S608  (the schema is a name in our code)
                        f" UPDATE {self._tables.schema}.pgqueuer SET status = 'queued', queue_manager_id = NULL,"
                        " updated = now(), slot = NULL"
                        " WHERE queue_manager_id = $1 AND status = 'picked' RETURNING id)"
                        # Statement triggers do not tell of updates.
                        ", told AS (SELECT pg_notify($2, '') FROM (SELECT FROM released LIMIT 1) AS any_released)"
                        " SELECT count(*) FROM released, (SELECT count(*) FROM told) AS t",
                        self._id,
                        self._tables.settings.channel,
                    ),
                )
                if released:
                    log.info("jobs under way are queued again", jobs=released)


async def _nothing_to_reset(_: asyncpg.Connection) -> None:
    """For the pool: nobody here changes anything of a session; asyncpg would ask PostgreSQL to undo it each time."""
