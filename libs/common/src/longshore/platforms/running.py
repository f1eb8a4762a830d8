"""Jobs of a connector: everything that talks to a store. A job may run again after a crash at any point."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import outbox
from longshore.broker import Producer
from longshore.clock import Clock, utc_now
from longshore.contracts import (
    STALE,
    Command,
    CommandError,
    CommandOutcome,
    CommandStatus,
    EntityFetch,
    IntegrationStatus,
    Platform,
    StockSet,
    SyncResource,
)
from longshore.ids import uuid7
from longshore.observability import use_traceparent
from longshore.platforms.clients import Clients
from longshore.platforms.commanding import carry_out
from longshore.platforms.connecting import ConnectStore
from longshore.platforms.jobs import RetryLater, RunningJob
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.outcomes import outcome_message, outcome_of
from longshore.platforms.protocols import (
    Done,
    FetchedEntity,
    FetchRequest,
    Integration,
    StockResult,
    StoreError,
    StoreThrottled,
    StoreUnavailable,
)
from longshore.platforms.raw import fetched_message
from longshore.platforms.standing import Standing
from longshore.platforms.tables import ConnectorStore, Target
from longshore.platforms.webhook_care import Watchdog
from longshore.platforms.work import (
    CheckWork,
    CommandWork,
    ConnectWork,
    DisconnectWork,
    FetchWork,
    PollWork,
    ProbeWork,
    RereadWork,
    StockWork,
    SyncWork,
    WatchWork,
    Work,
    read_work,
)
from longshore.redaction import hide
from longshore.vault import Vault

log = structlog.get_logger(__name__)

# Between two tries: a store that is back is told after so long at most. (While it is down, its breaker spares it.)
LONGEST_PAUSE_S = 60.0
# What a store may ask for.
LONGEST_RETRY_AFTER_S = 300.0
# For so long a store may be away, or in trouble with one thing, before what was asked of it is given up; and so often
# it is asked at least, however old the command was when its turn came.
LONGEST_TRY = timedelta(days=2)
FEWEST_TRIES = 8
# A store that is taken down and does not answer for more than an hour keeps our webhooks; we do not keep its key.
MOST_FAREWELLS = 25

# Goes on with a sync run; no integration: the store is gone.
Sync = Callable[[Integration | None, UUID], Awaitable[None]]
# A store may have given us a permission that it kept from us.
Permitted = Callable[[Integration], Awaitable[None]]
# So much of a resource has changed, says the record at this place of the raw log, that it is read whole.
Reread = Callable[[Integration, SyncResource, str], Awaitable[None]]
# A round of polling a store; raises RetryLater for the next.
Poll = Callable[[Integration, IntegrationStatus], Awaitable[None]]


def pause_s(attempts: int, retry_after: float | None = None, chance: float | None = None) -> float:
    """How long to wait after the `attempts`-th failed try: what the store asked for, else doubling with jitter."""
    if retry_after is not None:
        return min(retry_after, LONGEST_RETRY_AFTER_S)
    chance = random.random() if chance is None else chance  # noqa: S311  (jitter, not a secret)
    return min(0.5 * 2.0 ** min(attempts, 12), LONGEST_PAUSE_S) * (0.75 + 0.5 * chance)


def is_given_up(attempts: int, since: datetime, now: datetime) -> bool:
    """Whether the try after `attempts` others was the last, of what was asked `since`."""
    return attempts + 1 >= FEWEST_TRIES and now - since >= LONGEST_TRY


class RunJobs:
    """The handler of the job queue."""

    def __init__(
        self,
        *,
        platform: Platform,
        schema: str,
        engine: AsyncEngine,
        producer: Producer,
        vault: Vault,
        store: ConnectorStore,
        clients: Clients,
        connect: ConnectStore,
        standing: Standing,
        watchdog: Watchdog,
        sync: Sync,
        poll: Poll,
        permitted: Permitted,
        reread: Reread,
        metrics: ConnectorMetrics,
        clock: Clock = utc_now,
    ) -> None:
        self._platform = platform
        self._schema = schema
        self._engine = engine
        self._producer = producer
        self._vault = vault
        self._store = store
        self._clients = clients
        self._connect = connect
        self._standing = standing
        self._watchdog = watchdog
        self._sync = sync
        self._poll = poll
        self._permitted = permitted
        self._reread = reread
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, job: RunningJob) -> None:
        """Run one job, in the trace in which it was asked for. Raises RetryLater when it has to be run again."""
        work = read_work(job.payload)
        with use_traceparent(work.traceparent if isinstance(work, CommandWork) else None):
            await self._run(job, work)

    async def _run(self, job: RunningJob, work: Work) -> None:
        deleted = isinstance(work, DisconnectWork)
        async with self._engine.connect() as conn:
            found = await self._vault.open(conn, job.integration_id, deleted=deleted)
        integration = found[0] if found else None
        try:
            match work:
                case CommandWork():
                    await self._command(integration, work.command, job.attempts)
                case StockWork():
                    await self._stock(integration, job)
                case PollWork() if integration is not None and found:
                    await self._poll(integration, found[1])
                case SyncWork():
                    await self._sync(integration, work.run_id)
                case FetchWork() if integration is not None:
                    await self._fetch(integration, FetchRequest(work.resource, work.external_id))
                case ConnectWork() if integration is not None:
                    await self._connect.connect(integration)
                case CheckWork() if integration is not None and found:
                    if await self._standing.check(integration, found[1]):
                        await self._permitted(integration)
                case RereadWork() if integration is not None:
                    await self._reread(integration, work.resource, work.place)
                case ProbeWork() if integration is not None and found:
                    await self._standing.probe(integration, found[1])
                case WatchWork() if integration is not None and found:
                    await self._watchdog.watch(integration, found[1], job.attempts)
                case DisconnectWork() if integration is not None and found and found[1] is IntegrationStatus.DELETED:
                    await self._connect.disconnect(integration, last=job.attempts + 1 >= MOST_FAREWELLS)
                case _:
                    log.info("the store is gone, so is its job", integration_id=str(job.integration_id), kind=work.kind)
        except StoreUnavailable as error:
            self._count_failure(error)
            if job.created_at is not None and is_given_up(job.attempts, job.created_at, self._clock()):
                # Commands have answered for themselves, and their jobs end by that.
                if isinstance(work, FetchWork):
                    log.error("a fetch is given up", code=error.code, integration_id=str(job.integration_id))
                    return
                if isinstance(work, ConnectWork) and integration is not None:
                    await self._connect.give_up(integration, error)
                    return
            raise RetryLater(pause_s(job.attempts, error.retry_after)) from None
        except StoreError as error:
            # Commands and connecting have answered for themselves: this was a fetch that the store refuses.
            self._count_failure(error)
            log.warning("the store refused", code=error.code, kind=work.kind, integration_id=str(job.integration_id))

    async def _fetch(self, integration: Integration, request: FetchRequest) -> None:
        async with self._standing.calling(integration) as client:
            entities = await client.fetch(request)
        await self._to_raw(integration, entities)

    async def _to_raw(self, integration: Integration, entities: Sequence[FetchedEntity]) -> None:
        # It was so at that moment of the store's.
        now = self._clients.at_store(integration, self._clock())
        await self._producer.send_many(
            [
                fetched_message(self._platform, integration.org_id, integration.id, entity, now, str(uuid7()))
                for entity in entities
            ]
        )

    async def _command(self, integration: Integration | None, command: Command, attempts: int) -> None:
        async with self._engine.connect() as conn:
            before = await self._store.done(conn, command.id)
        if before is not None:
            await self._answer([before])
            return
        if integration is None:
            gone = CommandError(code="integration-deleted", detail="The store is not connected any more.")
            await self._finish(
                outcome_of(command, CommandStatus.FAILED, attempts=attempts, at=self._clock(), error=gone)
            )
            return
        try:
            done = await self._carry_out(integration, command)
        except StoreUnavailable as error:
            given_up = is_given_up(attempts, command.created_at, self._clock())
            status = CommandStatus.FAILED if given_up else CommandStatus.RUNNING
            outcome = self._failed(command, status, attempts, error)
            if status is CommandStatus.RUNNING:
                await self._answer([outcome])
                raise
        except StoreError as error:
            self._count_failure(error)
            outcome = self._failed(command, CommandStatus.FAILED, attempts, error)
        else:
            outcome = outcome_of(
                command,
                CommandStatus.SUCCEEDED,
                attempts=attempts + 1,
                at=self._clock(),
                external_id=done.external_id if done else None,
                more_external_ids=done.more if done else (),
            )
        await self._finish(outcome)

    async def _carry_out(self, integration: Integration, command: Command) -> Done | None:
        payload = command.payload
        if isinstance(payload, EntityFetch):
            await self._fetch(integration, FetchRequest(payload.resource, payload.external_id))
            return None
        async with self._standing.calling(integration) as client:
            return await carry_out(client, payload)

    async def _stock(self, integration: Integration | None, job: RunningJob) -> None:
        """Push open targets in the store's batches until none is due; then come again for those that wait."""
        while True:
            async with self._engine.connect() as conn:
                limit = 100 if integration is None else await self._clients.stock_batch(integration)
                targets = await self._store.due_targets(conn, job.integration_id, limit)
                wait = None if targets else await self._store.next_due_s(conn, job.integration_id)
            if targets:
                await self._push(integration, targets)
            elif wait is None:
                return
            elif wait > 0:
                raise RetryLater(wait)

    async def _push(self, integration: Integration | None, targets: Sequence[Target]) -> None:
        payloads = [each.command.payload for each in targets if isinstance(each.command.payload, StockSet)]
        if integration is None:
            results = [
                StockResult(
                    each.listing_id, each.sequence, None, "The store is not connected any more.", "integration-deleted"
                )
                for each in payloads
            ]
        else:
            try:
                async with self._standing.calling(integration) as client:
                    async with self._engine.begin() as conn:
                        await self._store.note_tried(conn, [each.place for each in targets])
                    results = [
                        replace(each, error=hide(each.error, integration.credentials.values())) if each.error else each
                        for each in await client.set_stock(payloads)
                    ]
            except StoreUnavailable as error:
                if isinstance(error, StoreThrottled) or error.untouched:
                    async with self._engine.begin() as conn:
                        await self._store.forget_tried(conn, [each.place for each in targets if not each.tried_before])
                await self._not_taken([each for each in targets if each.attempts == 0], error)
                raise
            except StoreError as error:
                self._count_failure(error)
                results = [
                    StockResult(each.listing_id, each.sequence, None, error.detail, error.code) for each in payloads
                ]
        await self._settle(integration, targets, results)

    async def _not_taken(self, targets: Sequence[Target], error: StoreUnavailable) -> None:
        """Say that the store could not be asked. Once for each command, not at every try: an hour of that is not
        thousands of messages."""
        if not targets:
            return
        outcomes = [self._failed(each.command, CommandStatus.RUNNING, 0, error) for each in targets]
        async with self._engine.begin() as conn:
            await self._store.targets_asked(conn, [each.place for each in targets])
            await outbox.add(conn, self._schema, [outcome_message(each) for each in outcomes])
        self._count(outcomes)

    async def _settle(
        self, integration: Integration | None, targets: Sequence[Target], results: Sequence[StockResult]
    ) -> None:
        """Record what became of a push and say so, in one transaction."""
        now = self._clock()
        at_store = now if integration is None else self._clients.at_store(integration, now)
        by_listing = {each.listing_id: each for each in results}
        for target in targets:
            found = by_listing.get(target.listing_id)
            if found is not None and _is_there_already(target, found):
                by_listing[target.listing_id] = replace(found, error=None, code=None)
        done: list[tuple[UUID, int]] = []
        again: dict[int, list[tuple[UUID, int]]] = {}
        outcomes: list[CommandOutcome] = []
        for target in targets:
            result = by_listing.get(target.listing_id)
            place = target.place
            attempts = target.attempts + 1
            passing = result is None or result.retry
            if passing and not is_given_up(target.attempts, target.command.created_at, self._clock()):
                again.setdefault(min(target.attempts, 12), []).append(place)
                status = CommandStatus.RUNNING
            else:
                done.append(place)
                taken = result is not None and result.error is None
                status = CommandStatus.SUCCEEDED if taken else CommandStatus.FAILED
            error = None
            if status is not CommandStatus.SUCCEEDED:
                error = CommandError(
                    code=(result.code if result else None) or "no-answer",
                    detail=(result.error if result else None) or "The store's answer did not name this listing.",
                )
            outcomes.append(
                outcome_of(
                    target.command,
                    status,
                    attempts=attempts,
                    at=now,
                    error=error,
                    quantity=result.quantity if result else None,
                    answers_lost=target.tried,
                    at_store=None if at_store == now else at_store,
                )
            )
        async with self._engine.begin() as conn:
            await self._store.targets_done(conn, done)
            for tries, places in again.items():
                await self._store.targets_failed(conn, places, pause_s(tries))
            await outbox.add(conn, self._schema, [outcome_message(each) for each in outcomes])
        self._count(outcomes)
        slipped = sum(each.slipped for each in results)
        if slipped:
            self._metrics.stock_slipped.labels(self._platform.value).inc(slipped)

    def _failed(self, command: Command, status: CommandStatus, attempts: int, error: StoreError) -> CommandOutcome:
        return outcome_of(
            command,
            status,
            attempts=attempts + 1,
            at=self._clock(),
            error=CommandError(code=error.code, detail=error.detail),
        )

    async def _finish(self, outcome: CommandOutcome) -> None:
        async with self._engine.begin() as conn:
            await self._store.record_done(conn, outcome, outcome.at)
            await outbox.add(conn, self._schema, [outcome_message(outcome)])
        self._count([outcome])

    async def _answer(self, outcomes: Sequence[CommandOutcome]) -> None:
        async with self._engine.begin() as conn:
            await outbox.add(conn, self._schema, [outcome_message(each) for each in outcomes])
        self._count(outcomes)

    def _count(self, outcomes: Sequence[CommandOutcome]) -> None:
        for outcome in outcomes:
            # A sale has overtaken the push: no failure, and no news that a person should look at.
            stale = outcome.error is not None and outcome.error.code == STALE
            status = STALE if stale else outcome.status.value
            self._metrics.commands.labels(self._platform.value, outcome.type, status).inc()

    def _count_failure(self, error: StoreError) -> None:
        self._metrics.failed(self._platform.value, error.code)


def _is_there_already(target: Target, result: StockResult) -> bool:
    """Whether a store that has not what was expected has what was wanted, by an earlier try of this very push whose
    answer was lost. If none was, a sale of the store's own that we have not heard of may have led there."""
    wanted = target.command.payload
    return (
        result.code == STALE
        and target.tried_before
        and isinstance(wanted, StockSet)
        and result.quantity == wanted.quantity
    )
