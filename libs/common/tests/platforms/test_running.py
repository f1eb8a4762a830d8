"""What jobs do at stores: each effect once, each outcome said, whatever fails in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from longshore.contracts import STALE, CommandOutcome, CommandStatus, EntityFetch, IntegrationStatus, StockSet
from longshore.ids import IntegrationId
from longshore.platforms.jobs import Lane, RetryLater, RunningJob
from longshore.platforms.protocols import (
    StockResult,
    StoreRefused,
    StoreThrottled,
    StoreUnauthorized,
    StoreUnavailable,
)
from longshore.platforms.running import (
    FEWEST_TRIES,
    LONGEST_PAUSE_S,
    LONGEST_RETRY_AFTER_S,
    LONGEST_TRY,
    pause_s,
)
from longshore.platforms.tables import MOST_TRIED, past
from longshore.platforms.work import FetchWork
from longshore.pruning import Pruner
from longshore_devkit.testing import eventually

from .conftest import PLATFORM, SCHEMA, Connector, command, fulfilment, stock
from .toy import NOW, Shop

AWAY = StoreUnavailable("timeout", "The store did not answer.")


@pytest.fixture
async def store(connector: Connector) -> tuple[IntegrationId, Shop]:
    return await connector.add_store(status=IntegrationStatus.ACTIVE)


Store = tuple[IntegrationId, Shop]


class TestPause:
    @given(st.integers(0, 1000), st.floats(0, 1))
    def test_it_grows_to_a_limit_with_jitter(self, attempts: int, chance: float) -> None:
        pause = pause_s(attempts, None, chance)
        assert 0.375 <= pause <= LONGEST_PAUSE_S * 1.25
        assert pause_s(attempts + 1, None, chance) >= pause

    @given(st.floats(0, 10_000))
    def test_what_the_store_asked_for_goes_first(self, asked: float) -> None:
        assert pause_s(3, asked) == min(asked, LONGEST_RETRY_AFTER_S)


class TestFulfilments:
    async def test_done_once_and_said_once(self, connector: Connector, store: Store) -> None:
        ship = fulfilment(store[0])
        await connector.do(ship)
        (outcome,) = await connector.outcomes()
        assert (outcome.command_id, outcome.status, outcome.attempts) == (ship.id, CommandStatus.SUCCEEDED, 1)
        assert outcome.fulfillment_external_id == "s1"
        assert outcome.reply_to == "order-sync"
        assert outcome.error is None

    async def test_done_again_the_store_is_not_asked(self, connector: Connector, store: Store) -> None:
        ship = fulfilment(store[0])
        for _ in range(3):
            await connector.do(ship)
        assert store[1].calls == ["create_fulfillment"]
        outcomes = await connector.outcomes()
        assert len({each.to_json() for each in outcomes}) == 1
        assert await connector.count("done_commands") == 1

    async def test_refused_is_final(self, connector: Connector, store: Store) -> None:
        store[1].troubles.append(StoreRefused("already-shipped", "All lines are shipped."))
        ship = fulfilment(store[0])
        await connector.do(ship)
        (outcome,) = await connector.outcomes()
        assert outcome.status is CommandStatus.FAILED
        assert outcome.error is not None
        assert (outcome.error.code, outcome.error.detail) == ("already-shipped", "All lines are shipped.")
        await connector.do(ship)
        assert len(store[1].calls) == 1

    @pytest.mark.parametrize(
        ("trouble", "least", "most"),
        [(AWAY, 0.3, 0.7), (StoreUnavailable("http-503", "x", 17), 17, 17), (StoreThrottled("http-429", "x", 9), 9, 9)],
    )
    async def test_unavailable_is_tried_again_when_the_store_says(
        self, connector: Connector, store: Store, trouble: StoreUnavailable, least: float, most: float
    ) -> None:
        store[1].troubles.append(trouble)
        ship = fulfilment(store[0])
        with pytest.raises(RetryLater) as retry:
            await connector.do(ship)
        assert least <= retry.value.delay_s <= most
        (outcome,) = await connector.outcomes()
        assert (outcome.status, outcome.attempts) == (CommandStatus.RUNNING, 1)
        assert outcome.error is not None
        assert outcome.error.code == trouble.code

    async def test_unavailable_then_well(self, connector: Connector, store: Store) -> None:
        store[1].troubles.append(AWAY)
        ship = fulfilment(store[0])
        with pytest.raises(RetryLater):
            await connector.do(ship)
        await connector.do(ship, attempts=1)
        assert await connector.statuses(ship) == ["running", "succeeded"]
        assert (await connector.outcomes())[-1].attempts == 2

    async def test_a_store_that_never_comes_back_fails_it_in_the_end(self, connector: Connector, store: Store) -> None:
        ship = fulfilment(store[0])
        # However often the store asks us to come back in a second: it is time that counts.
        store[1].troubles += [AWAY, AWAY, AWAY]
        with pytest.raises(RetryLater):
            await connector.do(ship, attempts=5_000)
        connector.now += LONGEST_TRY
        # The hub itself was down all the time: the store gets its tries.
        with pytest.raises(RetryLater):
            await connector.do(ship, attempts=0)
        await connector.do(ship, attempts=FEWEST_TRIES - 1)
        assert await connector.statuses(ship) == ["running", "running", "failed"]
        last = (await connector.outcomes())[-1]
        assert last.error is not None
        assert (last.error.code, last.error.detail) == (AWAY.code, AWAY.detail)

    async def test_a_fetch_that_never_succeeds_ends(self, connector: Connector, store: Store) -> None:
        work = FetchWork(resource="order", external_id="29").to_json()
        store[1].troubles += [AWAY] * 3
        for attempts, age in ((5_000, LONGEST_TRY / 2), (0, LONGEST_TRY)):
            with pytest.raises(RetryLater):
                await connector.run(RunningJob(store[0], Lane.WORK, work, attempts, connector.now - age))
        await connector.run(RunningJob(store[0], Lane.WORK, work, FEWEST_TRIES, connector.now - LONGEST_TRY))
        assert store[1].calls == ["fetch"] * 3
        assert connector.raw.sent == []

    async def test_after_a_crash_between_write_and_commit_it_is_shipped_once_and_said_once(
        self, connector: Connector, store: Store
    ) -> None:
        store[1].after_write.append(asyncio.CancelledError())
        ship = fulfilment(store[0])
        with pytest.raises(asyncio.CancelledError):
            await connector.do(ship)
        assert await connector.outcomes() == []
        await connector.do(ship)
        assert store[1].calls == ["create_fulfillment", "create_fulfillment"]
        assert len(store[1].shipments) == 1
        assert await connector.statuses(ship) == ["succeeded"]
        assert await connector.count("done_commands") == 1

    async def test_a_lost_answer_does_not_ship_twice(self, connector: Connector, store: Store) -> None:
        store[1].after_write.append(AWAY)
        ship = fulfilment(store[0])
        with pytest.raises(RetryLater):
            await connector.do(ship)
        await connector.do(ship, attempts=1)
        assert len(store[1].shipments) == 1
        assert (await connector.outcomes())[-1].fulfillment_external_id == "s1"

    async def test_a_store_that_is_gone_fails_it(self, connector: Connector, store: Store) -> None:
        await connector.delete_store(store[0])
        ship = fulfilment(store[0])
        await connector.do(ship)
        (outcome,) = await connector.outcomes()
        assert outcome.error is not None
        assert (outcome.status, outcome.error.code) == (CommandStatus.FAILED, "integration-deleted")
        assert store[1].calls == []


class TestFetches:
    async def test_what_was_read_goes_to_the_raw_topic(self, connector: Connector, store: Store) -> None:
        store[1].entities["29"] = b'{"id": 29.10}'
        await connector.work(store[0], FetchWork(resource="order", external_id="29"))
        (message,) = connector.raw.sent
        assert (message.topic, message.key, message.value) == ("raw.api", f"{store[0]}:29", b'{"id": 29.10}')

    async def test_a_command_to_fetch_has_an_outcome(self, connector: Connector, store: Store) -> None:
        look = command(store[0], EntityFetch(resource="order", external_id="29"))
        await connector.do(look)
        assert await connector.statuses(look) == ["succeeded"]
        assert connector.raw.sent[0].headers["longshore-gone"] == "1"

    async def test_unavailable_is_tried_again(self, connector: Connector, store: Store) -> None:
        store[1].troubles.append(AWAY)
        with pytest.raises(RetryLater):
            await connector.work(store[0], FetchWork(resource="order", external_id="29"))
        assert connector.registry.get_sample_value(
            "longshore_store_failures_total", {"platform": PLATFORM.value, "code": "timeout"}
        )

    async def test_refused_ends_it(self, connector: Connector, store: Store) -> None:
        store[1].troubles.append(StoreUnauthorized("http-401", "no"))
        await connector.work(store[0], FetchWork(resource="order", external_id="29"))
        assert connector.raw.sent == []

    async def test_a_store_that_is_gone_ends_it(self, connector: Connector) -> None:
        await connector.work(uuid4(), FetchWork(resource="order", external_id="29"))
        assert connector.raw.sent == []


class TestStock:
    async def accept(self, connector: Connector, store: UUID, *sequences: tuple[UUID, int]) -> None:
        await connector.accept.apply(
            connector.records(*[stock(store, listing, n, sku=str(listing)) for listing, n in sequences])
        )

    async def test_all_targets_in_batches_of_the_store(self, connector: Connector, store: Store) -> None:
        listings = [uuid4() for _ in range(5)]
        await self.accept(connector, store[0], *[(each, 3) for each in listings])
        await connector.push(store[0])
        assert [len(each) for each in store[1].pushes] == [2, 2, 1]
        assert store[1].stock == {str(each): 30 for each in listings}
        outcomes = await connector.outcomes()
        assert {each.listing_id for each in outcomes} == set(listings)
        assert {(each.status, each.quantity, each.sequence, each.attempts) for each in outcomes} == {
            (CommandStatus.SUCCEEDED, 30, 3, 1)
        }

    async def test_pushed_once(self, connector: Connector, store: Store) -> None:
        await self.accept(connector, store[0], (uuid4(), 1))
        await connector.push(store[0])
        await connector.push(store[0])
        assert len(store[1].pushes) == 1

    async def test_one_listing_that_fails_is_tried_again_alone(self, connector: Connector, store: Store) -> None:
        good, bad = uuid4(), uuid4()
        store[1].on_stock[bad] = lambda each: StockResult(
            each.listing_id, each.sequence, None, "Somebody else changed it.", "stale", retry=True
        )
        await self.accept(connector, store[0], (good, 1), (bad, 1))
        with pytest.raises(RetryLater) as retry:
            await connector.push(store[0])
        assert 0 < retry.value.delay_s < 1
        assert store[1].stock == {str(good): 10}
        assert {(each.listing_id, each.status.value) for each in await connector.outcomes()} == {
            (good, "succeeded"),
            (bad, "running"),
        }
        store[1].on_stock.clear()
        await connector.let_targets_be_due()
        await connector.push(store[0], attempts=1)
        assert [each.listing_id for each in store[1].pushes[-1]] == [bad]
        last = (await connector.outcomes())[-1]
        assert (last.listing_id, last.status, last.attempts) == (bad, CommandStatus.SUCCEEDED, 2)

    async def test_a_try_is_noted_before_the_store_is_asked(self, connector: Connector, store: Store) -> None:
        """So that a push whose answer was lost is known to be one, whatever came in its place."""
        listing = uuid4()
        await self.accept(connector, store[0], (listing, 1))
        store[1].troubles.append(AWAY)
        with pytest.raises(RetryLater):
            await connector.push(store[0])
        # A crash in the middle of the call: nothing is written after it.
        store[1].gate = asyncio.Event()
        store[1].asked.clear()
        crash = asyncio.create_task(connector.push(store[0], attempts=1))
        await store[1].asked.wait()
        crash.cancel()
        await asyncio.gather(crash, return_exceptions=True)
        store[1].gate = None
        await self.accept(connector, store[0], (listing, 2))
        store[1].on_stock[listing] = lambda each: StockResult(
            each.listing_id, each.sequence, 6, "The level is another.", STALE
        )
        await connector.push(store[0], attempts=2)
        last = (await connector.outcomes())[-1]
        assert (last.sequence, last.quantity, last.answers_lost) == (2, 6, [1])
        # What is answered is not lost any more.
        store[1].on_stock.clear()
        await self.accept(connector, store[0], (listing, 3))
        await connector.push(store[0])
        last = (await connector.outcomes())[-1]
        assert (last.sequence, last.status, last.answers_lost) == (3, CommandStatus.SUCCEEDED, [])

    async def test_what_was_not_sent_is_not_lost(self, connector: Connector, store: Store) -> None:
        """A store that throttles has done nothing; one whose breaker is open is not asked at all."""
        listing = uuid4()
        await self.accept(connector, store[0], (listing, 1))
        store[1].troubles.append(StoreThrottled("throttled", "Slow down.", 0))
        with pytest.raises(RetryLater):
            await connector.push(store[0])
        store[1].troubles += [AWAY] * 5
        for _ in range(5):
            with pytest.raises(RetryLater):
                await connector.do(fulfilment(store[0]))
        asked = len(store[1].pushes)
        # However slow the machine: it is not the moment in which the store is tried again.
        connector.clients._entries[store[0]].breaker._next_probe += 600.0
        with pytest.raises(RetryLater):
            await connector.push(store[0], attempts=1)
        assert len(store[1].pushes) == asked
        async with connector.engine.connect() as conn:
            assert await conn.scalar(text(f"SELECT tried FROM {SCHEMA}.stock_targets")) == []

    async def test_of_lost_answers_so_many_are_kept(self, connector: Connector, store: Store) -> None:
        listing = uuid4()
        for sequence in range(1, 2 * MOST_TRIED):
            await self.accept(connector, store[0], (listing, sequence))
            store[1].troubles.append(AWAY)
            with pytest.raises(RetryLater):
                await connector.push(store[0], attempts=sequence)
            # Something else goes through in between, or the breaker would open.
            await connector.do(fulfilment(store[0]))
        await self.accept(connector, store[0], (listing, 2 * MOST_TRIED))
        await connector.push(store[0], attempts=50)
        lost = (await connector.outcomes())[-1].answers_lost
        assert lost == list(range(MOST_TRIED, 2 * MOST_TRIED))

    @pytest.mark.parametrize("lost", [True, False])
    async def test_what_was_wanted_is_there_by_our_own_push_only_if_an_answer_was_lost(
        self, connector: Connector, store: Store, lost: bool
    ) -> None:
        """Else a sale that we have not heard of has led there: the push has changed nothing."""
        listing = uuid4()
        await self.accept(connector, store[0], (listing, 1))
        store[1].troubles.append(StoreUnavailable("timeout", "Late.", untouched=not lost))
        with pytest.raises(RetryLater):
            await connector.push(store[0])
        store[1].on_stock[listing] = lambda each: StockResult(
            each.listing_id, each.sequence, each.quantity, "The level is another.", STALE
        )
        await connector.push(store[0], attempts=1)
        last = (await connector.outcomes())[-1]
        assert last.status is (CommandStatus.SUCCEEDED if lost else CommandStatus.FAILED)
        assert (last.error is None, last.answers_lost) == (lost, [1] if lost else [])

    async def test_stale_is_counted_apart_from_failed(self, connector: Connector, store: Store) -> None:
        stale, bad = uuid4(), uuid4()
        for listing, code in ((stale, STALE), (bad, "not-found")):
            store[1].on_stock[listing] = lambda each, code=code: StockResult(  # type: ignore[misc]
                each.listing_id, each.sequence, 6, "Not taken.", code
            )
        await self.accept(connector, store[0], (stale, 1), (bad, 1))
        await connector.push(store[0])
        assert [each.status.value for each in await connector.outcomes()] == ["failed", "failed"]
        counted = {
            status: connector.registry.get_sample_value(
                "longshore_commands_total", {"platform": PLATFORM.value, "type": "stock.set", "status": status}
            )
            for status in ("stale", "failed")
        }
        assert counted == {"stale": 1, "failed": 1}

    async def test_what_slipped_between_look_and_write_is_counted(self, connector: Connector, store: Store) -> None:
        slipped, calm = uuid4(), uuid4()
        store[1].on_stock[slipped] = lambda each: StockResult(each.listing_id, each.sequence, 6, slipped=True)
        await self.accept(connector, store[0], (slipped, 1), (calm, 1))
        await connector.push(store[0])
        outcomes = {each.listing_id: each for each in await connector.outcomes()}
        assert (outcomes[slipped].status, outcomes[slipped].quantity) == (CommandStatus.SUCCEEDED, 6)
        counted = connector.registry.get_sample_value("longshore_stock_slipped_total", {"platform": PLATFORM.value})
        assert counted == 1

    async def test_one_listing_that_is_refused_is_final(self, connector: Connector, store: Store) -> None:
        bad = uuid4()
        store[1].on_stock[bad] = lambda each: StockResult(
            each.listing_id, each.sequence, None, "No such variant.", "not-found"
        )
        await self.accept(connector, store[0], (bad, 1))
        await connector.push(store[0])
        (outcome,) = await connector.outcomes()
        assert outcome.error is not None
        assert (outcome.status, outcome.error.code) == (CommandStatus.FAILED, "not-found")

    async def test_an_answer_that_leaves_a_listing_out_counts_as_a_failed_try(
        self, connector: Connector, store: Store
    ) -> None:
        listing = uuid4()
        store[1].on_stock[listing] = lambda each: StockResult(uuid4(), each.sequence, each.quantity)
        await self.accept(connector, store[0], (listing, 1))
        with pytest.raises(RetryLater):
            await connector.push(store[0])
        (outcome,) = await connector.outcomes()
        assert outcome.error is not None
        assert (outcome.status, outcome.error.code) == (CommandStatus.RUNNING, "no-answer")

    async def test_a_push_that_is_refused_as_a_whole_fails_all_of_it(self, connector: Connector, store: Store) -> None:
        store[1].troubles.append(StoreUnauthorized("http-401", "The key was revoked."))
        await self.accept(connector, store[0], (uuid4(), 1), (uuid4(), 1))
        await connector.push(store[0])
        assert [each.status.value for each in await connector.outcomes()] == ["failed", "failed"]

    async def test_a_store_that_is_down_is_said_once_and_pushed_later(self, connector: Connector, store: Store) -> None:
        await self.accept(connector, store[0], (uuid4(), 1))
        for attempt in range(2):
            store[1].troubles.append(AWAY)
            with pytest.raises(RetryLater):
                await connector.push(store[0], attempts=attempt)
        # One that is asked for in the middle of it is said to wait as well, with the reason.
        await self.accept(connector, store[0], (uuid4(), 1))
        for attempt in range(2, 4):
            store[1].troubles.append(AWAY)
            with pytest.raises(RetryLater):
                await connector.push(store[0], attempts=attempt)
        await connector.push(store[0], attempts=4)
        outcomes = await connector.outcomes()
        assert [each.status.value for each in outcomes] == ["running", "running", "succeeded", "succeeded"]
        assert {each.error.code for each in outcomes if each.error} == {AWAY.code}

    async def test_a_listing_that_fails_for_two_days_ends(self, connector: Connector, store: Store) -> None:
        bad = uuid4()
        store[1].on_stock[bad] = lambda each: StockResult(
            each.listing_id, each.sequence, None, "Critical error.", "http-500", retry=True
        )
        await self.accept(connector, store[0], (bad, 1))
        connector.now += LONGEST_TRY
        for attempt in range(FEWEST_TRIES - 1):
            with pytest.raises(RetryLater):
                await connector.push(store[0], attempts=attempt)
            await connector.let_targets_be_due()
        await connector.push(store[0], attempts=FEWEST_TRIES)
        last = (await connector.outcomes())[-1]
        assert last.error is not None
        assert (last.status, last.error.code) == (CommandStatus.FAILED, "http-500")

    async def test_the_newest_wins_over_a_push_under_way(self, connector: Connector, store: Store) -> None:
        """It is superseded by what came meanwhile: the newer quantity is the store's in the end."""
        listing = uuid4()
        store[1].gate = asyncio.Event()
        await self.accept(connector, store[0], (listing, 1))
        push = asyncio.create_task(connector.push(store[0]))
        await store[1].asked.wait()
        await self.accept(connector, store[0], (listing, 2))
        store[1].gate.set()
        await push
        assert [each[0].sequence for each in store[1].pushes] == [1, 2]
        assert store[1].stock == {str(listing): 20}

    async def test_it_tells_when_it_was_by_the_stores_clock(self, connector: Connector, store: Store) -> None:
        for ahead_s in (0.0, 3_600.0):
            store[1].clock_ahead_s = ahead_s
            await connector.accept.apply(connector.records(stock(store[0], uuid4(), 1)))
            await connector.push(store[0])
        right, wrong = await connector.outcomes()
        assert right.at_store is None
        assert wrong.at_store == wrong.at + timedelta(hours=1)

    async def test_a_push_under_way_that_is_superseded_tells_what_the_store_took(
        self, connector: Connector, store: Store
    ) -> None:
        listing = uuid4()
        store[1].gate = asyncio.Event()
        old, new = stock(store[0], listing, 1), stock(store[0], listing, 2)
        await connector.accept.apply(connector.records(old))
        push = asyncio.create_task(connector.push(store[0]))
        await store[1].asked.wait()
        await connector.accept.apply(connector.records(new))
        store[1].gate.set()
        await push
        assert await connector.statuses(old) == ["superseded", "succeeded"]
        assert await connector.statuses(new) == ["succeeded"]

    async def test_a_superseded_one_is_not_tried_again(self, connector: Connector, store: Store) -> None:
        listing = uuid4()
        store[1].gate = asyncio.Event()
        store[1].on_stock[listing] = lambda each: StockResult(
            each.listing_id, each.sequence, None, "Not now.", "busy", retry=each.sequence == 1
        )
        old, new = stock(store[0], listing, 1), stock(store[0], listing, 2)
        await connector.accept.apply(connector.records(old))
        push = asyncio.create_task(connector.push(store[0]))
        await store[1].asked.wait()
        await connector.accept.apply(connector.records(new))
        store[1].gate.set()
        await push
        assert [each[0].sequence for each in store[1].pushes] == [1, 2]
        assert await connector.statuses(new) == ["failed"]

    async def test_a_crash_in_the_middle_pushes_again(self, connector: Connector, store: Store) -> None:
        listing = uuid4()
        store[1].gate = asyncio.Event()
        await self.accept(connector, store[0], (listing, 1))
        push = asyncio.create_task(connector.push(store[0]))
        await store[1].asked.wait()
        push.cancel()
        await asyncio.wait({push})
        store[1].gate = None
        await connector.push(store[0])
        assert store[1].stock == {str(listing): 10}
        assert [each.status.value for each in await connector.outcomes()] == ["succeeded"]

    async def test_targets_of_a_store_that_is_gone_fail(self, connector: Connector, store: Store) -> None:
        await self.accept(connector, store[0], (uuid4(), 1), (uuid4(), 1))
        await connector.delete_store(store[0])
        await connector.push(store[0])
        assert {(each.status.value, each.error.code) for each in await connector.outcomes() if each.error} == {
            ("failed", "integration-deleted")
        }
        assert store[1].pushes == []


class TestAllTogether:
    """Commands in, through the queue, to the stores."""

    async def test_a_store_that_is_down_hurts_only_itself(self, connector: Connector) -> None:
        down, down_shop = await connector.add_store("down", status=IntegrationStatus.ACTIVE)
        up, up_shop = await connector.add_store("up", status=IntegrationStatus.ACTIVE)
        down_shop.troubles = [AWAY] * 1000
        ships = [fulfilment(down) for _ in range(40)] + [fulfilment(up) for _ in range(20)]
        running = asyncio.create_task(connector.jobs.run())
        try:
            await connector.accept.apply(connector.records(*ships, stock(up, uuid4(), 7)))
            await eventually(lambda: len(up_shop.shipments) == 20 and up_shop.stock == {"MUG": 70}, timeout=20)
            await eventually(lambda: down in connector.clients.paused(), timeout=20)
            calls = len(down_shop.calls)
            # Open breaker: its forty jobs are left alone, not tried one by one.
            await connector.accept.apply(connector.records(fulfilment(up)))
            await eventually(lambda: len(up_shop.shipments) == 21)
            assert calls <= 10
            assert len(down_shop.calls) <= calls + 1

            async def left_alone() -> bool:
                # But for the moment in which it is tried again.
                return down in connector.clients.paused() and await connector.jobs.due(connector.engine) <= 1

            await eventually(left_alone)
            # It comes back: all that waited is done, once each.
            down_shop.troubles.clear()
            await eventually(lambda: len(down_shop.shipments) == 40, timeout=20)

            async def succeeded() -> list[CommandOutcome]:
                said = [each for each in await connector.outcomes() if each.status is CommandStatus.SUCCEEDED]
                return said if len(said) >= 62 else []

            said = await eventually(succeeded)
        finally:
            await connector.jobs.stop()
            await running
        assert len(said) == 62
        assert len({each.command_id for each in said}) == 62

    async def test_targets_that_come_amid_pushes_all_reach_the_store(self, connector: Connector) -> None:
        store, shop = await connector.add_store(status=IntegrationStatus.ACTIVE)
        listings = [uuid4() for _ in range(6)]
        running = asyncio.create_task(connector.jobs.run())
        try:
            for sequence in range(1, 11):
                batch = [stock(store, each, sequence, sku=str(each)) for each in listings]
                await connector.accept.apply(connector.records(*batch))
            await eventually(lambda: shop.stock == {str(each): 100 for each in listings}, timeout=15)

            async def all_said() -> bool:
                return len({each.command_id for each in await connector.outcomes()}) == 60

            await eventually(all_said)
        finally:
            await connector.jobs.stop()
            await running
        pushed: dict[UUID, list[int]] = {}
        for each in (target for push in shop.pushes for target in push):
            assert isinstance(each, StockSet)
            pushed.setdefault(each.listing_id, []).append(each.sequence)
        # Never an older one after a newer one.
        assert all(each == sorted(set(each)) for each in pushed.values())
        said = await connector.outcomes()
        assert len({each.command_id for each in said}) == 60
        taken = {(each.listing_id, each.sequence) for each in said if each.status is CommandStatus.SUCCEEDED}
        assert taken == {(listing, n) for listing, sequences in pushed.items() for n in sequences}


class TestPast:
    async def test_what_is_done_is_forgotten_after_its_topic_has_forgotten_it(
        self, connector: Connector, store: Store
    ) -> None:
        ship, listing = fulfilment(store[0]), uuid4()
        await connector.do(ship)
        open_one = uuid4()
        await connector.accept.apply(connector.records(stock(store[0], listing, 1), stock(store[0], open_one, 1)))
        store[1].on_stock[open_one] = lambda each: StockResult(
            each.listing_id, each.sequence, None, "Not now.", "busy", retry=True
        )
        with pytest.raises(RetryLater):
            await connector.push(store[0])
        async with connector.engine.begin() as conn:
            await conn.execute(text(f"UPDATE {SCHEMA}.stock_targets SET due_at = :then"), {"then": NOW})

        async def prune(days: int) -> None:
            pruner = Pruner(
                connector.engine, past(SCHEMA, 8), CollectorRegistry(), clock=lambda: NOW + timedelta(days=days)
            )
            await pruner.prune()

        await prune(7)
        await connector.do(ship)
        assert store[1].calls.count("create_fulfillment") == 1
        assert await connector.count("stock_targets") == 2
        await prune(9)
        assert await connector.count("done_commands") == 0
        # What a listing is to have, and has not, stays.
        assert await connector.count("stock_targets") == 1
        # The other is told again as if for the first time.
        await connector.accept.apply(connector.records(stock(store[0], listing, 2)))
        store[1].on_stock.clear()
        await connector.let_targets_be_due()
        await connector.push(store[0])
        assert len(store[1].stock) == 1
