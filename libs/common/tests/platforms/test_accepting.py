"""Commands become durable: stock as the newest target of each listing, the rest as jobs, in one transaction."""

from __future__ import annotations

import random
from collections import Counter
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from longshore.broker import Record
from longshore.commands import command_message
from longshore.contracts import (
    Command,
    CommandStatus,
    EntityFetch,
    IntegrationChanged,
    IntegrationStatus,
    OrderStatusSet,
    Platform,
    StockSet,
)
from longshore.observability import current_traceparent, use_traceparent
from longshore.platforms.accepting import FollowIntegrations
from longshore.platforms.outcomes import outcome_of
from longshore.platforms.work import CommandWork, ConnectWork, DisconnectWork, StockWork, WatchWork, Work, read_work

from .conftest import ORG, PLATFORM, SCHEMA, Connector, command, fulfilment, stock
from .toy import NOW

STORE, OTHER = uuid4(), uuid4()


async def jobs(connector: Connector) -> list[tuple[str, Work]]:
    async with connector.engine.connect() as conn:
        rows = await conn.execute(text(f"SELECT entrypoint, payload FROM {SCHEMA}.pgqueuer ORDER BY id"))
        return [(row.entrypoint, read_work(row.payload)) for row in rows]


async def target(connector: Connector, listing: UUID) -> tuple[int, UUID]:
    """The sequence and the command that a listing shall have."""
    async with connector.engine.begin() as conn:
        found = (await connector.store.targets(conn, {listing}))[listing]
    return found.sequence, found.command.id


class TestCommands:
    async def test_each_becomes_a_job_of_its_store(self, connector: Connector) -> None:
        ship = fulfilment(STORE)
        look = command(OTHER, EntityFetch(resource="order", external_id="29"))
        await connector.accept.apply(connector.records(ship, look))
        assert await jobs(connector) == [
            (f"{STORE}/work", CommandWork(command=ship)),
            (f"{OTHER}/work", CommandWork(command=look)),
        ]

    async def test_its_trace_goes_through_to_the_store_and_back(self, connector: Connector) -> None:
        store, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
        with use_traceparent(None) as asked:
            message = command_message(fulfilment(store))
        headers = dict(message.headers)
        await connector.accept.apply([Record(message.topic, 0, 1, 0, message.key, message.value, headers)])
        ((_, work),) = await jobs(connector)
        await connector.work(store, work)
        async with connector.engine.connect() as conn:
            said = await conn.scalar(text(f"SELECT headers ->> 'traceparent' FROM {SCHEMA}.outbox"))
        traces = [asked, headers["traceparent"], shop.traces[-1], said]
        assert len({each and each[:35] for each in traces}) == 1
        # What runs of itself has a trace of its own.
        await connector.push(store)
        assert current_traceparent() is None

    async def test_delivered_again_it_is_still_one_job(self, connector: Connector) -> None:
        records = connector.records(fulfilment(STORE), fulfilment(STORE))
        for _ in range(3):
            await connector.accept.apply(records)
        assert len(await jobs(connector)) == 2

    async def test_nothing_of_a_batch_stays_when_one_cannot_be_read(self, connector: Connector) -> None:
        good, bad = connector.records(fulfilment(STORE), fulfilment(STORE))
        broken = Record(bad.topic, 0, bad.offset, 0, bad.key, b"{}", {})
        with pytest.raises(ValueError, match="Command"):
            await connector.accept.apply([good, broken])
        assert await jobs(connector) == []

    async def test_what_is_superseded_has_ended_and_is_told_of_once(self, connector: Connector) -> None:
        """One that waits for another try must not undo what was asked for later; one that was done stays so."""
        older, newer, done = (
            command(STORE, OrderStatusSet(order_id=uuid4(), order_external_id="29", status="on-hold")) for _ in range(3)
        )
        async with connector.engine.begin() as conn:
            told = outcome_of(done, CommandStatus.SUCCEEDED, attempts=1, at=NOW)
            await connector.store.record_done(conn, told, NOW)
        newer = newer.model_copy(update={"supersedes": [older.id, done.id]})
        for _ in range(2):
            await connector.accept.apply(connector.records(older, newer))
        outcomes = await connector.outcomes()
        assert [(each.command_id, each.status) for each in outcomes] == [(older.id, CommandStatus.SUPERSEDED)]
        async with connector.engine.connect() as conn:
            ended = {each.id: await connector.store.done(conn, each.id) for each in (older, newer, done)}
        assert {id: each.status if each else None for id, each in ended.items()} == {
            older.id: CommandStatus.SUPERSEDED,
            newer.id: None,
            done.id: CommandStatus.SUCCEEDED,
        }

    async def test_targets_jobs_and_outcomes_are_one_transaction(self, connector: Connector) -> None:
        """The job cannot be queued: so there is no target and no outcome either."""
        listing = uuid4()
        async with connector.engine.begin() as conn:
            await conn.execute(text(f"ALTER TABLE {SCHEMA}.pgqueuer ADD CONSTRAINT full_up CHECK (priority < 0)"))
        try:
            with pytest.raises(Exception, match="full_up"):
                await connector.accept.apply(connector.records(stock(STORE, listing, 1), stock(STORE, listing, 2)))
        finally:
            async with connector.engine.begin() as conn:
                await conn.execute(text(f"ALTER TABLE {SCHEMA}.pgqueuer DROP CONSTRAINT full_up"))
        assert (await connector.count("stock_targets"), await connector.outcomes()) == (0, [])


class TestStock:
    async def test_one_job_of_a_store_pushes_all_its_targets(self, connector: Connector) -> None:
        await connector.accept.apply(
            connector.records(*[stock(STORE, uuid4(), 1) for _ in range(5)], stock(OTHER, uuid4(), 1))
        )
        assert await jobs(connector) == [(f"{STORE}/stock", StockWork()), (f"{OTHER}/stock", StockWork())]
        assert await connector.count("stock_targets") == 6
        assert await connector.outcomes() == []

    async def test_the_newest_of_a_batch_wins_and_the_others_hear_of_it_once(self, connector: Connector) -> None:
        listing = uuid4()
        first, second, third = (stock(STORE, listing, n) for n in (1, 2, 3))
        await connector.accept.apply(connector.records(first, third, second))
        assert await target(connector, listing) == (3, third.id)
        assert sorted((each.command_id, each.status) for each in await connector.outcomes()) == sorted(
            (each.id, CommandStatus.SUPERSEDED) for each in (first, second)
        )

    async def test_a_newer_one_supersedes_what_stands(self, connector: Connector) -> None:
        listing = uuid4()
        old, new = stock(STORE, listing, 4), stock(STORE, listing, 5)
        await connector.accept.apply(connector.records(old))
        await connector.accept.apply(connector.records(new))
        assert await target(connector, listing) == (5, new.id)
        (said,) = await connector.outcomes()
        assert (said.command_id, said.status, said.sequence, said.listing_id) == (
            old.id,
            CommandStatus.SUPERSEDED,
            4,
            listing,
        )
        assert said.caused_at == NOW

    async def test_a_target_that_is_done_is_not_superseded_afterwards(self, connector: Connector) -> None:
        store, _ = await connector.add_store(status=IntegrationStatus.ACTIVE)
        listing = uuid4()
        old, new = stock(store, listing, 1), stock(store, listing, 2)
        await connector.accept.apply(connector.records(old))
        await connector.push(store)
        await connector.accept.apply(connector.records(new))
        assert await connector.statuses(old) == ["succeeded"]

    async def test_the_same_one_again_changes_nothing(self, connector: Connector) -> None:
        listing = uuid4()
        records = connector.records(stock(STORE, listing, 1), stock(STORE, listing, 2))
        for _ in range(3):
            await connector.accept.apply(records[1:])
        assert (await target(connector, listing))[0] == 2
        assert await connector.outcomes() == []

    async def test_another_one_of_the_same_sequence_is_superseded_not_forgotten(self, connector: Connector) -> None:
        listing = uuid4()
        first, second = stock(STORE, listing, 1), stock(STORE, listing, 1)
        await connector.accept.apply(connector.records(first))
        await connector.accept.apply(connector.records(second))
        assert (await connector.statuses(first), await connector.statuses(second)) == ([], ["superseded"])

    async def test_redelivered_after_its_push_it_is_not_pushed_again(self, connector: Connector) -> None:
        store, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
        records = connector.records(stock(store, uuid4(), 1))
        for _ in range(2):
            await connector.accept.apply(records)
            await connector.push(store)
        assert len(shop.pushes) == 1

    @pytest.mark.parametrize("seed", range(12))
    async def test_in_any_order_and_any_number_of_times(self, connector: Connector, seed: int) -> None:
        """The newest stands, and every other one has heard that it does not: exactly once if delivered once."""
        chance = random.Random(seed)
        listings = [uuid4() for _ in range(3)]
        commands = [stock(STORE, listing, n) for listing in listings for n in range(1, 6)]
        chance.shuffle(commands)
        records = connector.records(*commands)
        repeats = [chance.choice(records) for _ in range(6)] if seed % 2 else []
        stream = records + repeats
        while stream:
            size = chance.randint(1, 7)
            batch, stream = stream[:size], stream[size:]
            await connector.accept.apply(batch)
        newest = {payload_of(each).listing_id: each for each in sorted(commands, key=lambda c: payload_of(c).sequence)}
        for listing in listings:
            assert await target(connector, listing) == (5, newest[listing].id)
        said = Counter(each.command_id for each in await connector.outcomes())
        losers = {each.id for each in commands} - {each.id for each in newest.values()}
        assert set(said) == losers
        if not repeats:
            assert set(said.values()) == {1}


def payload_of(command: Command) -> StockSet:
    assert isinstance(command.payload, StockSet)
    return command.payload


class TestFollowIntegrations:
    def change(self, status: IntegrationStatus, platform: Platform = PLATFORM) -> IntegrationChanged:
        return IntegrationChanged(integration_id=STORE, org_id=ORG, platform=platform, status=status, at=NOW)

    async def follow(self, connector: Connector, *changes: IntegrationChanged, again: int = 1) -> None:
        follow = FollowIntegrations(PLATFORM, connector.engine, connector.jobs)
        records = [Record("integrations.events", 0, n, 0, "k", each.to_json(), {}) for n, each in enumerate(changes)]
        for _ in range(again):
            await follow.apply(records)

    async def test_a_new_store_is_connected_and_a_deleted_one_taken_down(self, connector: Connector) -> None:
        changes = [self.change(IntegrationStatus.CONNECTING), self.change(IntegrationStatus.DELETED)]
        await self.follow(connector, *changes, again=2)
        lane = f"{STORE}/connect"
        assert await jobs(connector) == [(lane, ConnectWork()), (lane, WatchWork()), (lane, DisconnectWork())]

    @pytest.mark.parametrize("status", [IntegrationStatus.ACTIVE, IntegrationStatus.ERROR])
    async def test_what_we_said_ourselves_is_not_followed(
        self, connector: Connector, status: IntegrationStatus
    ) -> None:
        await self.follow(connector, self.change(status))
        assert await jobs(connector) == []

    async def test_nor_are_stores_of_other_platforms(self, connector: Connector) -> None:
        await self.follow(connector, self.change(IntegrationStatus.CONNECTING, Platform.SHOPIFY))
        assert await jobs(connector) == []
