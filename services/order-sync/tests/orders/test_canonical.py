"""The store's word and the hub's facts together, nothing counted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.contracts import FulfillmentState, FulfillmentStatus, OrderStatus, Tracking
from longshore_order_sync.orders.canonical import (
    Facts,
    HubFulfillment,
    canonical,
    nothing_left_to_ship,
    open_quantities,
    order_id_of,
)

SUCCESS, PENDING = FulfillmentState.SUCCESS, FulfillmentState.PENDING
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ours(
    shop: Any,
    pieces: dict[int, int],
    status: FulfillmentState = SUCCESS,
    *,
    external_id: str | None = None,
    tracking: str | None = None,
    after: int = 0,
    more: tuple[str, ...] = (),
) -> HubFulfillment:
    return HubFulfillment(
        id=uuid4(),
        command_id=uuid4(),
        status=status,
        lines={shop.line_id(line): quantity for line, quantity in pieces.items()},
        tracking=Tracking(number=tracking) if tracking else None,
        external_id=external_id,
        created_at=NOON + timedelta(seconds=after),
        more_external_ids=more,
    )


def fulfilled(order: Any) -> list[int]:
    return [line.fulfilled_quantity for line in order.lines]


class TestPlain:
    def test_without_facts_it_is_the_snapshot(self, shop: Any) -> None:
        snapshot = shop.snapshot()
        order = canonical(snapshot)
        assert order.id == order_id_of(snapshot) == shop.order_id()
        assert order.org_id == shop.org_id
        assert order.lines == snapshot.lines
        assert order.status is OrderStatus.PROCESSING

    def test_the_snapshot_is_left_as_it_is(self, shop: Any) -> None:
        snapshot = shop.snapshot()
        before = snapshot.to_json()
        canonical(snapshot, Facts(True, {shop.line_id(): 1}, [ours(shop, {0: 2})]))
        assert snapshot.to_json() == before

    def test_deleted_is_cancelled_and_in_the_trash(self, shop: Any) -> None:
        order = canonical(shop.snapshot(), Facts(deleted=True))
        assert (order.status, order.platform_status) == (OrderStatus.CANCELLED, "trash")

    def test_oversold_pieces_are_marked(self, shop: Any) -> None:
        order = canonical(shop.snapshot(quantities=(2, 1)), Facts(oversold={shop.line_id(0): 5}))
        assert [line.oversold_quantity for line in order.lines] == [2, 0]


class TestOwnFulfilments:
    """A store without a notion of partial shipments: ours alone tell."""

    def test_a_part_makes_it_partially_fulfilled(self, shop: Any) -> None:
        order = canonical(shop.snapshot(quantities=(2, 1)), Facts(fulfillments=[ours(shop, {0: 1})]))
        assert fulfilled(order) == [1, 0]
        assert order.status is OrderStatus.PARTIALLY_FULFILLED
        assert order.fulfillment_status is FulfillmentStatus.PARTIAL

    def test_all_makes_it_fulfilled(self, shop: Any) -> None:
        hub = [ours(shop, {0: 1}), ours(shop, {0: 1, 1: 1})]
        order = canonical(shop.snapshot(quantities=(2, 1)), Facts(fulfillments=hub))
        assert fulfilled(order) == [2, 1]
        assert order.status is OrderStatus.FULFILLED
        assert order.fulfillment_status is FulfillmentStatus.FULFILLED

    def test_what_needs_no_parcel_does_not_hold_it_back(self, shop: Any) -> None:
        snapshot = shop.snapshot(quantities=(2, 1), ships=(True, False))
        assert canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 2})])).status is OrderStatus.FULFILLED

    def test_refunded_pieces_are_not_waited_for(self, shop: Any) -> None:
        snapshot = shop.snapshot(quantities=(2, 1), refunded=(0, 1))
        assert canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 2})])).status is OrderStatus.FULFILLED

    @pytest.mark.parametrize("state", [PENDING, FulfillmentState.FAILED, FulfillmentState.CANCELLED])
    def test_only_success_counts(self, shop: Any, state: FulfillmentState) -> None:
        order = canonical(shop.snapshot(), Facts(fulfillments=[ours(shop, {0: 2}, state)]))
        assert fulfilled(order) == [0, 0]
        assert order.status is OrderStatus.PROCESSING
        assert [each.status for each in order.fulfillments] == [state]

    @pytest.mark.parametrize("status", [OrderStatus.REFUNDED, OrderStatus.CANCELLED, OrderStatus.DELIVERED])
    def test_the_store_has_the_last_word_on_an_end(self, shop: Any, status: OrderStatus) -> None:
        assert canonical(shop.snapshot(status=status), Facts(fulfillments=[ours(shop, {0: 1})])).status is status

    def test_a_store_that_counts_without_naming_parcels_counts_ours(self, shop: Any) -> None:
        snapshot = shop.snapshot(quantities=(2, 1), fulfilled=(2, 1), status=OrderStatus.FULFILLED)
        assert fulfilled(canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 2, 1: 1})]))) == [2, 1]


class TestMatching:
    """One parcel is one fulfilment, whoever tells of it."""

    def test_by_external_id(self, shop: Any) -> None:
        snapshot = shop.snapshot(fulfilled=(1, 0), fulfillments=[shop.fulfillment({0: 1}, "f-9")])
        hub = ours(shop, {0: 1}, external_id="f-9")
        order = canonical(snapshot, Facts(fulfillments=[hub]))
        assert fulfilled(order) == [1, 0]
        assert [(each.id, each.external_id, each.command_id) for each in order.fulfillments] == [
            (hub.id, "f-9", hub.command_id)
        ]

    @pytest.mark.parametrize("state", [PENDING, SUCCESS, FulfillmentState.FAILED])
    def test_by_our_own_id_where_the_store_keeps_it(self, shop: Any, state: FulfillmentState) -> None:
        hub = ours(shop, {0: 1}, state)
        kept = shop.fulfillment({0: 1}, "key").model_copy(update={"id": hub.id})
        order = canonical(shop.snapshot(fulfilled=(1, 0), fulfillments=[kept]), Facts(fulfillments=[hub]))
        assert fulfilled(order) == [1, 0]
        assert [(each.id, each.status, each.command_id) for each in order.fulfillments] == [
            (hub.id, SUCCESS, hub.command_id)
        ]

    def test_several_parcels_of_one_are_its_commands(self, shop: Any) -> None:
        parcels = [shop.fulfillment({0: 1}, "f-1", tracking="T"), shop.fulfillment({1: 1}, "f-2", tracking="T")]
        hub = ours(shop, {0: 1, 1: 1}, external_id="f-1", more=("f-2",), tracking="T")
        order = canonical(shop.snapshot(fulfilled=(1, 1), fulfillments=parcels), Facts(fulfillments=[hub]))
        assert fulfilled(order) == [1, 1]
        assert [(each.id, each.external_id, each.command_id) for each in order.fulfillments] == [
            (hub.id, "f-1", hub.command_id),
            (parcels[1].id, "f-2", hub.command_id),
        ]

    @pytest.mark.parametrize("told", ["f-1", "f-2"])
    def test_a_parcel_that_the_store_has_not_told_of_yet_has_left_too(self, shop: Any, told: str) -> None:
        lines = {"f-1": {0: 1}, "f-2": {0: 1, 1: 1}}
        snapshot = shop.snapshot(
            quantities=(4, 1),
            fulfilled=(1, 0) if told == "f-1" else (1, 1),
            fulfillments=[shop.fulfillment(lines[told], told)],
        )
        hub = ours(shop, {0: 2, 1: 1}, external_id="f-1", more=("f-2",))
        order = canonical(snapshot, Facts(fulfillments=[hub]))
        assert fulfilled(order) == [2, 1]
        assert open_quantities(order) == {shop.line_id(0): 2, shop.line_id(1): 0}

    def test_a_parcel_that_was_taken_back_is_not_taken_for_one_to_come(self, shop: Any) -> None:
        back = shop.fulfillment({1: 1}, "f-2").model_copy(update={"status": FulfillmentState.CANCELLED})
        snapshot = shop.snapshot(fulfilled=(1, 0), fulfillments=[shop.fulfillment({0: 1}, "f-1"), back])
        hub = ours(shop, {0: 1, 1: 1}, external_id="f-1", more=("f-2",))
        assert fulfilled(canonical(snapshot, Facts(fulfillments=[hub]))) == [1, 0]

    def test_by_tracking_and_lines_before_the_outcome(self, shop: Any) -> None:
        snapshot = shop.snapshot(fulfilled=(1, 0), fulfillments=[shop.fulfillment({0: 1}, "f-9", tracking="T1")])
        order = canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 1}, PENDING, tracking="T1")]))
        assert fulfilled(order) == [1, 0]
        assert [each.status for each in order.fulfillments] == [SUCCESS]
        assert open_quantities(order) == {shop.line_id(0): 1, shop.line_id(1): 1}

    def test_other_lines_with_that_tracking_are_another(self, shop: Any) -> None:
        snapshot = shop.snapshot(fulfilled=(1, 0), fulfillments=[shop.fulfillment({0: 1}, "f-9", tracking="T1")])
        order = canonical(snapshot, Facts(fulfillments=[ours(shop, {1: 1}, PENDING, tracking="T1")]))
        assert len(order.fulfillments) == 2

    def test_without_tracking_only_the_external_id_tells(self, shop: Any) -> None:
        snapshot = shop.snapshot(fulfilled=(1, 0), fulfillments=[shop.fulfillment({0: 1}, "f-9")])
        assert len(canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 1}, PENDING)])).fulfillments) == 2

    def test_two_alike_need_two(self, shop: Any) -> None:
        snapshot = shop.snapshot(fulfilled=(1, 0), fulfillments=[shop.fulfillment({0: 1}, "f-9", tracking="T1")])
        hub = [ours(shop, {0: 1}, tracking="T1", after=each) for each in range(2)]
        order = canonical(snapshot, Facts(fulfillments=hub))
        assert [each.id for each in order.fulfillments] == [hub[0].id, hub[1].id]
        assert fulfilled(order) == [2, 0]

    def test_a_parcel_without_contents_has_those_that_we_asked_for(self, shop: Any) -> None:
        snapshot = shop.snapshot(fulfillments=[shop.fulfillment({}, "f-9", tracking="T1")])
        order = canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 2}, external_id="f-9", tracking="T1")]))
        assert fulfilled(order) == [2, 0]
        assert [line.quantity for line in order.fulfillments[0].lines] == [2]

    def test_cancelled_at_the_store_counts_no_more(self, shop: Any) -> None:
        gone = shop.fulfillment({0: 1}, "f-9", status=FulfillmentState.CANCELLED)
        order = canonical(
            shop.snapshot(fulfillments=[gone]), Facts(fulfillments=[ours(shop, {0: 1}, external_id="f-9")])
        )
        assert fulfilled(order) == [0, 0]
        assert [each.status for each in order.fulfillments] == [FulfillmentState.CANCELLED]

    def test_the_stores_own_and_ours_add_up(self, shop: Any) -> None:
        snapshot = shop.snapshot(quantities=(3,), fulfilled=(1,), fulfillments=[shop.fulfillment({0: 1}, "theirs")])
        assert fulfilled(canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 2}, external_id="ours")]))) == [3]

    @given(
        quantity=st.integers(1, 6),
        listed=st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=4),
        unlisted=st.integers(0, 3),
        own=st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["a0", "a1", "x", None]), st.booleans()), max_size=4),
    )
    def test_never_more_than_ordered_nor_less_than_the_store_says(
        self, make_shop: Any, quantity: int, listed: Any, unlisted: int, own: Any
    ) -> None:
        shop = make_shop()
        stores = [
            shop.fulfillment({0: n}, f"a{index}", status=SUCCESS if good else FulfillmentState.CANCELLED)
            for index, (n, good) in enumerate(listed)
        ]
        stated = min(quantity, sum(n for n, good in listed if good) + unlisted)
        snapshot = shop.snapshot(quantities=(quantity,), fulfilled=(stated,), fulfillments=stores)
        hub = [ours(shop, {0: n}, SUCCESS if good else PENDING, external_id=name) for n, name, good in own]
        order = canonical(snapshot, Facts(fulfillments=hub))
        assert stated <= order.lines[0].fulfilled_quantity <= quantity
        assert len(order.fulfillments) <= len(stores) + len(hub)
        assert len({each.id for each in order.fulfillments}) == len(order.fulfillments)
        assert {each.id for each in hub} <= {each.id for each in order.fulfillments} | {
            each.id for each in hub if each.external_id in {store.external_id for store in stores}
        }
        assert open_quantities(order)[shop.line_id(0)] >= 0


class TestOpenQuantities:
    def test_all_is_open_at_first(self, shop: Any) -> None:
        assert open_quantities(canonical(shop.snapshot(quantities=(2, 1)))) == {shop.line_id(0): 2, shop.line_id(1): 1}

    def test_less_what_is_shipped_refunded_and_on_its_way(self, shop: Any) -> None:
        snapshot = shop.snapshot(quantities=(6,), fulfilled=(1,), refunded=(2,))
        order = canonical(snapshot, Facts(fulfillments=[ours(shop, {0: 2}, PENDING)]))
        assert open_quantities(order) == {shop.line_id(0): 1}

    def test_never_negative(self, shop: Any) -> None:
        snapshot = shop.snapshot(quantities=(1,), fulfilled=(1,), refunded=(1,))
        assert open_quantities(canonical(snapshot)) == {shop.line_id(0): 0}

    def test_a_failed_one_is_open_again(self, shop: Any) -> None:
        order = canonical(
            shop.snapshot(quantities=(1,)), Facts(fulfillments=[ours(shop, {0: 1}, FulfillmentState.FAILED)])
        )
        assert open_quantities(order) == {shop.line_id(0): 1}


class TestNothingLeft:
    @pytest.mark.parametrize(("shipping", "done"), [({}, False), ({0: 2}, False), ({0: 2, 1: 1}, True)])
    def test_with_what_is_being_shipped(self, shop: Any, shipping: dict[int, int], done: bool) -> None:
        pieces: dict[UUID, int] = {shop.line_id(line): n for line, n in shipping.items()}
        assert nothing_left_to_ship(shop.snapshot(quantities=(2, 1)).lines, pieces) is done

    def test_without_parcels_every_line_counts(self, shop: Any) -> None:
        lines = shop.snapshot(quantities=(1,), ships=(False,)).lines
        assert not nothing_left_to_ship(lines, {})
        assert nothing_left_to_ship(lines, {shop.line_id(0): 1})


class TestAsOf:
    def test_not_settled_before_its_time(self, shop: Any) -> None:
        from dataclasses import replace

        settled = replace(ours(shop, {0: 1}, external_id="f"), settled_at=NOON + timedelta(seconds=9))
        assert settled.as_of(NOON + timedelta(seconds=8)).status is PENDING
        assert settled.as_of(NOON + timedelta(seconds=9)) is settled
