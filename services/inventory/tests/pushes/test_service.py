"""What became of pushes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from longshore.contracts import STALE, Command, CommandStatus, Platform, StockSet
from longshore_inventory.pushes import service
from longshore_inventory.pushes.models import commands
from longshore_inventory.pushes.store import resting
from longshore_inventory.stock.rules import ONE_AT_A_TIME_S

from ..conftest import SETTLE_S, Store, World, at, line  # noqa: TID252  (tests are no package of their own)


@pytest.fixture
async def stores(world: World) -> tuple[Store, Store]:
    """Two stores that sell HAT, 10 pieces each, and all is told."""
    a, b = world.store(), world.store(Platform.WOOCOMMERCE)
    await world.list_sku(a, "HAT", 10, updated=10)
    await world.list_sku(b, "HAT", 10, updated=20)
    await world.said()
    return a, b


async def statuses(world: World) -> list[str]:
    async with world.engine.connect() as conn:
        return list(
            (
                await conn.scalars(
                    select(commands.c.status).where(commands.c.org_id == world.org).order_by(commands.c.id)
                )
            ).all()
        )


class TestOutcomes:
    async def test_success_is_what_the_store_has(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100, observed=101)
        assert [each.in_sync for each in (await world.show("HAT")).channels].count(False) == 1
        assert await world.deliver(a, b, when=101.5) == 1
        channels = {each.integration_id: each for each in (await world.show("HAT")).channels}
        assert (channels[b.id].quantity, channels[b.id].pushed_at, channels[b.id].in_sync) == (8, at(101.5), True)
        assert (channels[a.id].quantity, channels[a.id].pushed_at, channels[a.id].in_sync) == (8, None, True)
        assert await statuses(world) == ["succeeded"]
        assert world.metrics.oversell_window._sum.get() == 0.5

    @pytest.mark.parametrize("ahead_s", [3_600, -3_600])
    async def test_orders_and_pushes_are_compared_by_the_stores_clock(
        self, world: World, stores: tuple[Store, Store], ahead_s: int
    ) -> None:
        """An order that a push has in its quantity is not taken off it once more: that would be told, for ever."""
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=5_000 + ahead_s, observed=5_001)
        for command in await world.told():
            await world.pushes.apply([world.outcome(command, when=5_002, store_ahead_s=ahead_s)])
        # B sells: A is told, and then has it.
        await world.order(b, "2", [line("1", "HAT", 1)], placed=5_010 + ahead_s, observed=5_011)
        (command,) = await world.told()
        await world.pushes.apply([world.outcome(command, when=5_012, store_ahead_s=ahead_s)])
        assert await world.told() == []
        assert {each.quantity for each in (await world.show("HAT")).channels} == {7}
        assert all(each.in_sync for each in (await world.show("HAT")).channels)
        assert {each.pushed_at for each in (await world.show("HAT")).channels} <= {at(5_002), at(5_012)}

    async def test_twice_counts_once(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 2)], observed=101)
        (command,) = await world.told()
        outcome = world.outcome(command, when=102)
        await world.pushes.apply([outcome, outcome])
        await world.pushes.apply([outcome])
        assert world.metrics.pushes.labels("succeeded")._value.get() == 1
        assert world.metrics.oversell_window._sum.get() == 1

    async def test_an_older_outcome_that_comes_late_changes_nothing(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], observed=101)
        await world.order(a, "2", [line("1", "HAT", 1)], observed=102)
        first, second = await world.told()
        await world.pushes.apply([world.outcome(second, when=105)])
        assert await statuses(world) == ["superseded", "succeeded"]
        # Both windows end with the push that landed.
        assert world.metrics.oversell_window._sum.get() == (105 - 101) + (105 - 102)
        await world.pushes.apply([world.outcome(first, when=104, status=CommandStatus.FAILED, code="gone")])
        level = await world.show("HAT")
        assert {each.integration_id: each.quantity for each in level.channels}[b.id] == 7
        assert await statuses(world) == ["superseded", "succeeded"]

    async def test_what_a_push_did_not_find_came_after_it_whatever_the_clocks_say(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        (command,) = await world.told()
        await world.pushes.apply([world.outcome(command, when=110)])
        # The store found 10, as we believed, so none of these was sold by then.
        await world.order(b, "9", [line("1", "HAT", 1)], placed=105, observed=120)
        await world.order(b, "10", [line("1", "HAT", 1)], placed=110, observed=121)
        assert await world.quantities() == [(a.id, "HAT", 7, 8), (a.id, "HAT", 6, 8)]
        assert {each.integration_id: each.quantity for each in (await world.show("HAT")).channels}[b.id] == 6

    async def test_a_sale_that_a_push_overwrote_which_compared_nothing_is_told_again(self, world: World) -> None:
        a, b = world.store(), world.store(Platform.WOOCOMMERCE)
        await world.list_sku(a, "HAT", 10, updated=10)
        # It has never said what it has.
        await world.list_sku(b, "HAT")
        await world.said()
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        (command,) = await world.told()
        assert isinstance(command.payload, StockSet)
        assert command.payload.expected is None
        await world.pushes.apply([world.outcome(command, when=110)])
        await world.order(b, "9", [line("1", "HAT", 1)], placed=105, observed=120)
        assert sorted(await world.quantities()) == sorted([(a.id, "HAT", 7, 8), (b.id, "HAT", 7, 8)])
        # And one sold after it.
        await world.order(b, "10", [line("1", "HAT", 1)], placed=115, observed=121)
        assert [(store, quantity) for store, _, quantity, _ in await world.quantities()].count((a.id, 6)) == 1

    async def test_a_stale_push_waits_for_the_order_that_explains_it(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        (command,) = await world.told()
        stale = world.outcome(command, when=110, status=CommandStatus.FAILED, quantity=9, code=STALE)
        await world.pushes.apply([stale])
        # By design, and so no failure.
        assert world.metrics.pushes.labels("stale")._value.get() == 1
        assert world.metrics.pushes.labels("failed")._value.get() == 0
        # Told now, the sale that is in the difference would be overwritten. Nor when the store's report comes first.
        await world.reports.apply([world.level(b, "HAT", 9, updated=111)])
        assert await world.told() == []
        await world.order(b, "9", [line("1", "HAT", 1)], placed=105, observed=111)
        assert sorted(await world.quantities()) == sorted([(a.id, "HAT", 7, 8), (b.id, "HAT", 7, 9)])

    async def test_a_store_that_has_refused_is_not_asked_again_since_another_one_has(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        """Each refusal touches the variant: two stores would be asked in turns, for ever."""
        a, b = stores
        c = world.store(Platform.WOOCOMMERCE)
        await world.list_sku(c, "HAT", 10, updated=30)
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        refused: Any = {"status": CommandStatus.FAILED, "quantity": 9, "code": STALE}
        for number, command in enumerate(await world.told()):
            await world.pushes.apply([world.outcome(command, when=110 + number, **refused)])
            assert await world.told() == []
        # What explains it is heard of: then that store is told, and it alone.
        await world.order(c, "9", [line("1", "HAT", 1)], placed=105, observed=112)
        assert sorted(await world.quantities()) == sorted([(a.id, "HAT", 7, 8), (c.id, "HAT", 7, 9)])
        assert await world.figures("HAT") == (10, 3, 7)
        assert b.id not in {store for store, *_ in await world.quantities()}

    async def test_a_refusal_is_newer_than_the_push_before_it_though_a_clock_went_back(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.deliver(a, b, when=110)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=120)
        (command,) = await world.told()
        refused: Any = {"status": CommandStatus.FAILED, "quantity": 6, "code": STALE}
        await world.pushes.apply([world.outcome(command, when=105, **refused)])
        assert await world.told() == []
        await world.order(b, "9", [line("1", "HAT", 2)], placed=104, observed=121)
        assert (b.id, "HAT", 5, 6) in await world.quantities()
        assert await world.figures("HAT") == (10, 5, 5)

    async def test_a_store_that_has_what_was_wanted_by_another_way_has_sold_it(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        """One sold here, one there: the shelf is as we wanted it, and there is one less."""
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 1)], placed=100)
        (command,) = await world.told()
        stale = world.outcome(command, when=101, status=CommandStatus.FAILED, quantity=9, code=STALE)
        await world.pushes.apply([stale])
        assert await world.told() == []
        await world.order(b, "9", [line("1", "HAT", 1)], placed=100, observed=102)
        assert sorted(await world.quantities()) == sorted([(a.id, "HAT", 8, 9), (b.id, "HAT", 8, 9)])

    async def test_a_push_whose_answer_was_lost_is_believed_as_soon_as_a_later_one_finds_it(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=101)
        first, second = await world.told()
        assert isinstance(first.payload, StockSet)
        stale = world.outcome(second, when=111, status=CommandStatus.FAILED, quantity=8, code=STALE)
        await world.pushes.apply([stale.model_copy(update={"answers_lost": [first.payload.sequence]})])
        assert await world.quantities() == [(b.id, "HAT", 7, 8)]

    async def test_what_nothing_explains_counts_after_the_window(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        (command,) = await world.told()
        stale = world.outcome(command, when=110, status=CommandStatus.FAILED, quantity=9, code=STALE)
        await world.pushes.apply([stale])
        world.now += timedelta(seconds=SETTLE_S)
        assert await world.reports.settle_due() == 1
        assert await world.figures("HAT") == (9, 2, 7)
        assert sorted(await world.quantities()) == sorted([(a.id, "HAT", 7, 8), (b.id, "HAT", 7, 9)])

    async def test_a_push_that_took_effect_unheard_of_is_not_taken_for_a_strangers(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=101)
        first, second = await world.told()
        # The first reached the store; its connector died before it could say so, and went on with the second.
        stale = world.outcome(second, when=111, status=CommandStatus.FAILED, quantity=8, code=STALE)
        await world.pushes.apply([world.outcome(first, when=110, status=CommandStatus.SUPERSEDED), stale])
        # A sale of the store's own may be in the difference as well: it has the window to be heard of.
        assert await world.told() == []
        world.now += timedelta(seconds=SETTLE_S)
        assert await world.reports.settle_due() == 1
        assert await world.figures("HAT") == (10, 3, 7)
        assert await world.quantities() == [(b.id, "HAT", 7, 8)]
        assert await world.reports.settle_due() == 0

    async def test_one_that_took_effect_unheard_of_and_a_sale_of_the_stores_own_after_it(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        world.now = at(100)
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=101)
        first, second = await world.told()
        # The first set 8 and its answer was lost; the store sold two; so it does not take the second.
        stale = world.outcome(second, when=111, status=CommandStatus.FAILED, quantity=6, code=STALE)
        lost = stale.model_copy(update={"answers_lost": [first.payload.sequence]})
        await world.pushes.apply([world.outcome(first, when=110, status=CommandStatus.SUPERSEDED), lost])
        await self.tell_again(world, b)
        # Its order explains the rest, to the piece: nothing of it was a stranger's, and it is told at once.
        assert await world.figures("HAT") == (10, 5, 5)
        assert await world.quantities() == [(b.id, "HAT", 5, 6)]
        assert await world.reports.settle_due() == 0

    async def test_the_same_difference_is_the_stores_own_when_no_answer_was_lost(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        world.now = at(100)
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=101)
        first, second = await world.told()
        stale = world.outcome(second, when=111, status=CommandStatus.FAILED, quantity=6, code=STALE)
        await world.pushes.apply([world.outcome(first, when=110, status=CommandStatus.SUPERSEDED), stale])
        await self.tell_again(world, b)
        assert await world.told() == []
        world.now += timedelta(seconds=SETTLE_S)
        assert await world.reports.settle_due() == 1
        assert await world.figures("HAT") == (8, 5, 3)

    async def tell_again(self, world: World, b: Store) -> None:
        """The store's own sale of two is heard of; its store, told what follows, still has something else."""
        await world.order(b, "9", [line("1", "HAT", 2)], placed=105, observed=112)
        (third,) = [each for each in await world.told() if each.integration_id == b.id]
        await world.pushes.apply([world.outcome(third, when=113, status=CommandStatus.FAILED, quantity=6, code=STALE)])

    async def test_stale_by_our_own_earlier_push_is_told_again_at_once(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=101)
        first, second = await world.told()
        stale = world.outcome(second, when=111, status=CommandStatus.FAILED, quantity=8, code=STALE)
        await world.pushes.apply([stale, world.outcome(first, when=110)])
        assert await world.quantities() == [(b.id, "HAT", 7, 8)]

    async def test_a_refusal_is_not_repeated_but_at_the_next_change(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100)
        (command,) = await world.told()
        await world.pushes.apply([world.outcome(command, when=110, status=CommandStatus.FAILED, code="forbidden")])
        assert await world.told() == []
        channels = {each.integration_id: each for each in (await world.show("HAT")).channels}
        assert (channels[b.id].quantity, channels[b.id].in_sync) == (10, False)
        await world.order(a, "2", [line("1", "HAT", 1)], placed=120)
        assert await world.quantities() == [(b.id, "HAT", 7, 10)]

    async def test_running_tells_of_a_try(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 2)])
        (command,) = await world.told()
        await world.pushes.apply([world.outcome(command, status=CommandStatus.RUNNING, code="timeout")])
        assert await statuses(world) == ["running"]
        await world.pushes.apply([world.outcome(command, when=110)])
        await world.pushes.apply([world.outcome(command, status=CommandStatus.RUNNING, code="timeout")])
        assert await statuses(world) == ["succeeded"]


class TestConvergence:
    async def test_all_stores_end_with_what_can_be_sold(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        c = world.store()
        await world.list_sku(c, "HAT", 99, updated=30)
        for number in range(1, 14):
            seller = (a, b, c)[number % 3]
            seller.stock["HAT"] = seller.stock.get("HAT", 0) - 1
            await world.order(seller, str(number), [line("1", "HAT", 1)], placed=100 + number)
            if number % 4 == 0:
                await world.deliver(a, b, c, when=100.5 + number)
        await world.deliver(a, b, c, when=200)
        level = await world.show("HAT")
        assert (level.on_hand, level.reserved, level.available) == (10, 13, -3)
        assert [each.in_sync for each in level.channels] == [True, True, True]
        # None sells any more. A store that has sold below zero keeps its own count of what it owes.
        assert {max(0, store.stock["HAT"]) for store in (a, b, c)} == {0}


class TestWaiting:
    async def sell_twice(self, world: World, a: Store) -> None:
        """The second sale waits for the answer to the push of the first."""
        await world.order(a, "1", [line("1", "HAT", 2)], observed=101)
        await world.order(a, "2", [line("1", "HAT", 1)], observed=102)
        await world.said()

    def let_time_pass(self, world: World) -> None:
        """It has waited long enough, and nothing since."""
        world.metrics.waited_at -= 3 * ONE_AT_A_TIME_S
        world.now += timedelta(seconds=ONE_AT_A_TIME_S)

    async def test_what_waits_is_told_when_the_store_takes_long_to_answer(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], observed=101)
        assert await world.quantities() == [(b.id, "HAT", 8, 10)]
        await world.order(a, "2", [line("1", "HAT", 1)], observed=102)
        await world.order(a, "3", [line("1", "HAT", 1)], observed=103)
        await world.pushes.push_waiting()
        assert await world.said(Command.event_type) == []
        world.now += timedelta(seconds=ONE_AT_A_TIME_S)
        await world.pushes.push_waiting()
        assert await world.quantities() == [(b.id, "HAT", 6, 10)]
        await world.pushes.push_waiting()
        assert await world.told() == []

    async def test_the_answer_brings_what_has_waited_and_its_window_counts(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 2)], observed=101)
        (first,) = await world.told()
        await world.order(a, "2", [line("1", "HAT", 1)], observed=102)
        assert await resting(world.engine) == 0  # it waits for an answer, which is no work of ours
        await world.pushes.apply([world.outcome(first, when=105)])
        (second,) = await world.told()
        assert isinstance(second.payload, StockSet)
        assert (second.payload.quantity, second.payload.expected, second.payload.caused_at) == (7, 8, at(102))
        await world.pushes.apply([world.outcome(second, when=109)])
        assert world.metrics.oversell_window._sum.get() == (105 - 101) + (109 - 102)

    async def test_that_nothing_is_left_is_told_at_once(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 2)], observed=101)
        await world.order(a, "2", [line("1", "HAT", 8)], observed=102)
        commands = [Command.from_json(body) for _, body in await world.said(Command.event_type)]
        assert [each.payload.quantity for each in commands if isinstance(each.payload, StockSet)] == [8, 0]

    async def test_what_is_small_beside_the_stock_waits_for_the_next_second(self, world: World) -> None:
        a, b = world.store(), world.store()
        for each in (a, b):
            await world.list_sku(each, "HAT", 1000, updated=10)
        await world.said()
        await world.order(a, "1", [line("1", "HAT", 2)], observed=101)
        (first,) = await world.told()
        await world.pushes.apply([world.outcome(first, when=101)])
        await world.order(a, "2", [line("1", "HAT", 1)], observed=102)
        await world.pushes.push_waiting()
        assert await world.said(Command.event_type) == []
        assert await resting(world.engine) == 1
        world.now += timedelta(seconds=1)
        await world.pushes.push_waiting()
        assert await world.quantities() == [(b.id, "HAT", 997, 998)]
        assert await resting(world.engine) == 0

    async def test_nobody_asks_the_database_when_nothing_has_waited_lately(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, _ = stores
        await self.sell_twice(world, a)
        await world.pushes.push_waiting()
        self.let_time_pass(world)
        await world.pushes.push_waiting()
        assert await world.said(Command.event_type) == []

    async def test_what_a_process_left_that_is_gone_is_found(
        self, world: World, stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a, b = stores
        await self.sell_twice(world, a)
        await world.pushes.push_waiting()
        self.let_time_pass(world)
        monkeypatch.setattr(service, "LOOK_EVERY_S", 0.0)
        await world.pushes.push_waiting()
        assert await world.quantities() == [(b.id, "HAT", 7, 10)]

    async def test_a_look_that_failed_is_made_again(
        self, world: World, stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def fail(*_: object) -> None:
            raise ConnectionRefusedError

        a, b = stores
        await self.sell_twice(world, a)
        with monkeypatch.context() as away:
            away.setattr(service, "waiting", fail)
            with pytest.raises(ConnectionRefusedError):
                await world.pushes.push_waiting()
        self.let_time_pass(world)
        await world.pushes.push_waiting()
        assert await world.quantities() == [(b.id, "HAT", 7, 10)]
