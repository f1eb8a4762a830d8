"""Carrying out runs. After each page its checkpoint is written: a run goes on from there, whenever its process died.

A page's records are in the log before its checkpoint is; a crash between the two reads that page once more, and
equal snapshots change nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.broker import Message, Producer
from longshore.clock import Clock, utc_now
from longshore.contracts import Command, CommandError, CommandStatus, Platform, SyncMode, SyncStart, SyncStatus
from longshore.ids import uuid7
from longshore.platforms.clients import Clients
from longshore.platforms.jobs import RetryLater
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.outcomes import outcome_message, outcome_of, run_message
from longshore.platforms.protocols import (
    FetchedEntity,
    FetchRequest,
    Integration,
    StoreError,
    StoreThrottled,
    StoreUnauthorized,
    StoreUnavailable,
    SyncFailure,
    SyncPage,
    SyncRequest,
)
from longshore.platforms.raw import RESOURCES, fetched_message
from longshore.platforms.running import is_given_up, pause_s
from longshore.platforms.standing import Standing
from longshore.platforms.sync.rules import FINAL, MISSING_PERMISSION, OVERLAP, Run, event_of
from longshore.platforms.sync.tables import MOST_ITEMS_TOLD, SyncStore
from longshore.redaction import hide

log = structlog.get_logger(__name__)

# Subscribers of a run in progress hear of it so often.
TELL_EVERY_S = 1.0
# How long a page waits for the store's pushes, shipments and fetches to be done: a store that is busy all day is read
# all the same.
LONGEST_WAIT_S = 5.0
LOOK_EVERY_S = 0.1
# Tries of one entity that a page could not read, before it is left to the next run.
ITEM_TRIES = 3


class LiveWork(Protocol):
    """What the engine has to know of the job queue."""

    async def has_live(self, engine: AsyncEngine, integration_id: UUID) -> bool:
        """Whether a store has pushes, shipments or fetches that run or could run now."""


class _Superseded(Exception):
    """Another process goes on with this run, or it has ended."""


class RunSync:
    """What a job of the `sync` lane does: one run, from its checkpoint to its end."""

    def __init__(
        self,
        *,
        platform: Platform,
        schema: str,
        engine: AsyncEngine,
        producer: Producer,
        store: SyncStore,
        clients: Clients,
        standing: Standing,
        jobs: LiveWork,
        metrics: ConnectorMetrics,
        clock: Clock = utc_now,
    ) -> None:
        self._platform = platform
        self._schema = schema
        self._engine = engine
        self._producer = producer
        self._store = store
        self._clients = clients
        self._standing = standing
        self._jobs = jobs
        self._metrics = metrics
        self._clock = clock
        self._told: dict[UUID, float] = {}

    async def __call__(self, integration: Integration | None, run_id: UUID) -> None:
        """Go on with a run. Raises RetryLater while the store is away."""
        async with self._engine.connect() as conn:
            run = await self._store.get(conn, run_id)
        if run is None or run.status in FINAL:
            return
        try:
            if integration is None:
                gone = CommandError(code="integration-deleted", detail="The store is not connected any more.")
                await self._end(run, SyncStatus.CANCELLED, None, gone)
                return
            if run.status is SyncStatus.QUEUED:
                run = await self._start(run)
            await self._read(integration, run)
        except _Superseded:
            log.info("another process goes on with the run", run_id=str(run_id))
        finally:
            self._told.pop(run_id, None)

    async def _start(self, run: Run) -> Run:
        now = self._clock()
        async with self._engine.begin() as conn:
            current = await self._lock(conn, run)
            known = (await self._store.marks(conn, run.org_id, run.integration_id)).get(run.resource)
            items = None if run.items_of is None else len(await self._store.failures(conn, run.id))
            follows = known if run.mode is SyncMode.INCREMENTAL else None
            started = replace(
                current,
                status=SyncStatus.RUNNING,
                since=follows.since if follows else None,
                mark=follows.mark if follows else None,
                total=items,
                started_at=now,
                progressed_at=now,
            )
            return await self._write(conn, started, tell=True)

    async def _read(self, integration: Integration, run: Run) -> None:
        """Page by page to the end, then what the pages could not read."""
        request = SyncRequest(run.resource, run.since, run.mark, str(run.id))
        more = run.items_of is None and (run.asked_at is None or run.cursor is not None)
        while more and not run.cancel:
            began = time.monotonic()
            await self._give_way(integration)
            asked_at = self._clock()
            try:
                async with self._standing.calling(integration) as client:
                    page = await client.sync_page(request, run.cursor)
            except StoreUnavailable as error:
                await self._again(run, error, time.monotonic() - began)
            except StoreError as error:
                await self._refused(integration, run, error)
                return
            await self._to_raw(integration, run, page.entities)
            run = await self._checkpoint(integration, run, page, asked_at, time.monotonic() - began)
            more = page.cursor is not None
            if more and page.again_in_s > 0 and not run.cancel:
                # The store needs time: others of its runs may use it.
                raise RetryLater(page.again_in_s)
        if not run.cancel:
            run = await self._read_failed(integration, run)
        await self._finish(integration, run)

    async def _give_way(self, integration: Integration) -> None:
        """Live traffic first: wait while the store has pushes, shipments or fetches to do, but not for ever."""
        for _ in range(int(LONGEST_WAIT_S / LOOK_EVERY_S)):
            if not await self._jobs.has_live(self._engine, integration.id):
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _checkpoint(
        self, integration: Integration, run: Run, page: SyncPage, asked_at: datetime, took_s: float
    ) -> Run:
        now = self._clock()
        # As errors that are raised: a store may repeat what it was sent.
        secrets = integration.credentials.values()
        failed = [
            replace(each, code=hide(each.code, secrets), detail=hide(each.detail, secrets)) for each in page.failed
        ]
        async with self._engine.begin() as conn:
            current = await self._lock(conn, run)
            await self._store.note_failures(conn, run, failed, now)
            run = replace(
                current,
                cursor=page.cursor,
                asked_at=run.asked_at or self._clients.at_store(integration, asked_at),
                mark=page.mark or current.mark,
                done=current.done + page.count,
                total=current.total if page.total is None else page.total,
                busy_s=current.busy_s + took_s,
                attempts=0,
                error=None,
                progressed_at=now,
            )
            told = self._told.get(run.id)
            tell = told is None or time.monotonic() - told >= TELL_EVERY_S
            run = await self._write(conn, run, tell=tell)
        self._metrics.synced.labels(self._platform.value, run.resource).inc(page.count)
        return run

    async def _read_failed(self, integration: Integration, run: Run) -> Run:
        """Ask once more for what a page, or the run before, could not read; it may have been a passing fault."""
        async with self._engine.connect() as conn:
            items = await self._store.failures(conn, run.id)
        for item in items:
            if item.resource not in RESOURCES:
                continue
            request = FetchRequest(item.resource, item.external_id)  # type: ignore[arg-type]  # looked up above
            try:
                await self._give_way(integration)
                async with self._standing.calling(integration) as client:
                    entities = await client.fetch(request)
            except StoreUnavailable as error:
                if isinstance(error, StoreThrottled) or run.attempts + 1 < ITEM_TRIES:
                    await self._again(run, error, 0.0)
                await self._note(run, SyncFailure(request, error.code, error.detail))
                # The next one has tries of its own.
                run = await self._progressed(run)
                continue
            except StoreError as error:
                await self._note(run, SyncFailure(request, error.code, error.detail))
                continue
            await self._to_raw(integration, run, entities)
            run = await self._healed(run, request)
        return run

    async def _note(self, run: Run, failure: SyncFailure) -> None:
        async with self._engine.begin() as conn:
            await self._store.note_failures(conn, run, [failure], self._clock())

    async def _healed(self, run: Run, request: FetchRequest) -> Run:
        async with self._engine.begin() as conn:
            await self._store.healed(conn, run.id, request)
            if run.items_of is None:
                return run
            current = await self._lock(conn, run)
            changed = replace(current, done=current.done + 1, attempts=0, progressed_at=self._clock())
            return await self._write(conn, changed, tell=True)

    async def _progressed(self, run: Run) -> Run:
        async with self._engine.begin() as conn:
            current = await self._lock(conn, run)
            return await self._write(conn, replace(current, attempts=0, progressed_at=self._clock()), tell=False)

    async def _again(self, run: Run, error: StoreUnavailable, took_s: float) -> None:
        """The store could not be asked: raises RetryLater, until it has been away for so long that the run fails."""
        self._metrics.failed(self._platform.value, error.code)
        given_up = is_given_up(run.attempts, run.progressed_at, self._clock())
        if given_up:
            await self._end(run, SyncStatus.FAILED, None, _error(error))
            raise _Superseded
        # A store that asks us to slow down is not in trouble.
        attempts = run.attempts + (not isinstance(error, StoreThrottled))
        async with self._engine.begin() as conn:
            current = await self._lock(conn, run)
            changed = replace(current, attempts=attempts, busy_s=current.busy_s + took_s, error=_error(error))
            await self._write(conn, changed, tell=run.attempts == 0 and attempts > 0)
        raise RetryLater(pause_s(run.attempts, error.retry_after)) from None

    async def _refused(self, integration: Integration, run: Run, error: StoreError) -> None:
        self._metrics.failed(self._platform.value, error.code)
        log.warning("a sync run was refused", code=error.code, integration_id=str(integration.id))
        denied = isinstance(error, StoreUnauthorized) and error.partial
        why = CommandError(code=MISSING_PERMISSION, detail=error.detail) if denied else _error(error)
        await self._end(run, SyncStatus.FAILED, integration, why)

    async def _finish(self, integration: Integration, run: Run) -> None:
        if run.cancel:
            await self._end_at_store(integration, run)
            await self._end(run, SyncStatus.CANCELLED, integration, None)
            return
        async with self._engine.connect() as conn:
            failed = await self._store.failures(conn, run.id)
        self._metrics.sync_items_failed.labels(self._platform.value, run.resource).inc(len(failed))
        await self._end(run, SyncStatus.PARTIAL if failed else SyncStatus.SUCCEEDED, integration, None)

    async def _end_at_store(self, integration: Integration, run: Run) -> None:
        """Stop what the run has under way at the store. One that cannot be asked now is left to end by itself."""
        try:
            async with self._standing.calling(integration) as client:
                await client.end_sync(SyncRequest(run.resource, run.since, run.mark, str(run.id)), run.cursor)
        except (StoreError, RetryLater) as error:
            code = error.code if isinstance(error, StoreError) else "paused"
            log.warning("what a run has begun at its store goes on there", code=code, run_id=str(run.id))

    async def _end(
        self, run: Run, status: SyncStatus, integration: Integration | None, error: CommandError | None
    ) -> None:
        now = self._clock()
        async with self._engine.begin() as conn:
            current = await self._lock(conn, run)
            ended = replace(current, status=status, error=error, finished_at=now, progressed_at=now)
            ended = await self._write(conn, ended, tell=True)
            if integration is not None and run.items_of is None:
                read = status in (SyncStatus.SUCCEEDED, SyncStatus.PARTIAL)
                # What it could not read, the next run asks for by name.
                since = run.asked_at - OVERLAP if read and run.asked_at else None
                await self._store.set_mark(conn, integration, run.resource, since, ended.mark if read else None, now)
            if ended.reply_to is not None:
                await outbox.add(conn, self._schema, [self._outcome(ended, now)])
        self._metrics.sync_runs.labels(self._platform.value, ended.resource, status.value).inc()
        self._metrics.sync_run_seconds.labels(self._platform.value, ended.resource).observe(ended.busy_s)
        log.info(
            "a sync run has ended",
            status=status.value,
            resource=ended.resource,
            done=ended.done,
            integration_id=str(ended.integration_id),
        )

    async def _lock(self, conn: AsyncConnection, run: Run) -> Run:
        """The run as it is now. Raises _Superseded if somebody else has gone on with it."""
        current = await self._store.get(conn, run.id, lock=True)
        if current is None or current.status in FINAL or (current.cursor, current.done) != (run.cursor, run.done):
            raise _Superseded
        return current

    async def _write(self, conn: AsyncConnection, run: Run, *, tell: bool) -> Run:
        """Write a run that is locked, and tell of it."""
        if not tell:
            await self._store.write(conn, run)
            return run
        run = replace(run, sequence=run.sequence + 1)
        await self._store.write(conn, run)
        failed = await self._store.failures(conn, run.id)
        event = event_of(run, self._platform, failed[:MOST_ITEMS_TOLD], self._clock())
        await outbox.add(conn, self._schema, [run_message(event)])
        self._told[run.id] = time.monotonic()
        return run

    async def _to_raw(self, integration: Integration, run: Run, entities: Sequence[FetchedEntity]) -> None:
        polled = run.mode is SyncMode.INCREMENTAL
        now = self._clients.at_store(integration, self._clock())
        await self._producer.send_many(
            [
                fetched_message(
                    self._platform, integration.org_id, integration.id, entity, now, str(uuid7()), polled=polled
                )
                for entity in entities
            ]
        )

    def _outcome(self, run: Run, now: datetime) -> Message:
        """The end of a run that a command asked for."""
        command = Command(
            id=run.id,
            org_id=run.org_id,
            integration_id=run.integration_id,
            platform=self._platform,
            payload=SyncStart(resource=run.resource, mode=run.mode.value),
            reply_to=run.reply_to or "",
            created_at=run.created_at,
        )
        read = run.status in (SyncStatus.SUCCEEDED, SyncStatus.PARTIAL)
        status = CommandStatus.SUCCEEDED if read else CommandStatus.FAILED
        error = run.error
        if not read and error is None:
            error = CommandError(code="cancelled", detail="The run was cancelled.")
        return outcome_message(outcome_of(command, status, attempts=run.attempts + 1, at=now, error=error))


def _error(error: StoreError) -> CommandError:
    return CommandError(code=error.code, detail=error.detail)
