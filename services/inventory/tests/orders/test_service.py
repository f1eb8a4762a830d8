"""Orders move stock: reserve, ship, restock, release; told to the other stores, never twice."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from longshore import ids
from longshore.broker import Record
from longshore.contracts import (
    AvailabilityChanged,
    CommandLine,
    Fulfillment,
    FulfillmentRequested,
    FulfillmentSettled,
    FulfillmentState,
    OrderActionSettled,
    OrderOversold,
    OrderStatus,
    Platform,
)
from longshore_inventory.orders.changes import OrderRow
from longshore_inventory.orders.consumers import apply_fulfillments
from longshore_inventory.stock.views import AlertView, list_alerts

from ..conftest import Store, World, at, line  # noqa: TID252  (tests are no package of their own)


@pytest.fixture
async def stores(world: World) -> tuple[Store, Store]:
    """Two stores that sell HAT; the first began the ledger with 10 pieces, and all is told."""
    a, b = world.store(), world.store(Platform.WOOCOMMERCE)
    await world.list_sku(a, "HAT", 10, updated=10)
    await world.list_sku(b, "HAT", 10, updated=20)
    await world.said()
    return a, b


class TestApply:
    async def test_an_open_order_reserves_and_tells_the_other_store(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(a, "1", [line("1", "HAT", 2)], placed=100, observed=101)
        assert await world.figures("HAT") == (10, 2, 8)
        said = await world.said()
        changed = [AvailabilityChanged.from_json(body) for type, body in said if type == AvailabilityChanged.event_type]
        assert [(each.on_hand, each.reserved, each.available) for each in changed] == [(10, 2, 8)]
        world._seen = 0
        command = (await world.told())[-1]
        payload: Any = command.payload
        assert command.integration_id == b.id
        assert (payload.quantity, payload.expected, payload.caused_at) == (8, 10, at(101))
        assert command.reply_to == "inventory"

    async def test_the_same_again_changes_nothing(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        for _ in range(3):
            await world.order(a, "1", [line("1", "HAT", 2)])
        await world.order(a, "1", [line("1", "HAT", 2)], observed=150)
        assert await world.figures("HAT") == (10, 2, 8)
        assert len(await world.told()) == 1

    async def test_shipping_lowers_on_hand_once(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 3)])
        await world.order(a, "1", [line("1", "HAT", 3, fulfilled=1)], updated=120)
        assert await world.figures("HAT") == (9, 2, 7)
        await world.order(a, "1", [line("1", "HAT", 3, fulfilled=3)], updated=130)
        assert await world.figures("HAT") == (7, 0, 7)
        movements = await world.movements("HAT")
        assert [each.delta for each in movements] == [-2, -1, 10]
        assert [each.kind for each in movements] == ["order", "order", "initial"]

    async def test_refunds_come_back_only_when_restocked(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 3, fulfilled=3)])
        await world.order(a, "1", [line("1", "HAT", 3, fulfilled=3, refunded=1)], updated=120)
        assert await world.figures("HAT") == (7, 0, 7)
        for observed in (130, 131):
            await world.order(
                a, "1", [line("1", "HAT", 3, fulfilled=3, refunded=2, restocked=1)], updated=130, observed=observed
            )
        assert await world.figures("HAT") == (8, 0, 8)

    async def test_a_detail_is_kept_and_taken_whenever_it_comes(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        """A webhook that names a refund without its lines says the same as the fetch that has them."""
        a, _ = stores
        whole, refunded = [line("1", "HAT", 3)], [line("1", "HAT", 3, refunded=1)]
        await world.order(a, "1", whole, updated=110, observed=112, digest="x")
        assert await world.figures("HAT") == (10, 3, 7)
        await world.order(a, "1", refunded, updated=110, observed=111, digest="x+1")
        assert await world.figures("HAT") == (9, 2, 7)
        before = await world.hashes()
        for updated in (110, 120):
            await world.order(a, "1", whole, updated=updated, observed=125, digest="x")
            assert await world.hashes() == before
        # Another content, and back to the one that is known in detail.
        await world.order(a, "1", [line("1", "HAT", 2)], updated=130, digest="y")
        assert await world.figures("HAT") == (10, 2, 8)
        await world.order(a, "1", whole, updated=140, digest="x")
        assert await world.figures("HAT") == (9, 2, 7)

    async def test_cancelling_releases(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 3)])
        await world.order(a, "1", [line("1", "HAT", 3)], updated=120, status=OrderStatus.CANCELLED, cancelled=120)
        assert await world.figures("HAT") == (10, 0, 10)

    async def test_an_unpaid_woocommerce_order_takes_nothing(self, world: World, stores: tuple[Store, Store]) -> None:
        _, b = stores
        await world.order(b, "1", [line("1", "HAT", 3)], word="pending", status=OrderStatus.PENDING)
        assert await world.figures("HAT") == (10, 0, 10)
        await world.order(b, "1", [line("1", "HAT", 3)], word="on-hold", status=OrderStatus.PENDING, updated=120)
        assert await world.figures("HAT") == (10, 3, 7)

    async def test_a_line_that_an_edit_dropped_is_released(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 3), line("2", "HAT", 1)])
        await world.order(a, "1", [line("2", "HAT", 1)], updated=120)
        assert await world.figures("HAT") == (10, 1, 9)

    async def test_an_older_snapshot_changes_nothing(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 3)], updated=120)
        await world.order(a, "1", [line("1", "HAT", 9)], updated=110)
        assert await world.figures("HAT") == (10, 3, 7)

    async def test_a_deletion_releases_what_is_open_and_keeps_what_was_shipped(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 3, fulfilled=1)], observed=120)
        await world.orders.apply([], [world.deletion(a, "1", 119)])
        assert await world.figures("HAT") == (9, 2, 7)
        await world.orders.apply([], [world.deletion(a, "1", 130)])
        assert await world.figures("HAT") == (9, 0, 9)
        await world.order(a, "1", [line("1", "HAT", 3, fulfilled=1)], updated=131, observed=140)
        assert await world.figures("HAT") == (9, 2, 7)

    async def test_a_line_without_sku_waits_for_its_listing(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", None, 2, variant="v-HAT"), line("2", None, 1, variant="v-CAP")])
        assert await world.figures("HAT") == (10, 2, 8)
        await world.list_sku(a, "CAP", 5, updated=200)
        # It was placed before the store told of its 5, which are without it.
        assert await world.figures("CAP") == (6, 1, 5)

    async def test_custom_lines_concern_nobody(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", None, 2, variant=None), line("2", "NEVER-LISTED", 4)])
        assert await world.figures("HAT") == (10, 0, 10)
        assert await world.said() == []

    async def test_many_orders_in_one_batch_are_told_once(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        batch = [world.snapshot(a, str(number), [line("1", "HAT", 1)], observed=100 + number) for number in range(5)]
        await world.orders.apply(batch, [])
        commands = await world.told()
        payload: Any = commands[0].payload
        assert [command.integration_id for command in commands] == [b.id]
        assert (payload.quantity, payload.caused_at) == (5, at(100))


class TestOversold:
    async def test_the_newest_orders_go_short_and_are_covered_again(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        a, b = stores
        await world.order(b, "1", [line("1", "HAT", 6)], placed=101)
        await world.order(a, "2", [line("1", "HAT", 6)], placed=100)
        events = [OrderOversold.from_json(body) for _, body in await world.said(OrderOversold.event_type)]
        late = ids.line_id(ids.order_id(ids.IntegrationId(b.id), "1"), "1")
        assert [(each.order_external_id, each.lines) for each in events] == [("1", {late: 2})]
        assert [each.detail for each in await alerts(world)] == ["Order 1: 2 of HAT are not in stock."]
        assert await world.figures("HAT") == (10, 12, -2)
        await world.adjust("HAT", delta=2)
        events = [OrderOversold.from_json(body) for _, body in await world.said(OrderOversold.event_type)]
        assert [(each.order_external_id, each.lines) for each in events] == [("1", {late: 0})]
        assert await alerts(world) == []

    async def test_nothing_is_oversold_before_anyone_has_counted(self, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT")
        await world.order(a, "1", [line("1", "HAT", 6)])
        assert await world.said() == []
        assert await world.figures("HAT") == (0, 6, -6)


class TestFulfillments:
    async def request(self, world: World, store: Store, number: str, pieces: int) -> UUID:
        order = ids.order_id(ids.IntegrationId(store.id), number)
        fulfillment = uuid4()
        lines = json.dumps({str(ids.line_id(order, "1")): pieces})
        row = OrderRow(order, world.org, store.id, number)
        await world.orders.apply_fulfillments({fulfillment: (world.org, order, lines)}, {}, [row], at(200))
        return fulfillment

    async def settle(self, world: World, store: Store, number: str, fulfillment: UUID, *, ok: bool = True) -> None:
        order = ids.order_id(ids.IntegrationId(store.id), number)
        row = OrderRow(order, world.org, store.id, number)
        await world.orders.apply_fulfillments({}, {fulfillment: (world.org, order, ok, "f-1")}, [row], at(201))

    async def test_what_we_shipped_lowers_on_hand_before_the_store_says_so_and_not_again(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        _, b = stores
        await world.order(b, "1", [line("1", "HAT", 3)])
        fulfillment = await self.request(world, b, "1", 2)
        assert await world.figures("HAT") == (10, 3, 7)
        for _ in range(2):
            await self.settle(world, b, "1", fulfillment)
        assert await world.figures("HAT") == (8, 1, 7)
        await world.order(
            b, "1", [line("1", "HAT", 3, fulfilled=3)], updated=300, word="completed", status=OrderStatus.FULFILLED
        )
        assert await world.figures("HAT") == (7, 0, 7)

    async def test_a_refused_one_ships_nothing(self, world: World, stores: tuple[Store, Store]) -> None:
        _, b = stores
        await world.order(b, "1", [line("1", "HAT", 3)])
        await self.settle(world, b, "1", await self.request(world, b, "1", 2), ok=False)
        assert await world.figures("HAT") == (10, 3, 7)

    async def test_settled_before_the_order_is_known(self, world: World, stores: tuple[Store, Store]) -> None:
        _, b = stores
        await self.settle(world, b, "1", await self.request(world, b, "1", 2))
        await world.order(b, "1", [line("1", "HAT", 3)])
        assert await world.figures("HAT") == (8, 1, 7)

    async def test_called_off_by_the_store(self, world: World, stores: tuple[Store, Store]) -> None:
        a, _ = stores
        await world.order(a, "1", [line("1", "HAT", 3)])
        await self.settle(world, a, "1", await self.request(world, a, "1", 2))
        order = ids.order_id(ids.IntegrationId(a.id), "1")
        off = Fulfillment(
            id=ids.part_id(order, "fulfillment", "f-1"), external_id="f-1", status=FulfillmentState.CANCELLED, lines=[]
        )
        await world.order(a, "1", [line("1", "HAT", 3)], updated=300, fulfillments=[off])
        assert await world.figures("HAT") == (10, 3, 7)

    async def test_a_shipment_that_was_taken_back_is_on_hand_and_owed_again(
        self, world: World, stores: tuple[Store, Store]
    ) -> None:
        """However often and with whatever else it is told, and though the store lists no shipment at all."""
        _, b = stores
        await world.order(b, "1", [line("1", "HAT", 3)])
        order = ids.order_id(ids.IntegrationId(b.id), "1")
        about: dict[str, Any] = {"order_id": order, "org_id": world.org, "integration_id": b.id}
        asked = FulfillmentRequested(
            **about,
            order_external_id="1",
            fulfillment_id=uuid4(),
            command_id=uuid4(),
            lines=[CommandLine(line_id=ids.line_id(order, "1"), external_id="1", quantity=2)],
            requested_at=at(200),
        )
        parcel: dict[str, Any] = about | {"fulfillment_id": asked.fulfillment_id, "command_id": uuid4()}
        shipped = FulfillmentSettled(**parcel, succeeded=True, external_id="f-1", at=at(201))
        followed = OrderActionSettled(**parcel, action="fulfillment.tracking", succeeded=True, at=at(202))
        refused = OrderActionSettled(**parcel, action="fulfillment.cancel", succeeded=False, at=at(203))
        for event in (asked, shipped, followed, refused):
            assert await apply_fulfillments(world.orders, [_record(event, b)]) == []
        assert await world.figures("HAT") == (8, 1, 7)
        taken_back = refused.model_copy(update={"succeeded": True})
        for events in ([taken_back], [taken_back], [asked, shipped, followed, refused, taken_back]):
            await apply_fulfillments(world.orders, [_record(each, b) for each in events])
            assert await world.figures("HAT") == (10, 3, 7)


class TestAnyOrder:
    async def test_hubs_that_heard_it_in_another_order_agree(self, world: World) -> None:
        chance = random.Random(5)
        one = world
        a, b = one.store(), one.store(Platform.WOOCOMMERCE)
        await one.list_sku(a, "HAT", 50)
        snapshots = [
            one.snapshot(
                a if number % 2 else b,
                str(number),
                [line("1", "HAT", 4 - number % 3, fulfilled=step // 2, refunded=detail)],
                placed=100 + number,
                updated=100 + number + step,
                offset=step,
                digest=f"{number}-{step // 2}" + (f"+{detail}" if detail else ""),
            )
            for number in range(12)
            for step, detail in ((0, 0), (1, 1), (2, 0), (3, 2), (4, 0), (5, 0))
        ]
        states = []
        for _ in range(3):
            told = [*snapshots, *chance.choices(snapshots, k=10)]
            chance.shuffle(told)
            for start in range(0, len(told), 7):
                await one.orders.apply(told[start : start + 7], [])
            states.append((await one.hashes(), await one.figures("HAT")))
            await forget_orders(one)
            await one.list_sku(a, "HAT", 50)
        assert states[0] == states[1] == states[2]

    async def test_consumers_at_the_same_time_lose_nothing(self, world: World, stores: tuple[Store, Store]) -> None:
        a, b = stores
        await world.list_sku(a, "CAP", 100, updated=10)
        await world.list_sku(b, "CAP", 100, updated=20)

        async def sell(store: Store, first: int) -> None:
            for number in range(first, first + 10):
                skus = ["HAT", "CAP"] if number % 2 else ["CAP", "HAT"]
                lines = [line(sku, sku, 1) for sku in skus]
                await world.order(store, str(number), lines, placed=100 + number)

        async def count() -> None:
            for _ in range(5):
                await world.adjust("CAP", delta=1)
                await world.adjust("HAT", delta=1)

        await asyncio.gather(sell(a, 0), sell(b, 100), sell(a, 200), count())
        assert await world.figures("HAT") == (15, 30, -15)
        assert await world.figures("CAP") == (105, 30, 75)


async def alerts(world: World) -> list[AlertView]:
    async with world.engine.connect() as conn:
        return await list_alerts(conn, world.org, after=None, limit=50)


async def forget_orders(world: World) -> None:
    async with world.engine.begin() as conn:
        for table in (
            "orders",
            "order_lines",
            "levels",
            "movements",
            "store_levels",
            "reports",
            "products",
            "listings",
        ):
            await conn.execute(text(f"DELETE FROM inventory.{table} WHERE org_id = :org"), {"org": world.org})


def _record(event: Any, store: Store) -> Record:
    return Record("orders.events", 0, 0, 0, f"{store.id}:1", event.to_json(), {"ce_type": event.event_type})
