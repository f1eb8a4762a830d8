"""Beginning and cancelling runs: rows and jobs, in the caller's transaction. No store is called here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from longshore import outbox
from longshore.contracts import Command, CommandStatus, SyncCancel, SyncMode, SyncStart, SyncStatus, SyncTrigger
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.jobs import Lane, NewJob, QueueJobs
from longshore.platforms.outcomes import outcome_message, outcome_of
from longshore.platforms.sync.rules import Run
from longshore.platforms.sync.tables import SyncStore
from longshore.platforms.work import SyncWork


class BeginSyncs:
    """Makes runs of commands, of the schedule, and of new connections."""

    def __init__(self, schema: str, store: SyncStore, jobs: QueueJobs) -> None:
        self._schema = schema
        self._store = store
        self._jobs = jobs

    async def accept(self, conn: AsyncConnection, command: Command, now: datetime) -> None:
        """Take a sync command. One that comes again changes nothing."""
        payload = command.payload
        if isinstance(payload, SyncStart):
            await self.begin(
                conn,
                Run(
                    id=command.id,
                    org_id=OrgId(command.org_id),
                    integration_id=IntegrationId(command.integration_id),
                    resource=payload.resource,
                    mode=SyncMode(payload.mode),
                    trigger=SyncTrigger(payload.trigger),
                    status=SyncStatus.QUEUED,
                    created_at=command.created_at,
                    progressed_at=now,
                    reply_to=command.reply_to,
                    items_of=payload.items_of,
                ),
            )
        elif isinstance(payload, SyncCancel):
            await self._store.cancel(conn, command.org_id, payload.run_id)
            # One that waits for a later try is brought forward, to see that it is over.
            work = SyncWork(run_id=payload.run_id).to_json()
            await self._jobs.add(
                conn, [NewJob(IntegrationId(command.integration_id), Lane.SYNC, work, f"sync/{command.id}", joins=True)]
            )
            outcome = outcome_of(command, CommandStatus.SUCCEEDED, attempts=1, at=now)
            await outbox.add(conn, self._schema, [outcome_message(outcome)])

    async def begin(self, conn: AsyncConnection, run: Run) -> bool:
        """Queue a run; it waits for those of the store that were queued before. False if it is known already."""
        if not await self._store.create(conn, run):
            return False
        await self._store.inherit_failures(conn, run, run.progressed_at)
        work = SyncWork(run_id=run.id).to_json()
        await self._jobs.add(conn, [NewJob(run.integration_id, Lane.SYNC, work, f"sync/{run.id}")])
        return True
