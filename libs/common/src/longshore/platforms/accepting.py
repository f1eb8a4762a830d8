"""From topics to durable jobs: commands for this platform's stores, and stores that come and go."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.broker import Record
from longshore.broker.records import TRACEPARENT_HEADER
from longshore.clock import Clock, utc_now
from longshore.contracts import (
    Command,
    CommandOutcome,
    CommandStatus,
    IntegrationChanged,
    IntegrationStatus,
    Platform,
    StockSet,
    SyncCancel,
    SyncStart,
)
from longshore.platforms.jobs import Lane, NewJob, QueueJobs
from longshore.platforms.outcomes import outcome_message, outcome_of
from longshore.platforms.sync.beginning import BeginSyncs
from longshore.platforms.tables import ConnectorStore
from longshore.platforms.webhook_care import watch_job
from longshore.platforms.work import CommandWork, ConnectWork, DisconnectWork, StockWork


class AcceptCommands:
    """Applies batches of `commands.<platform>`: nothing is sent to a store here."""

    def __init__(
        self,
        schema: str,
        engine: AsyncEngine,
        store: ConnectorStore,
        jobs: QueueJobs,
        syncs: BeginSyncs,
        clock: Clock = utc_now,
    ) -> None:
        self._schema = schema
        self._engine = engine
        self._store = store
        self._jobs = jobs
        self._syncs = syncs
        self._clock = clock

    async def apply(self, records: Sequence[Record]) -> None:
        """One transaction: stock becomes targets (the newest of each listing), syncs become runs, the rest becomes
        jobs; what a command supersedes has ended."""
        commands = [(record, Command.from_json(record.value)) for record in records]
        async with self._engine.begin() as conn:
            jobs = await self._accept_stock(conn, [each for each in commands if isinstance(each[1].payload, StockSet)])
            jobs += [
                NewJob(
                    command.integration_id,
                    Lane.WORK,
                    CommandWork(command=command, traceparent=record.headers.get(TRACEPARENT_HEADER)).to_json(),
                    f"command/{command.id}",
                )
                for record, command in commands
                if not isinstance(command.payload, StockSet | SyncStart | SyncCancel)
            ]
            await self._supersede(conn, [command for _, command in commands if command.supersedes])
            await self._jobs.add(conn, jobs)
            for _, command in commands:
                if isinstance(command.payload, SyncStart | SyncCancel):
                    await self._syncs.accept(conn, command, self._clock())

    async def _supersede(self, conn: AsyncConnection, commands: Sequence[Command]) -> None:
        """End what is needless now: its job finds that when its turn comes."""
        now = self._clock()
        ended = [
            CommandOutcome(
                command_id=each,
                type=command.payload.type,
                org_id=command.org_id,
                integration_id=command.integration_id,
                reply_to=command.reply_to,
                status=CommandStatus.SUPERSEDED,
                attempts=0,
                at=now,
            )
            for command in commands
            for each in command.supersedes
        ]
        told = [each for each in ended if await self._store.end_once(conn, each, now)]
        await outbox.add(conn, self._schema, [outcome_message(each) for each in told])

    async def _accept_stock(self, conn: AsyncConnection, commands: Sequence[tuple[Record, Command]]) -> list[NewJob]:
        newest: dict[object, Command] = {}
        superseded: list[Command] = []
        jobs: dict[object, NewJob] = {}
        known = await self._store.targets(
            conn, {command.payload.listing_id for _, command in commands if isinstance(command.payload, StockSet)}
        )
        for record, command in commands:
            assert isinstance(command.payload, StockSet)  # noqa: S101  (the caller chose)
            listing = command.payload.listing_id
            best = newest.get(listing)
            before = known.get(listing)
            standing = best.payload.sequence if best and isinstance(best.payload, StockSet) else 0
            if before is not None and before.sequence > standing:
                standing = before.sequence
            if command.payload.sequence > standing:
                if best is not None:
                    superseded.append(best)
                elif before is not None and not before.done:
                    superseded.append(before.command)
                newest[listing] = command
            elif command.id != (best.id if best else before.command.id if before else None):
                superseded.append(command)
            # Named by its record, not by the store: a job that runs already may have missed this target.
            jobs[command.integration_id] = NewJob(
                command.integration_id,
                Lane.STOCK,
                StockWork().to_json(),
                f"stock/{command.integration_id}/{record.partition}/{record.offset}",
                joins=True,
            )
        await self._store.set_targets(
            conn,
            [
                (command.payload.listing_id, command.payload.sequence, command)
                for command in newest.values()
                if isinstance(command.payload, StockSet)
            ],
        )
        now = self._clock()
        await outbox.add(
            conn,
            self._schema,
            [
                outcome_message(outcome_of(command, CommandStatus.SUPERSEDED, attempts=0, at=now))
                for command in superseded
            ],
        )
        return list(jobs.values())


class FollowIntegrations:
    """Applies batches of `integrations.events`: a new store is connected, a deleted one taken down."""

    def __init__(self, platform: Platform, engine: AsyncEngine, jobs: QueueJobs) -> None:
        self._platform = platform
        self._engine = engine
        self._jobs = jobs

    async def apply(self, records: Sequence[Record]) -> None:
        """Queue a job for each store of this platform that is to be connected or taken down."""
        jobs = []
        for record in records:
            event = IntegrationChanged.from_json(record.value)
            if event.platform is not self._platform:
                continue
            if event.status is IntegrationStatus.CONNECTING:
                work = ConnectWork().to_json()
            elif event.status is IntegrationStatus.DELETED:
                work = DisconnectWork().to_json()
            else:
                continue
            key = f"connect/{event.integration_id}/{record.partition}/{record.offset}"
            jobs.append(NewJob(event.integration_id, Lane.CONNECT, work, key))
            if event.status is IntegrationStatus.CONNECTING:
                jobs.append(watch_job(event.integration_id))
        if jobs:
            async with self._engine.begin() as conn:
                await self._jobs.add(conn, jobs)
