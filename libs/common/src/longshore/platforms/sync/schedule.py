"""Runs that nobody asks for: the first of a new store, and polling, the net under the webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import random
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationStatus, Platform, SyncMode, SyncResource, SyncStatus, SyncTrigger
from longshore.ids import IntegrationId, uuid7
from longshore.platforms.jobs import Lane, NewJob, QueueJobs, RetryLater
from longshore.platforms.protocols import Integration
from longshore.platforms.sync.beginning import BeginSyncs
from longshore.platforms.sync.rules import OVERLAP, Run, is_due, next_poll_s, poll_interval_s
from longshore.platforms.sync.tables import Mark, SyncStore
from longshore.platforms.work import PollWork
from longshore.vault import Vault

# What a store has sold, and to whom, before it was connected; its catalogue is read in any case.
HISTORY: tuple[SyncResource, ...] = ("orders", "customers")


class Schedule:
    """Begins runs of its own accord. `resources`: what there is to be read of this platform's stores."""

    def __init__(
        self,
        *,
        platform: Platform,
        engine: AsyncEngine,
        vault: Vault,
        store: SyncStore,
        begin: BeginSyncs,
        jobs: QueueJobs,
        resources: Sequence[SyncResource],
        clock: Clock = utc_now,
    ) -> None:
        self._platform = platform
        self._engine = engine
        self._vault = vault
        self._store = store
        self._begin = begin
        self._jobs = jobs
        self._resources = resources
        self._clock = clock

    async def begin(self) -> None:
        """See that each connected store is polled (Service.on_start)."""
        async with self._engine.begin() as conn:
            stores = await self._vault.list_ids(conn, self._platform)
            await self._jobs.add(conn, [poll_job(IntegrationId(id)) for id in stores])

    async def connected(self, integration: Integration, catalogue_at: datetime | None) -> None:
        """A store has been connected, or anew. Its history is read (unless `backfill` is off), and of what was read
        before what has changed since. `catalogue_at`: when the reading of its products and stock began, by its clock.
        """
        now = self._clock()
        async with self._engine.begin() as conn:
            known = await self._store.marks(conn, integration.org_id, integration.id)
            for resource in self._resources:
                if resource in HISTORY:
                    await self._read_history(conn, integration, resource, known, now)
                elif catalogue_at is not None:
                    await self._store.set_mark(conn, integration, resource, catalogue_at, None, now)
            await self._jobs.add(conn, [poll_job(integration.id)])

    async def poll(self, integration: Integration, status: IntegrationStatus) -> None:
        """One round: begin incremental runs of what is due. Raises RetryLater always: for the next."""
        interval = poll_interval_s(integration.settings)
        if status is IntegrationStatus.ACTIVE:
            now = self._clock()
            async with self._engine.begin() as conn:
                known = await self._store.marks(conn, integration.org_id, integration.id)
                for resource in self._resources:
                    mark = known.get(resource)
                    if await self._store.has_open(conn, integration.org_id, integration.id, resource):
                        continue
                    if mark is None:
                        # Connected by a version that read nothing: from now on.
                        await self._store.set_mark(conn, integration, resource, now - OVERLAP, None, now)
                    elif is_due(mark.read_at, interval, now) and not await self._store.was_denied(
                        conn, integration.org_id, integration.id, resource
                    ):
                        await self._start(conn, integration, resource, SyncMode.INCREMENTAL, SyncTrigger.SCHEDULE, now)
        raise RetryLater(next_poll_s(interval, random()))  # noqa: S311  (jitter, not a secret)

    async def permitted(self, integration: Integration) -> None:
        """The store may have given us a permission: begin runs of what it did not let us read."""
        now = self._clock()
        async with self._engine.begin() as conn:
            for resource in self._resources:
                if await self._store.was_denied(conn, integration.org_id, integration.id, resource):
                    await self._start(conn, integration, resource, SyncMode.INCREMENTAL, SyncTrigger.CONNECTION, now)

    async def reread(self, integration: Integration, resource: SyncResource, place: str) -> None:
        """The record at this `place` of the raw log says that much of a resource has changed: begin a run of all of it.

        A run that is under way may be past it; where a full one is queued that is enough. Safe to repeat.
        """
        now = self._clock()
        async with self._engine.begin() as conn:
            if not await self._store.has_full_queued(conn, integration.org_id, integration.id, resource):
                id = uuid5(integration.id, f"reread/{place}")
                run = _new(id, integration, resource, SyncMode.FULL, SyncTrigger.SCHEDULE, now)
                await self._begin.begin(conn, run)

    async def _read_history(
        self,
        conn: AsyncConnection,
        integration: Integration,
        resource: SyncResource,
        known: dict[str, Mark],
        now: datetime,
    ) -> None:
        read_before = resource in known and known[resource].since is not None
        if read_before:
            await self._start(conn, integration, resource, SyncMode.INCREMENTAL, SyncTrigger.CONNECTION, now)
        elif integration.settings.get("backfill", True):
            await self._start(conn, integration, resource, SyncMode.FULL, SyncTrigger.CONNECTION, now)
        else:
            await self._store.set_mark(conn, integration, resource, now - OVERLAP, None, now)

    async def _start(
        self,
        conn: AsyncConnection,
        integration: Integration,
        resource: SyncResource,
        mode: SyncMode,
        trigger: SyncTrigger,
        now: datetime,
    ) -> None:
        if await self._store.has_open(conn, integration.org_id, integration.id, resource):
            return
        await self._begin.begin(conn, _new(uuid7(), integration, resource, mode, trigger, now))


def poll_job(id: IntegrationId) -> NewJob:
    """The job that polls a store; there is one, however often it is asked for."""
    return NewJob(id, Lane.CONNECT, PollWork().to_json(), f"poll/{id}")


def _new(
    id: UUID,
    integration: Integration,
    resource: SyncResource,
    mode: SyncMode,
    trigger: SyncTrigger,
    now: datetime,
) -> Run:
    return Run(
        id=id,
        org_id=integration.org_id,
        integration_id=integration.id,
        resource=resource,
        mode=mode,
        trigger=trigger,
        status=SyncStatus.QUEUED,
        created_at=now,
        progressed_at=now,
    )
