"""Shipments reach the store exactly once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import CommandLine
from longshore.ids import uuid7
from longshore.platforms.protocols import StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_shopify.client.shipping import asked_when
from longshore_connector_shopify.permissions import ASKED

SKUS = [("LS-0001", 3), ("LS-0002", 1)]


def shipped(order: Any) -> Counter[int]:
    """Pieces shipped by place of the line."""
    places = {line.id: place for place, line in enumerate(order.lines)}
    found = Counter[int]()
    for fulfillment in order.fulfillments:
        for _, line, quantity in fulfillment.lines:
            found[places[line.id]] += quantity
    return found


async def test_a_shipment_with_tracking(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    result = await store.client.create_fulfillment(store.ship(order, {0: 2}))
    (made,) = order.fulfillments
    assert result.external_id == str(made.id)
    assert not result.existed
    assert (made.tracking_numbers, made.tracking_company, made.tracking_urls) == (
        ["1Z1"],
        "UPS",
        ["https://example.com/1Z1"],
    )
    assert made.notify_customer
    assert shipped(order) == {0: 2}


async def test_a_shipment_without_tracking_or_notice(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    await store.client.create_fulfillment(store.ship(order, {1: 1}, None, notify_customer=False))
    (made,) = order.fulfillments
    assert made.tracking_numbers == []
    assert not made.notify_customer


@pytest.mark.parametrize("number", ["1Z1", None])
@pytest.mark.parametrize("pieces", [{0: 1}, {0: 3, 1: 1}])
async def test_a_lost_answer_ships_once(store: Any, number: str | None, pieces: dict[int, int]) -> None:
    order = store.shop.place_order(SKUS)
    command = store.ship(order, pieces, number)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.create_fulfillment(command)
    store.sim.faults.drop_after_write_rate = 0.0
    # The process has died in between: nothing is remembered.
    result = await store.again().create_fulfillment(command)
    assert result.existed
    assert result.external_id == str(order.fulfillments[0].id)
    assert shipped(order) == pieces


async def test_two_like_shipments_are_two(store: Any) -> None:
    """One piece now, one later, both without tracking: different commands."""
    order = store.shop.place_order(SKUS)
    for _ in range(3):
        result = await store.client.create_fulfillment(store.ship(order, {0: 1}, None))
        assert not result.existed
    assert shipped(order) == {0: 3}


async def test_two_like_shipments_at_the_same_time_are_two(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    commands = [store.ship(order, {0: 1}, None) for _ in range(3)]
    results = await asyncio.gather(*(store.client.create_fulfillment(each) for each in commands))
    assert len({each.external_id for each in results}) == 3
    assert shipped(order) == {0: 3}


async def test_an_older_like_shipment_is_not_ours(store: Any) -> None:
    """A merchant's own shipment of an hour ago, without tracking like ours."""
    order = store.shop.place_order(SKUS)
    waiting = order.fulfillment_orders[0]
    part = next(each for each in waiting.lines if each.line is order.lines[0])
    store.shop.fulfil(order, [(waiting, part, 1)])
    order.fulfillments[0].created_at -= timedelta(hours=1)
    result = await store.client.create_fulfillment(store.ship(order, {0: 1}, None))
    assert not result.existed
    assert shipped(order) == {0: 2}


async def test_the_same_lines_with_the_same_number_exist(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    waiting = order.fulfillment_orders[0]
    part = next(each for each in waiting.lines if each.line is order.lines[0])
    store.shop.fulfil(order, [(waiting, part, 1)], numbers=["1Z1"])
    order.fulfillments[0].created_at -= timedelta(hours=1)
    result = await store.client.create_fulfillment(store.ship(order, {0: 1}, fulfillment_id=uuid4()))
    assert result.existed
    assert shipped(order) == {0: 1}


async def test_what_others_shipped_whole_has_come_true(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    waiting = order.fulfillment_orders[0]
    store.shop.fulfil(order, [(waiting, part, part.remaining) for part in waiting.lines], numbers=["other"])
    result = await store.client.create_fulfillment(store.ship(order, {0: 3}))
    assert result.existed
    assert result.external_id == str(order.fulfillments[0].id)
    assert len(order.fulfillments) == 1


async def test_lines_are_matched_by_their_own_id(store: Any) -> None:
    """Two lines of one variant: the second is asked for, the second is shipped."""
    order = store.shop.place_order([("LS-0001", 1), ("LS-0001", 2)])
    await store.client.create_fulfillment(store.ship(order, {1: 2}))
    assert shipped(order) == {1: 2}


async def test_an_order_that_ships_from_two_places(store: Any) -> None:
    """Each location is a fulfilment of its own at the store; an answer lost between the two ships neither twice."""
    first, second = (store.shop.variant_by_sku(sku) for sku in ("LS-0001", "LS-0002"))
    for variant, place in ((first, 0), (second, 1)):
        for number, location in enumerate(store.shop.locations):
            variant.levels[location.id].available = 100 if number == place else 0
    order = store.shop.place_order([("LS-0001", 2), ("LS-0002", 2)])
    assert len(order.fulfillment_orders) == 2
    command = store.ship(order, {0: 2, 1: 2})
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.create_fulfillment(command)
    assert len(order.fulfillments) == 1
    store.sim.faults.drop_after_write_rate = 0.0
    result = await store.again().create_fulfillment(command)
    assert result.existed
    assert shipped(order) == {0: 2, 1: 2}
    assert len(order.fulfillments) == 2
    # All parcels are told of: each can be followed, and taken back.
    assert {result.external_id, *result.more} == {str(each.id) for each in order.fulfillments}
    assert (await store.again().create_fulfillment(command)).existed
    assert len(order.fulfillments) == 2


async def test_held_pieces_are_not_shipped(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    order.fulfillment_orders[0].status = "on_hold"
    order.fulfillment_orders[0].hold = "Awaiting payment"
    with pytest.raises(StoreRefused, match=r"on-hold.*Awaiting payment.*Release the hold"):
        await store.client.create_fulfillment(store.ship(order, {0: 1}))
    assert order.fulfillments == []


async def test_pieces_that_are_to_ship_later_are_held(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    order.fulfillment_orders[0].status = "scheduled"
    with pytest.raises(StoreRefused, match="on-hold"):
        await store.client.create_fulfillment(store.ship(order, {0: 1}))


async def test_a_line_that_was_split_ships_from_all_its_parts(store: Any) -> None:
    """The merchant has split the fulfilment order, and moved a part to another location: its first one is closed."""
    order = store.shop.place_order([("LS-0001", 3)])
    (whole,) = order.fulfillment_orders
    for number, (place, count) in enumerate(zip(store.shop.locations, (2, 1), strict=True), start=1):
        (part,) = whole.lines
        moved = replace(
            whole,
            id=whole.id + number,
            location_id=place.id,
            lines=[replace(part, id=part.id + number, total=count, remaining=count)],
        )
        order.fulfillment_orders.append(moved)
        store.shop.fulfillment_orders[moved.id] = (order, moved)
    whole.status = "closed"
    whole.lines[0].remaining = 0
    await store.client.create_fulfillment(store.ship(order, {0: 3}))
    assert shipped(order) == {0: 3}
    assert sorted(each.location_id for each in order.fulfillments) == sorted(each.id for each in store.shop.locations)


async def test_what_a_fulfilment_service_ships_is_told_from_nothing_to_do(open_store: Any) -> None:
    """Such a fulfilment order is hidden from us, and the store does not say so."""
    store = await open_store(scopes=frozenset(ASKED))
    order = store.shop.place_order(SKUS)
    order.fulfillment_orders[0].third_party = True
    with pytest.raises(StoreRefused, match="shipped-elsewhere"):
        await store.client.create_fulfillment(store.ship(order, {0: 1}))


async def test_a_cancelled_order_says_so(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    store.shop.cancel(order.id)
    with pytest.raises(StoreRefused, match="order-cancelled"):
        await store.client.create_fulfillment(store.ship(order, {0: 1}))


async def test_more_than_remains_is_refused_whole(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    with pytest.raises(StoreRefused, match="nothing-to-ship"):
        await store.client.create_fulfillment(store.ship(order, {0: 2, 1: 2}))
    assert order.fulfillments == []


async def test_an_order_that_is_not_there(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    with pytest.raises(StoreRefused, match="order-not-found"):
        await store.client.create_fulfillment(store.ship(order, {0: 1}).model_copy(update={"order_external_id": "9"}))


async def test_no_pieces_are_no_shipment(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    nothing = [CommandLine(line_id=uuid4(), external_id=str(order.lines[0].id), quantity=0)]
    with pytest.raises(StoreRefused, match="nothing-to-ship"):
        await store.client.create_fulfillment(store.ship(order, {}).model_copy(update={"lines": nothing}))


async def test_a_missing_scope_is_told_from_nothing_to_do(open_store: Any) -> None:
    """The store hides fulfilment orders then: an empty list, no error."""
    hidden = {"read_merchant_managed_fulfillment_orders", "write_merchant_managed_fulfillment_orders"}
    store = await open_store(scopes=frozenset(ASKED) - hidden)
    order = store.shop.place_order(SKUS)
    with pytest.raises(StoreUnauthorized, match="missing-scope"):
        await store.client.create_fulfillment(store.ship(order, {0: 1}))


async def test_an_order_with_more_lines_than_a_page(open_store: Any) -> None:
    store = await open_store(products=60, plan="enterprise")
    order = store.shop.place_order([(variant.sku, 1) for variant in store.shop.variants[:60]])
    everything = dict.fromkeys(range(60), 1)
    await store.client.create_fulfillment(store.ship(order, everything))
    assert shipped(order) == everything


async def test_an_order_with_more_shipments_than_are_listed(open_store: Any) -> None:
    """The last one's answer is lost: it is found among those that the store lists in other answers."""
    store = await open_store(plan="enterprise")
    order = store.shop.place_order([("LS-0001", 24)])
    for _ in range(22):
        await store.client.create_fulfillment(store.ship(order, {0: 1}, None))
    command = store.ship(order, {0: 2}, None)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.create_fulfillment(command)
    store.sim.faults.drop_after_write_rate = 0.0
    assert (await store.client.create_fulfillment(command)).existed
    assert shipped(order) == {0: 24}


def test_a_request_tells_its_time() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    asked = asked_when(uuid7())
    assert asked is not None
    assert before <= asked <= datetime.now(UTC)
    assert asked_when(uuid4()) is None
