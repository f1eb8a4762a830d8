from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import FulfillmentState, OrderStatus, Tracking
from longshore.problems import Problem
from longshore_order_sync.fulfillments.rules import Shipment, payload, plan
from longshore_order_sync.orders.canonical import Facts, HubFulfillment, canonical


def hub(shop: Any, pieces: dict[int, int], state: FulfillmentState, tracking: str | None = None) -> HubFulfillment:
    return HubFulfillment(
        uuid4(),
        uuid4(),
        state,
        {shop.line_id(line): n for line, n in pieces.items()},
        Tracking(number=tracking) if tracking else None,
        None,
        datetime(2026, 11, 20, tzinfo=UTC),
    )


class TestPlan:
    def test_no_lines_means_all_that_is_open(self, shop: Any) -> None:
        order = canonical(shop.snapshot(quantities=(2, 1, 1), fulfilled=(1, 0, 1)))
        assert plan(order, Shipment(), []) == {shop.line_id(0): 1, shop.line_id(1): 1}

    def test_no_lines_leave_out_what_goes_into_no_parcel(self, shop: Any) -> None:
        order = canonical(shop.snapshot(quantities=(2, 1)))
        order.lines[1].requires_shipping = False
        assert plan(order, Shipment(), []) == {shop.line_id(0): 2}
        order.lines[0].requires_shipping = False
        assert plan(order, Shipment(), []) == {shop.line_id(0): 2, shop.line_id(1): 1}

    def test_lines_as_asked(self, shop: Any) -> None:
        order = canonical(shop.snapshot(quantities=(2, 1)))
        assert plan(order, Shipment([(shop.line_id(0), 2)]), []) == {shop.line_id(0): 2}

    @pytest.mark.parametrize(
        ("wanted", "status", "type_"),
        [
            (lambda shop: [(shop.line_id(0), 3)], 409, "quantity-not-open"),
            (lambda shop: [(shop.line_id(0), 0)], 422, "invalid-input"),
            (lambda shop: [(shop.line_id(0), 1), (shop.line_id(0), 1)], 422, "invalid-input"),
            (lambda shop: [(uuid4(), 1)], 422, "unknown-line"),
        ],
    )
    def test_what_cannot_be_shipped(self, shop: Any, wanted: Callable[[Any], Any], status: int, type_: str) -> None:
        with pytest.raises(Problem) as refused:
            plan(canonical(shop.snapshot(quantities=(2, 1))), Shipment(wanted(shop)), [])
        assert (refused.value.status, refused.value.type) == (status, f"/problems/{type_}")

    def test_a_cancelled_order(self, shop: Any) -> None:
        with pytest.raises(Problem, match="cancelled"):
            plan(canonical(shop.snapshot(status=OrderStatus.CANCELLED)), Shipment(), [])

    def test_a_deleted_order(self, shop: Any) -> None:
        with pytest.raises(Problem, match="cancelled"):
            plan(canonical(shop.snapshot(), Facts(deleted=True)), Shipment(), [])

    def test_nothing_left(self, shop: Any) -> None:
        with pytest.raises(Problem, match="Nothing"):
            plan(canonical(shop.snapshot(quantities=(1,), fulfilled=(1,))), Shipment(), [])

    def test_the_same_parcel_twice(self, shop: Any) -> None:
        known = [hub(shop, {0: 1}, FulfillmentState.PENDING, "T1")]
        order = canonical(shop.snapshot(quantities=(2,)), Facts(fulfillments=known))
        again = Shipment([(shop.line_id(0), 1)], Tracking(number="T1"))
        with pytest.raises(Problem) as refused:
            plan(order, again, known)
        assert refused.value.type == "/problems/already-requested"
        assert plan(order, Shipment([(shop.line_id(0), 1)], Tracking(number="T2")), known)

    def test_after_a_failure_it_may_be_asked_for_again(self, shop: Any) -> None:
        known = [hub(shop, {0: 1}, FulfillmentState.FAILED, "T1")]
        order = canonical(shop.snapshot(quantities=(1,)), Facts(fulfillments=known))
        assert plan(order, Shipment([(shop.line_id(0), 1)], Tracking(number="T1")), known)


class TestPayload:
    def test_lines_in_the_stores_words(self, shop: Any) -> None:
        order = canonical(shop.snapshot(quantities=(2, 1)))
        told = payload(order, uuid4(), {shop.line_id(1): 1}, Shipment(notify_customer=False))
        assert [(line.external_id, line.quantity) for line in told.lines] == [("line-1", 1)]
        assert not told.completes_order
        assert not told.notify_customer
        assert told.order_external_id == "1001"

    def test_the_last_one_completes(self, shop: Any) -> None:
        known = [hub(shop, {0: 2}, FulfillmentState.SUCCESS)]
        order = canonical(shop.snapshot(quantities=(2, 1)), Facts(fulfillments=known))
        assert payload(order, uuid4(), {shop.line_id(1): 1}, Shipment()).completes_order

    def test_with_what_is_on_its_way(self, shop: Any) -> None:
        known = [hub(shop, {0: 2}, FulfillmentState.PENDING)]
        order = canonical(shop.snapshot(quantities=(2, 1)), Facts(fulfillments=known))
        assert payload(order, uuid4(), {shop.line_id(1): 1}, Shipment()).completes_order


class TestShipment:
    def test_the_digest_knows_the_same_request(self) -> None:
        one, two = uuid4(), uuid4()
        assert Shipment([(one, 1), (two, 2)]).digest() == Shipment([(two, 2), (one, 1)]).digest()
        assert Shipment([(one, 1)]).digest() != Shipment([(one, 2)]).digest()
        assert Shipment([(one, 1)]).digest() != Shipment([(one, 1)], Tracking(number="T")).digest()
