"""Asking for sync runs, cancelling them, and following what connectors tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import outbox
from longshore.broker import Message
from longshore.clock import Clock, utc_now
from longshore.commands import command_message
from longshore.contracts import (
    Command,
    Platform,
    SyncCancel,
    SyncMode,
    SyncResource,
    SyncRun,
    SyncRunChanged,
    SyncStart,
    SyncStatus,
    SyncTrigger,
    WebhooksRepaired,
)
from longshore.ids import OrgId, uuid7
from longshore.paging import Place
from longshore.problems import not_found
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.orders.messages import REPLY_TO
from longshore_order_sync.syncs.rules import concerned, repair_run_id, retried, serving
from longshore_order_sync.syncs.store import (
    create_run,
    get_run,
    list_runs,
    lock_syncs,
    open_runs,
    upsert_runs,
)


class Syncs:
    """Use cases of sync runs."""

    def __init__(self, engine: AsyncEngine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    async def request(
        self,
        org_id: OrgId,
        integration_id: UUID,
        platform: Platform,
        resources: Sequence[SyncResource],
        mode: SyncMode,
    ) -> list[SyncRun]:
        """One run per resource: a new one, or the one under way that reads it."""
        async with self._engine.begin() as conn:
            await lock_syncs(conn, integration_id)
            under_way = await open_runs(conn, org_id, integration_id)
            runs: list[SyncRun] = []
            messages: list[Message] = []
            for resource in dict.fromkeys(resources):
                run = serving(under_way, resource, mode)
                if run is None:
                    run = self._new(integration_id, resource, mode)
                    await create_run(conn, org_id, platform, run)
                    start = SyncStart(resource=resource, mode=mode.value)
                    messages.append(command_message(_command(run, org_id, platform, start)))
                runs.append(run)
            await outbox.add(conn, SCHEMA, messages)
        return runs

    async def repair(self, event: WebhooksRepaired) -> None:
        """Webhooks were put right: read what has changed since the last run, of which nothing was delivered.

        What a run under way has read by now may have changed since, and was not delivered: so these are new ones. Where
        one is queued that is enough.
        """
        org_id = OrgId(event.org_id)
        async with self._engine.begin() as conn:
            await lock_syncs(conn, event.integration_id)
            under_way = await open_runs(conn, org_id, event.integration_id)
            queued = [each for each in under_way if each.status is SyncStatus.QUEUED]
            for resource in concerned(event):
                if serving(queued, resource, SyncMode.INCREMENTAL) is not None:
                    continue
                run = SyncRun(
                    id=repair_run_id(event, resource),
                    integration_id=event.integration_id,
                    resource=resource,
                    mode=SyncMode.INCREMENTAL,
                    trigger=SyncTrigger.REPAIR,
                    status=SyncStatus.QUEUED,
                    created_at=self._clock(),
                )
                if await create_run(conn, org_id, event.platform, run):
                    start = SyncStart(resource=resource, mode="incremental", trigger="repair")
                    command = command_message(_command(run, org_id, event.platform, start))
                    await outbox.add(conn, SCHEMA, [command])

    async def cancel(self, org_id: OrgId, run_id: UUID) -> SyncRun:
        """Ask the connector to end a run; one that has ended stays as it is. Raises Problem 404."""
        async with self._engine.begin() as conn:
            found = await get_run(conn, org_id, run_id)
            if found is None:
                raise not_found("The sync run")
            run, platform = found
            if run.finished_at is None:
                command = Command(
                    id=uuid7(),
                    org_id=org_id,
                    integration_id=run.integration_id,
                    platform=platform,
                    payload=SyncCancel(run_id=run.id),
                    reply_to=REPLY_TO,
                    created_at=self._clock(),
                )
                await outbox.add(conn, SCHEMA, [command_message(command)])
        return run

    async def retry(self, org_id: OrgId, run_id: UUID) -> SyncRun:
        """Begin a run of what this one could not read; the same while that one is under way. Raises Problem: 404 no
        such run, 409 it is not over, or has read all."""
        async with self._engine.begin() as conn:
            found = await get_run(conn, org_id, run_id)
            if found is None:
                raise not_found("The sync run")
            run, platform = found
            await lock_syncs(conn, run.integration_id)
            again = retried(run, await open_runs(conn, org_id, run.integration_id))
            if again is None:
                again = self._new(run.integration_id, run.resource, SyncMode.INCREMENTAL, items_of=run.id)
                await create_run(conn, org_id, platform, again)
                start = SyncStart(resource=run.resource, mode="incremental", items_of=run.id)
                await outbox.add(conn, SCHEMA, [command_message(_command(again, org_id, platform, start))])
        return again

    async def get(self, org_id: OrgId, run_id: UUID) -> SyncRun:
        """One run. Raises Problem 404."""
        async with self._engine.connect() as conn:
            found = await get_run(conn, org_id, run_id)
        if found is None:
            raise not_found("The sync run")
        return found[0]

    async def list(self, org_id: OrgId, integration_id: UUID, after: Place | None, limit: int) -> list[SyncRun]:
        """Up to `limit` runs of a store, the newest first."""
        async with self._engine.connect() as conn:
            return await list_runs(conn, org_id, integration_id, after, limit)

    async def follow(self, events: Sequence[SyncRunChanged]) -> None:
        """Take in what connectors tell; repeated and late events change nothing."""
        if events:
            async with self._engine.begin() as conn:
                await upsert_runs(conn, events)

    def _new(
        self, integration_id: UUID, resource: SyncResource, mode: SyncMode, items_of: UUID | None = None
    ) -> SyncRun:
        return SyncRun(
            id=uuid7(),
            integration_id=integration_id,
            resource=resource,
            mode=mode,
            trigger=SyncTrigger.REQUEST,
            status=SyncStatus.QUEUED,
            items_of=items_of,
            created_at=self._clock(),
        )


def _command(run: SyncRun, org_id: OrgId, platform: Platform, payload: SyncStart) -> Command:
    """The command has the run's id: so its connector's run is the same."""
    return Command(
        id=run.id,
        org_id=org_id,
        integration_id=run.integration_id,
        platform=platform,
        payload=payload,
        reply_to=REPLY_TO,
        created_at=run.created_at,
    )
