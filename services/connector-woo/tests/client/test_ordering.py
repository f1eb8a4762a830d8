"""Orders cancelled, annotated, marked as paid, put into states; shipments followed otherwise and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import (
    FulfillmentCancel,
    FulfillmentTracking,
    OrderCancel,
    OrderMarkPaid,
    OrderNote,
    OrderStatusSet,
    Tracking,
)
from longshore.platforms.protocols import StoreRefused
from longshore_connector_woo.client import WooClient
from longshore_devkit.stores.woo import SimulatedWoo
from longshore_devkit.stores.woo.buyers import draft_for
from longshore_devkit.stores.woo.models import Order

Place = Callable[..., Order]
SKU = "LS-0004"


@pytest.fixture
def place(woo: SimulatedWoo) -> Place:
    """Places an order of two pieces, paid by card unless it has another status."""

    def make(status: str = "processing", method: str = "card") -> Order:
        product = woo.shop.product_by_sku(SKU)
        assert product is not None
        draft = draft_for(woo.shop, woo.shop.rng, [(product, 2)])
        draft.status, draft.payment_method = status, method
        return woo.shop.place_order(draft)

    return make


def of(order: Order) -> dict[str, Any]:
    return {"order_id": uuid4(), "order_external_id": str(order.id)}


def notes(order: Order, *, to_customer: bool) -> list[str]:
    return [each.text for each in order.notes if each.customer_note == to_customer and "LS-" in each.text]


def stock(woo: SimulatedWoo) -> int:
    product = woo.shop.product_by_sku(SKU)
    assert product is not None
    return product.stock or 0


class TestCancel:
    async def test_once_with_what_belongs_to_it(
        self, woo: SimulatedWoo, hub: WooClient, place: Place, lossy: Any
    ) -> None:
        before = stock(woo)
        order = place()
        command = OrderCancel(**of(order), note="Called", refund=True, notify_customer=True)
        # Three writes, and each answer is lost once: the refund's, the note's, the status'.
        for _ in range(2):
            await self._lost(woo, hub, command)
        done = await lossy(lambda: hub.cancel_order(command))
        assert done.existed
        assert order.status == "cancelled"
        assert [each.amount for each in order.refunds] == [order.total]
        assert stock(woo) == before
        assert len(notes(order, to_customer=False)) == 1
        await hub.cancel_order(command)
        assert len(notes(order, to_customer=True)) == 1

    @staticmethod
    async def _lost(woo: SimulatedWoo, hub: WooClient, command: OrderCancel) -> None:
        woo.faults.drop_after_write_rate = 1.0
        with pytest.raises(Exception, match="connection-lost"):
            await hub.cancel_order(command)
        woo.faults.drop_after_write_rate = 0.0

    async def test_an_unpaid_one_has_nothing_to_pay_back(self, hub: WooClient, place: Place) -> None:
        order = place("on-hold", "bacs")
        await hub.cancel_order(OrderCancel(**of(order), refund=True))
        assert (order.status, order.refunds) == ("cancelled", [])

    @pytest.mark.parametrize(("status", "restock", "code"), [("processing", False, "restock-only")])
    async def test_is_refused(self, hub: WooClient, place: Place, status: str, restock: bool, code: str) -> None:
        order = place(status)
        with pytest.raises(StoreRefused) as caught:
            await hub.cancel_order(OrderCancel(**of(order), restock=restock))
        assert caught.value.code == code
        assert order.status == status

    async def test_one_in_the_trash_is_left_there(self, woo: SimulatedWoo, hub: WooClient, place: Place) -> None:
        order = place()
        woo.shop.trash_order(order)
        with pytest.raises(StoreRefused) as caught:
            await hub.cancel_order(OrderCancel(**of(order)))
        assert caught.value.code == "order-closed"


class TestNote:
    @pytest.mark.parametrize("to_customer", [False, True])
    async def test_once(self, hub: WooClient, place: Place, lossy: Any, to_customer: bool) -> None:
        order = place()
        command = OrderNote(**of(order), note_id=uuid4(), text="Packed <b>twice</b> & tied", to_customer=to_customer)
        done = await lossy(lambda: hub.add_note(command))
        (note,) = notes(order, to_customer=to_customer)
        assert note.startswith("Packed <b>twice</b> &amp; tied (LS-")
        assert done.existed
        assert notes(order, to_customer=not to_customer) == []
        # The same words, said once more on purpose.
        await hub.add_note(command.model_copy(update={"note_id": uuid4()}))
        assert len(notes(order, to_customer=to_customer)) == 2


class TestMarkPaid:
    @pytest.mark.parametrize(
        ("status", "method", "becomes"),
        [
            ("pending", "card", "processing"),
            ("failed", "card", "processing"),
            ("pending", "cod", "completed"),
            ("on-hold", "bacs", "processing"),
        ],
    )
    async def test_once(self, hub: WooClient, place: Place, lossy: Any, status: str, method: str, becomes: str) -> None:
        order = place(status, method)
        assert order.paid is None
        done = await lossy(lambda: hub.mark_paid(OrderMarkPaid(**of(order))))
        assert done.existed
        assert (order.status, order.paid is not None) == (becomes, True)

    async def test_a_cancelled_one_cannot_be(self, hub: WooClient, place: Place) -> None:
        with pytest.raises(StoreRefused) as caught:
            await hub.mark_paid(OrderMarkPaid(**of(place("cancelled"))))
        assert caught.value.code == "not-payable"


class TestStatus:
    async def test_once(self, hub: WooClient, place: Place, lossy: Any) -> None:
        order = place()
        done = await lossy(lambda: hub.set_order_status(OrderStatusSet(**of(order), status="on-hold")))
        assert (order.status, done.existed) == ("on-hold", True)

    async def test_a_word_that_the_store_does_not_know(self, hub: WooClient, place: Place) -> None:
        with pytest.raises(StoreRefused) as caught:
            await hub.set_order_status(OrderStatusSet(**of(place()), status="boxed"))
        assert (caught.value.code, "boxed" in caught.value.detail) == ("unknown-status", True)


class TestShipments:
    @pytest.fixture
    async def shipped(self, hub: WooClient, place: Place, ship: Any) -> tuple[Order, Any]:
        """An order that was shipped whole, and the command that did it."""
        order = place()
        lines = [{"id": each.id, "quantity": each.quantity} for each in order.lines]
        command = ship({"id": order.id, "lines": lines})
        await hub.create_fulfillment(command)
        return order, command

    @staticmethod
    def meta(order: Order, key: str) -> Any:
        return next((each.value for each in order.meta if each.key == key), None)

    async def test_followed_otherwise_once(self, hub: WooClient, shipped: Any, lossy: Any) -> None:
        order, command = shipped
        change = FulfillmentTracking(
            **of(order),
            fulfillment_id=command.fulfillment_id,
            fulfillment_external_id=command.fulfillment_id.hex,
            tracking=Tracking(number="1Z99", carrier="UPS", url="https://ups.example/?a=1&b=2"),
            previous=command.tracking,
            notify_customer=True,
        )
        woo_notes = len(notes(order, to_customer=True))
        done = await lossy(lambda: hub.update_tracking(change))
        assert done.existed
        await hub.update_tracking(change)
        (ours,) = self.meta(order, "_longshore_fulfillments")
        (theirs,) = self.meta(order, "_wc_shipment_tracking_items")
        assert (ours["number"], ours["carrier"], ours["url"]) == (
            "1Z99",
            "UPS",
            "https://ups.example/?a=1&b=2",
        )
        assert (theirs["tracking_number"], theirs["custom_tracking_provider"]) == ("1Z99", "UPS")
        told = notes(order, to_customer=True)
        assert len(told) == woo_notes + 1
        assert "1Z99" in told[-1]

    async def test_one_that_somebody_else_has_typed(self, woo: SimulatedWoo, hub: WooClient, place: Place) -> None:
        order = place()
        typed = {"tracking_number": "OLD", "tracking_provider": "DHL", "tracking_id": "abc"}
        woo.shop.set_meta(order.meta, "_wc_shipment_tracking_items", [typed])
        change = FulfillmentTracking(
            **of(order),
            fulfillment_id=uuid4(),
            fulfillment_external_id="abc",
            tracking=Tracking(number="NEW", carrier="GLS"),
        )
        await hub.update_tracking(change)
        (theirs,) = self.meta(order, "_wc_shipment_tracking_items")
        assert (theirs["tracking_number"], theirs["custom_tracking_provider"]) == ("NEW", "GLS")

    async def test_taken_back_once(self, hub: WooClient, shipped: Any, lossy: Any) -> None:
        order, command = shipped
        assert order.status == "completed"
        back = FulfillmentCancel(
            **of(order),
            fulfillment_id=command.fulfillment_id,
            fulfillment_external_id=command.fulfillment_id.hex,
            tracking=command.tracking,
        )
        done = await lossy(lambda: hub.cancel_fulfillment(back))
        assert done.existed
        assert order.status == "processing"
        assert self.meta(order, "_longshore_fulfillments") == []
        assert self.meta(order, "_wc_shipment_tracking_items") == []

    async def test_one_that_is_not_there(self, hub: WooClient, place: Place) -> None:
        change = FulfillmentTracking(**of(place()), fulfillment_id=uuid4(), tracking=Tracking(number="1"))
        with pytest.raises(StoreRefused) as caught:
            await hub.update_tracking(change)
        assert caught.value.code == "not-found"
