"""A store's own report: where the ledger begins, what explains it, and what becomes of a difference."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from longshore.contracts import STALE, CommandStatus, EntityFetch, OrderStatus, Origin, Platform, StockAdjusted
from longshore_inventory.stock.rules import ANSWER_S, LATEST_DELIVERY_S
from longshore_inventory.stock.views import list_alerts

from ..conftest import SETTLE_S, Store, World, line  # noqa: TID252  (tests are no package of their own)


@pytest.fixture
async def stores(world: World) -> tuple[Store, Store]:
    """Two stores that sell HAT; the first began the ledger with 10 pieces, and all is told."""
    a, b = world.store(), world.store(Platform.WOOCOMMERCE)
    await world.list_sku(a, "HAT", 10, updated=10)
    await world.list_sku(b, "HAT", 10, updated=20)
    await world.said()
    return a, b


async def settle(world: World) -> int:
    """Let the settle window pass; stores that are asked say the same again. Answers how many differences were due."""
    world.now += timedelta(seconds=SETTLE_S)
    due = await world.reports.settle_due()
    if await world.answer():
        await world.reports.settle_due()
    return due


class TestFirstReport:
    async def test_begins_the_ledger(self, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT", 7)
        assert await world.figures("HAT") == (7, 0, 7)
        assert await world.told() == []

    async def test_may_come_before_the_product(self, world: World) -> None:
        a = world.store()
        await world.reports.apply([world.level(a, "HAT", 7)])
        await world.list_sku(a, "HAT")
        assert await world.figures("HAT") == (7, 0, 7)

    async def test_of_a_second_store_the_ledger_wins(self, world: World) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 7, updated=10)
        await world.list_sku(b, "HAT", 3, updated=20)
        assert await world.figures("HAT") == (7, 0, 7)
        assert await world.quantities() == [(b.id, "HAT", 7, 3)]

    async def test_locations_are_one_pool(self, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT")
        await world.reports.apply([world.level(a, "HAT", 0, location="2"), world.level(a, "HAT", 7, location="1")])
        await world.reports.apply([world.level(a, "HAT", 4, location="3", updated=15)])
        assert await world.figures("HAT") == (11, 0, 11)
        await world.adjust("HAT", delta=-1)
        assert await world.quantities() == [(a.id, "HAT", 6, 7)]

    async def test_a_location_that_never_stocked_it_is_none(self, world: World) -> None:
        """Nothing is pushed there, though no other has more."""
        a = world.store()
        await world.list_sku(a, "HAT")
        nowhere = world.level(a, "HAT", 0, location="9", stocked=False)
        await world.reports.apply([nowhere, world.level(a, "HAT", 0, location="1")])
        await world.reports.apply([world.level(a, "HAT", 0, location="8", stocked=False, updated=12)])
        await world.reports.apply([world.level(a, "HAT", 5, location="2", updated=15)])
        await world.adjust("HAT", delta=4)
        (push,) = await world.told()
        assert (push.payload.location_external_id, push.payload.quantity) == ("1", 4)

    async def test_what_lies_where_it_is_stocked_no_more_is_gone(self, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT")
        await world.reports.apply([world.level(a, "HAT", 4, location="1"), world.level(a, "HAT", 5, location="2")])
        assert await world.figures("HAT") == (9, 0, 9)
        await world.reports.apply([world.level(a, "HAT", 0, location="2", stocked=False, updated=20)])
        assert await settle(world) == 1
        assert await world.figures("HAT") == (4, 0, 4)

    async def test_where_it_is_pushed_to_closes(self, world: World) -> None:
        """What lay there is gone; from then on the location that is left is told."""
        a = world.store()
        await world.list_sku(a, "HAT")
        await world.reports.apply([world.level(a, "HAT", 8, location="1"), world.level(a, "HAT", 5, location="2")])
        await world.adjust("HAT", delta=-1)
        (push,) = await world.told()
        assert (push.payload.location_external_id, push.payload.quantity, push.payload.expected) == ("1", 7, 8)
        await world.pushes.apply([world.outcome(push, when=15)])
        await world.reports.apply([world.level(a, "HAT", 0, location="1", stocked=False, updated=20)])
        assert await settle(world) == 1
        assert await world.figures("HAT") == (5, 0, 5)
        await world.adjust("HAT", delta=-2)
        (push,) = await world.told()
        assert (push.payload.location_external_id, push.payload.quantity, push.payload.expected) == ("2", 3, 5)
        await world.pushes.apply([world.outcome(push, when=30)])
        # Open again, and empty: what is told there already is told there still.
        await world.reports.apply([world.level(a, "HAT", 0, location="1", updated=40)])
        await world.adjust("HAT", delta=-1)
        (push,) = await world.told()
        assert (push.payload.location_external_id, push.payload.quantity, push.payload.expected) == ("2", 2, 3)

    async def test_where_it_is_pushed_to_closes_while_a_push_is_under_way(self, world: World) -> None:
        """Refused there, it goes to the other one at once, and nobody is bothered."""
        a = world.store()
        await world.list_sku(a, "HAT")
        await world.reports.apply([world.level(a, "HAT", 0, location="1"), world.level(a, "HAT", 0, location="2")])
        await world.adjust("HAT", delta=4)
        (push,) = await world.told()
        here = push.payload.location_external_id
        other = "1" if here == "2" else "2"
        await world.reports.apply([world.level(a, "HAT", 0, location=here, stocked=False, updated=20)])
        await world.adjust("HAT", delta=1)
        (newer,) = await world.told()
        assert newer.payload.location_external_id == here
        refused = {"status": CommandStatus.FAILED, "code": "unknown-location"}
        await world.pushes.apply([world.outcome(push, when=30, **refused), world.outcome(newer, when=31, **refused)])
        (moved,) = await world.told()
        assert (moved.payload.location_external_id, moved.payload.quantity, moved.payload.expected) == (other, 5, 0)
        await world.pushes.apply([world.outcome(moved, when=32)])
        assert await world.told() == []
        async with world.engine.connect() as conn:
            assert await list_alerts(conn, world.org, after=None, limit=50) == []

    @pytest.mark.parametrize("order_first", [True, False])
    async def test_orders_that_the_store_had_taken_are_not_taken_again(self, world: World, order_first: bool) -> None:
        a = world.store()
        await world.catalogue.apply([world.product(a, "p", [("v-HAT", "HAT")])], [])
        level = world.level(a, "HAT", 7, updated=200)
        if not order_first:
            await world.reports.apply([level])
        await world.order(a, "open", [line("1", "HAT", 2)], placed=100)
        await world.order(a, "shipped", [line("1", "HAT", 3, fulfilled=3)], placed=100, updated=150)
        await world.order(a, "later", [line("1", "HAT", 1)], placed=300)
        if order_first:
            await world.reports.apply([level])
        assert await world.figures("HAT") == (9, 3, 6)
        assert (await world.show("HAT")).channels[0].quantity == 6
        assert await world.told() == []

    @pytest.mark.parametrize("order_first", [True, False])
    async def test_another_stores_history_is_its_own(self, world: World, order_first: bool) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 10, updated=10)
        await world.catalogue.apply([world.product(b, "p", [("v-HAT", "HAT")])], [])
        if not order_first:
            await world.reports.apply([world.level(b, "HAT", 4, updated=200)])
        await world.order(b, "shipped", [line("1", "HAT", 3, fulfilled=3)], placed=100, updated=150)
        await world.order(b, "open", [line("1", "HAT", 2)], placed=120)
        if order_first:
            await world.reports.apply([world.level(b, "HAT", 4, updated=200)])
        assert await world.figures("HAT") == (10, 2, 8)

    @pytest.mark.parametrize("order_first", [True, False])
    async def test_an_order_of_its_very_second_is_not_in_it(self, world: World, order_first: bool) -> None:
        a, b = world.store(Platform.WOOCOMMERCE), world.store()
        await world.list_sku(b, "HAT")
        await world.catalogue.apply([world.product(a, "p", [("v-HAT", "HAT")])], [])
        # Read at 200.3; sold at 200.9, which the store dates 200.
        level = world.level(a, "HAT", 7, updated=150, observed=200.3, origin=Origin.FETCH)
        if not order_first:
            await world.reports.apply([level])
        await world.order(a, "1", [line("1", "HAT", 2)], placed=200, observed=201)
        if order_first:
            await world.reports.apply([level])
        assert await world.figures("HAT") == (7, 2, 5)
        # The store's own figure after that sale is what we expect of it.
        await world.reports.apply([world.level(a, "HAT", 5, updated=200, observed=202)])
        assert await settle(world) == 0
        assert await world.figures("HAT") == (7, 2, 5)

    @pytest.mark.parametrize("deleted", [True, False])
    async def test_an_order_of_before_that_is_trashed_with_its_stock_raises_nothing(
        self, world: World, deleted: bool
    ) -> None:
        """WooCommerce's trash keeps what the order had taken; its line says so."""
        a = world.store(Platform.WOOCOMMERCE)
        await world.list_sku(a, "HAT", 7, updated=200)
        lines, trash = [line("1", "HAT", 2, taken=2)], {"status": OrderStatus.CANCELLED, "word": "trash"}
        if deleted:
            await world.orders.apply([], [world.deletion(a, "1", 300)])
        await world.order(a, "1", lines, placed=100, updated=300, observed=299 if deleted else 301, **trash)
        assert (await world.figures("HAT"))[2] == 7
        assert await world.told() == []

    async def test_an_order_of_before_that_was_never_paid_and_is_cancelled_raises_nothing(self, world: World) -> None:
        a = world.store(Platform.WOOCOMMERCE)
        await world.list_sku(a, "HAT", 7, updated=200)
        cancelled = {"status": OrderStatus.CANCELLED, "word": "cancelled"}
        await world.order(a, "1", [line("1", "HAT", 2, taken=0)], placed=100, updated=300, **cancelled)
        assert await world.figures("HAT") == (7, 0, 7)

    async def test_an_order_of_before_is_taken_as_far_as_its_lines_say(self, world: World) -> None:
        a = world.store(Platform.WOOCOMMERCE)
        await world.list_sku(a, "HAT", 7, updated=200)
        # Open then and now; one of three pieces was paid back and restocked since.
        await world.order(a, "1", [line("1", "HAT", 3, refunded=1, restocked=1, taken=2)], placed=100, updated=300)
        assert await world.figures("HAT") == (10, 2, 8)
        # The store has not taken this one at all: it is owed on top of what it says it has.
        await world.order(a, "2", [line("1", "HAT", 1, taken=0)], placed=101, updated=150, word="picking")
        assert await world.figures("HAT") == (10, 3, 7)

    async def test_what_a_store_takes_for_an_unpaid_order_is_owed(self, world: World) -> None:
        a = world.store(Platform.WOOCOMMERCE)
        await world.list_sku(a, "HAT", 7, updated=200)
        pending = {"status": OrderStatus.PENDING, "word": "pending"}
        await world.order(a, "1", [line("1", "HAT", 2, taken=2)], placed=300, **pending)
        assert await world.figures("HAT") == (7, 2, 5)

    async def test_what_the_trash_keeps_is_gone_and_comes_back_with_a_restock(self, world: World) -> None:
        a = world.store(Platform.WOOCOMMERCE)
        await world.list_sku(a, "HAT", 7, updated=200)
        await world.order(a, "1", [line("1", "HAT", 2, taken=2)], placed=300)
        trash = {"status": OrderStatus.CANCELLED, "word": "trash"}
        await world.order(a, "1", [line("1", "HAT", 2, taken=2)], placed=300, updated=310, **trash)
        assert await world.figures("HAT") == (5, 0, 5)
        cancelled = {"status": OrderStatus.CANCELLED, "word": "cancelled"}
        await world.order(a, "1", [line("1", "HAT", 2)], placed=300, updated=320, **cancelled)
        assert await world.figures("HAT") == (7, 0, 7)

    async def test_what_changes_after_it_moves_stock(self, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT", 7, updated=200)
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100, updated=300, status=OrderStatus.CANCELLED)
        assert await world.figures("HAT") == (9, 0, 9)
        assert await world.told() == []


class TestExpected:
    async def test_the_echo_of_our_push_moves_nothing(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        assert await world.deliver(a, b, when=102) == 1
        await world.reports.apply([world.level(b, "HAT", 8, updated=102, observed=103)])
        assert await settle(world) == 0
        assert await world.said() == []
        assert all(each.in_sync for each in (await world.show("HAT")).channels)

    async def test_the_echo_may_come_before_the_outcome(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.reports.apply([world.level(b, "HAT", 8, updated=102, observed=103)])
        await world.deliver(a, b, when=102)
        assert all(each.in_sync for each in (await world.show("HAT")).channels)
        assert await settle(world) == 0

    async def test_the_stores_own_order_explains_it_whichever_comes_first(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.reports.apply([world.level(a, "HAT", 8, updated=100)])
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.deliver(a, b, when=101)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=110)
        await world.reports.apply([world.level(a, "HAT", 7, updated=110)])
        await world.deliver(a, b, when=111)
        assert await settle(world) == 0
        assert await world.figures("HAT") == (10, 3, 7)

    async def test_a_report_of_before_our_push_is_void(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.deliver(a, b, when=102)
        await world.reports.apply([world.level(b, "HAT", 10, updated=90, observed=101)])
        await settle(world)
        assert await world.figures("HAT") == (10, 2, 8)


class TestDifference:
    async def test_shared_stock_takes_it_in_and_tells_the_others(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.reports.apply([world.level(b, "HAT", 15, updated=500)])
        world.now += timedelta(seconds=SETTLE_S - 1)
        assert await world.reports.settle_due() == 0
        assert await settle(world) == 1
        assert await world.figures("HAT") == (15, 0, 15)
        world_said = await world.said()
        decisions = [StockAdjusted.from_json(body) for type, body in world_said if type == StockAdjusted.event_type]
        assert [(each.delta, each.reason) for each in decisions] == [(5, "store report")]
        world._seen = 0
        assert (await world.quantities())[-1] == (a.id, "HAT", 15, 10)
        assert await settle(world) == 0

    async def test_a_follower_is_put_right(self, world: World, stores: tuple[Store, Store]) -> None:
        _, b = stores
        await world.set_channel(b, {"mode": "follower"})
        await world.reports.apply([world.level(b, "HAT", 15, updated=500)])
        assert await settle(world) == 1
        assert await world.figures("HAT") == (10, 0, 10)
        assert await world.quantities() == [(b.id, "HAT", 10, 15)]
        assert world.metrics.drift.labels("follower")._value.get() == 1

    async def test_a_store_that_is_off_is_neither_read_nor_written(self, world: World) -> None:
        a, b = world.store(), world.store()
        await world.set_channel(b, {"mode": "off"})
        await world.list_sku(b, "HAT", 3, updated=5)
        await world.list_sku(a, "HAT", 10, updated=10)
        await world.reports.apply([world.level(b, "HAT", 15, updated=500)])
        assert await settle(world) == 0
        assert await world.figures("HAT") == (10, 0, 10)
        assert await world.told() == []

    async def test_a_push_under_way_is_waited_for(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.reports.apply([world.level(b, "HAT", 9, updated=101)])
        assert await settle(world) == 0
        await world.deliver(a, b, when=102)
        assert await settle(world) == 0
        assert await world.figures("HAT") == (10, 2, 8)

    async def test_what_was_fetched_is_true_when_it_was_read(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.deliver(a, b, when=102)
        # The store's level was last changed before our push, so the push did not stick.
        await world.reports.apply([world.level(b, "HAT", 9, updated=90, observed=200, origin=Origin.FETCH)])
        assert await settle(world) == 1
        assert await world.figures("HAT") == (11, 2, 9)


class TestHeldUp:
    """A delivery that was on its way for long tells of before a push, and comes after it."""

    @pytest.fixture
    async def stores(self, world: World, stores: tuple[Store, Store]) -> tuple[Store, Store]:
        """B was told 7 at 110; what it said before that, 10, comes at 120."""
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 3)], placed=100)
        (command,) = await world.told()
        assert (command.integration_id, command.payload.quantity) == (b.id, 7)
        await world.pushes.apply([world.outcome(command, when=110)])
        await world.reports.apply([world.level(b, "HAT", 10, updated=60, observed=120)])
        world.now += timedelta(seconds=SETTLE_S)
        assert await world.reports.settle_due() == 1
        return a, b

    async def test_the_store_is_asked_and_its_answer_decides(self, world: World, stores: tuple[Store, Store]) -> None:
        _, b = stores
        (asked,) = await world.asked()
        assert asked.payload == EntityFetch(resource="stock", external_id="i-v-HAT")
        assert (asked.integration_id, asked.platform, asked.reply_to) == (b.id, b.platform, "inventory")
        assert await world.figures("HAT") == (10, 3, 7)
        await world.reports.apply([world.level(b, "HAT", 7, updated=60, observed=151, origin=Origin.FETCH)])
        assert await settle(world) == 0
        assert await world.figures("HAT") == (10, 3, 7)
        assert await world.told() == []
        assert (await world.show("HAT")).channels[-1].in_sync

    async def test_what_it_says_once_more_counts_at_once(self, world: World, stores: tuple[Store, Store]) -> None:
        _, b = stores
        (_,) = await world.asked()
        await world.reports.apply([world.level(b, "HAT", 10, updated=60, observed=151, origin=Origin.FETCH)])
        assert await world.reports.settle_due() == 1
        assert await world.figures("HAT") == (13, 3, 10)

    async def test_what_is_said_anew_has_a_window_of_its_own(self, world: World, stores: tuple[Store, Store]) -> None:
        _, b = stores
        (_,) = await world.asked()
        await world.reports.apply([world.level(b, "HAT", 9, updated=60, observed=151, origin=Origin.FETCH)])
        assert await world.reports.settle_due() == 0
        assert await settle(world) == 1
        assert await world.figures("HAT") == (12, 3, 9)

    async def test_a_store_that_does_not_answer_is_asked_once_and_then_believed(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        assert len(await world.asked()) == 1
        world.now += timedelta(seconds=ANSWER_S - 1)
        assert await world.reports.settle_due() == 0
        world.now += timedelta(seconds=1)
        assert await world.reports.settle_due() == 1
        assert await world.asked() == []
        assert await world.figures("HAT") == (13, 3, 10)

    async def test_what_was_read_while_a_push_went_through_is_read_again(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        (_,) = await world.asked()
        await world.order(a, "2", [line("1", "HAT", 1)], placed=140)
        (command,) = await world.told()
        await world.pushes.apply([world.outcome(command, when=150.9)])
        await world.reports.apply([world.level(b, "HAT", 7, updated=60, observed=151, origin=Origin.FETCH)])
        world.now += timedelta(seconds=SETTLE_S)
        assert await world.reports.settle_due() == 1
        assert len(await world.asked()) == 1
        assert await world.figures("HAT") == (10, 4, 6)

    async def test_what_comes_long_after_the_last_push_is_believed(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        _, b = stores
        (_,) = await world.asked()
        late = 110 + LATEST_DELIVERY_S
        await world.reports.apply([world.level(b, "HAT", 6, updated=late, observed=late)])
        world.now += timedelta(seconds=SETTLE_S)
        assert await world.reports.settle_due() == 1
        assert await world.asked() == []
        assert await world.figures("HAT") == (9, 3, 6)


class TestWrongClocks:
    @pytest.mark.parametrize("gateway_s", [-3700, 3700])
    @pytest.mark.parametrize("woo_first", [True, False])
    @pytest.mark.parametrize("together", [True, False])
    async def test_a_stores_own_sale_told_through_a_gateway_an_hour_off(
        self, world: World, gateway_s: int, woo_first: bool, together: bool
    ) -> None:
        """It stays the one sale: by its time the report would come before the one that the ledger began with."""
        woo, shopify = world.store(Platform.WOOCOMMERCE), world.store()
        for when, store in enumerate((woo, shopify) if woo_first else (shopify, woo)):
            await world.list_sku(store, "HAT", 10, updated=10 + when)
        await world.said()
        await world.adjust("HAT", to=100)
        await world.deliver(woo, shopify, when=50)
        told = [
            world.level(woo, "HAT", 98, updated=90, observed=90 + gateway_s, offset=7),
            world.level(woo, "HAT", 97, updated=100, observed=100 + gateway_s, offset=8),
        ]
        for batch in [told] if together else [told[:1], told[1:]]:
            await world.reports.apply(batch)
        await world.order(woo, "1", [line("1", "HAT", 3)], placed=100)
        await world.deliver(woo, shopify, when=120)
        await settle(world)
        assert await world.figures("HAT") == (100, 3, 97)
        assert [each.kind for each in await world.movements("HAT")].count("initial") == 1

    async def test_a_window_noted_in_the_future_lasts_as_long_as_others(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        """Its order comes within the window: what the clock said then must not end it at once."""
        a, _ = stores
        right = world.now
        world.now = right + timedelta(hours=1)
        await world.reports.apply([world.level(a, "HAT", 8, updated=100)])
        world.now = right
        await world.reports.settle_due()
        await world.order(a, "1", [line("1", "HAT", 2)], placed=90)
        await settle(world)
        assert await world.figures("HAT") == (10, 2, 8)

    async def test_nor_does_it_wait_for_that_hour(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        right = world.now
        world.now = right + timedelta(hours=1)
        await world.reports.apply([world.level(a, "HAT", 8, updated=100)])
        world.now = right
        await world.reports.settle_due()
        assert await world.figures("HAT") == (10, 0, 10)
        await settle(world)
        assert await world.figures("HAT") == (8, 0, 8)


class TestSecondOfAPush:
    """Stores date orders to the second: one of the second of a push was placed before or after it."""

    @pytest.fixture
    async def pushed(self, world: World) -> tuple[Store, Store]:
        """Two stores that were told 99 pieces; the first, in the middle of a second, without a look."""
        a, b = world.store(), world.store()
        await world.list_sku(b, "HAT", 100, updated=10)
        await world.list_sku(a, "HAT")
        await world.said()
        await world.adjust("HAT", to=99)
        await world.deliver(a, b, when=100.5)
        return a, b

    async def test_a_sale_after_a_push_that_compared_nothing_is_no_strangers(
        self, world: World, pushed: tuple[Store, Store]
    ) -> None:
        a, _ = pushed
        await world.order(a, "1", [line("1", "HAT", 3)], placed=100)
        stale: Any = {"status": CommandStatus.FAILED, "code": STALE, "quantity": 96}
        (mine,) = [each for each in await world.told() if each.integration_id == a.id]
        await world.pushes.apply([world.outcome(mine, when=102, **stale)])
        assert await settle(world) == 1
        assert await world.figures("HAT") == (99, 3, 96)

    @pytest.mark.parametrize(("has", "on_hand"), [(99, 99), (100, 103)])
    async def test_a_sale_that_a_push_overwrote_between_look_and_write_is_no_strangers(
        self, world: World, pushed: tuple[Store, Store], has: int, on_hand: int
    ) -> None:
        """What is there beyond it, nobody of us has put there."""
        _, b = pushed
        await world.order(b, "1", [line("1", "HAT", 3)], placed=100)
        await world.told()
        await world.reports.apply([world.level(b, "HAT", has, updated=103)])
        assert await settle(world) == 1
        assert await world.figures("HAT") == (on_hand, 3, on_hand - 3)

    async def test_what_was_counted_as_lost_is_given_back_when_its_order_comes(
        self, world: World, pushed: tuple[Store, Store]
    ) -> None:
        _, b = pushed
        await world.reports.apply([world.level(b, "HAT", 96, updated=102)])
        assert await settle(world) == 1
        await world.deliver(*pushed, when=200.5)
        # Of before all that, and one of the second of the last push.
        await world.order(b, "1", [line("1", "HAT", 3)], placed=101)
        await world.order(b, "2", [line("1", "HAT", 3)], placed=200)
        await world.deliver(*pushed, when=210)
        await world.reports.apply([world.level(b, "HAT", 93, updated=220)])
        await settle(world)
        assert await world.figures("HAT") == (99, 6, 93)
