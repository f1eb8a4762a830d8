"""Paying back: what is sent to the store, and that it is sent once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from longshore.contracts import OrderRefund, RefundPieces
from longshore.money import money
from longshore.platforms.protocols import StoreRefused, StoreUnavailable
from longshore_connector_woo.client import WooClient
from longshore_connector_woo.client.refunding import REFUND_META, find, refund_body
from longshore_devkit.stores.woo import SimulatedWoo
from longshore_devkit.stores.woo.buyers import draft_for
from longshore_devkit.stores.woo.models import Order

REFUND = UUID(int=0xABCDEF)


def refund(order_id: object, *pieces: tuple[object, int], **more: Any) -> OrderRefund:
    """A command to pay back pieces of lines, by the lines' ids."""
    restock = more.pop("restock", True)
    lines = [
        RefundPieces(line_id=uuid4(), external_id=str(id), quantity=quantity, restock=restock)
        for id, quantity in pieces
    ]
    return OrderRefund(
        **{"order_id": uuid4(), "order_external_id": str(order_id), "refund_id": uuid4(), "lines": lines} | more
    )


def item(id: int, quantity: int, total: str, tax: str = "0.00", **more: Any) -> dict[str, Any]:
    return {"id": id, "quantity": quantity, "total": total, "taxes": [{"id": 1, "total": tax, "subtotal": tax}]} | more


ORDER: dict[str, Any] = {
    "id": 9,
    "total": "46.20",
    "line_items": [item(1, 3, "10.00", "2.00"), item(2, 1, "20.00", "4.00")],
    "shipping_lines": [item(3, 0, "8.00", "1.20")],
    "fee_lines": [item(4, 0, "1.00", "0.00")],
}


def paid_back(amount: str, *items: tuple[int, int, str, str], **more: Any) -> dict[str, Any]:
    """A refund as the store lists it."""
    lines = [
        item(90 + id, -quantity, f"-{total}", f"-{tax}", meta_data=[{"key": "_refunded_item_id", "value": str(id)}])
        for id, quantity, total, tax in items
    ]
    return {"id": 77, "amount": amount, "reason": "x", "line_items": lines, "meta_data": []} | more


def parts(body: dict[str, Any]) -> dict[int, tuple[int, str, str | None]]:
    """Quantity, total and tax by the id of the item."""
    return {
        each["id"]: (
            each["quantity"],
            each["refund_total"],
            next((tax["refund_total"] for tax in each["refund_tax"]), None),
        )
        for each in body["line_items"]
    }


class TestBody:
    def test_a_piece_of_a_line_is_its_share(self) -> None:
        body = refund_body(ORDER, [], refund(9, (1, 1), reason="Broken", refund_id=REFUND))
        assert parts(body) == {1: (1, "3.33", "0.67")}
        assert body["amount"] == "4.00"
        assert body["reason"] == "Broken (LS-000000ABCDEF)"
        assert body["meta_data"] == [{"key": REFUND_META, "value": str(REFUND)}]
        assert (body["api_refund"], body["api_restock"]) == (True, True)

    def test_the_last_pieces_get_what_rounding_has_left(self) -> None:
        before = [paid_back("4.00", (1, 1, "3.33", "0.67")), paid_back("4.00", (1, 1, "3.33", "0.67"))]
        assert parts(refund_body(ORDER, before, refund(9, (1, 1)))) == {1: (1, "3.34", "0.66")}

    def test_all_that_is_left(self) -> None:
        body = refund_body(ORDER, [paid_back("4.00", (1, 1, "3.33", "0.67"))], refund(9, full=True))
        assert parts(body) == {
            1: (2, "6.67", "1.33"),
            2: (1, "20.00", "4.00"),
            3: (0, "8.00", "1.20"),
            4: (0, "1.00", None),
        }
        assert body["amount"] == "42.20"

    @pytest.mark.parametrize(
        ("more", "total", "tax", "amount"),
        [
            ({"shipping": True}, "8.00", "1.20", "9.20"),
            ({"shipping_amount": money("2.00", "USD")}, "2.00", "0.30", "2.30"),
        ],
    )
    def test_shipping(self, more: dict[str, Any], total: str, tax: str, amount: str) -> None:
        body = refund_body(ORDER, [], refund(9, **more))
        assert parts(body) == {3: (0, total, tax)}
        assert body["amount"] == amount
        assert body["api_restock"] is False

    def test_an_amount_alone(self) -> None:
        body = refund_body(ORDER, [], refund(9, amount=money("5.50", "USD"), pay=False))
        assert (body["amount"], body["line_items"], body["api_refund"]) == ("5.50", [], False)

    def test_a_shop_without_decimals(self) -> None:
        order = {"total": "1100", "line_items": [item(1, 3, "1000", "100")]}
        body = refund_body(order, [], refund(9, (1, 1)))
        assert (parts(body), body["amount"]) == ({1: (1, "333", "33")}, "366")

    @pytest.mark.parametrize(
        ("command", "code"),
        [
            (refund(9, (1, 3)), "quantity-not-left"),
            (refund(9, (5, 1)), "unknown-line"),
            (refund(9, amount=money("42.21", "USD")), "refund-above-rest"),
            (refund(9, shipping_amount=money("8.01", "USD")), "refund-above-rest"),
            (
                refund(9, (1, 1)).model_copy(
                    update={"lines": [*refund(9, (1, 1)).lines, *refund(9, (2, 1), restock=False).lines]}
                ),
                "mixed-restock",
            ),
        ],
    )
    def test_is_refused(self, command: OrderRefund, code: str) -> None:
        with pytest.raises(StoreRefused) as caught:
            refund_body(ORDER, [paid_back("4.00", (1, 1, "3.33", "0.67"))], command)
        assert caught.value.code == code

    def test_of_a_recorded_order(self, recordings: Any) -> None:
        """All that is left of it is what the store itself counts as left."""
        order = json.loads(recordings.rest("13-order-refunded-partial"))
        refunds = json.loads(recordings.rest("14-order-refunds-partial"))
        body = refund_body(order, refunds, refund(order["id"], full=True))
        left = Decimal(order["total"]) + sum(Decimal(each["total"]) for each in order["refunds"])
        assert Decimal(body["amount"]) == left
        assert all(part[0] > 0 or Decimal(part[1]) for part in parts(body).values())


def test_a_refund_is_known_by_its_meta_or_by_its_reason() -> None:
    command = refund(9, full=True, refund_id=REFUND)
    by_meta = paid_back("1.00", meta_data=[{"key": REFUND_META, "value": str(REFUND)}])
    by_reason = paid_back("1.00", reason="Broken (LS-000000ABCDEF)")
    assert find([paid_back("1.00"), by_meta], command) is by_meta
    assert find([paid_back("1.00"), by_reason], command) is by_reason
    assert find([paid_back("1.00")], command) is None


class TestAtTheStore:
    @pytest.fixture
    def order(self, woo: SimulatedWoo) -> Order:
        """Paid by card: three pieces of one SKU."""
        product = woo.shop.product_by_sku("LS-0004")
        assert product is not None
        draft = draft_for(woo.shop, woo.shop.rng, [(product, 3)])
        draft.payment_method = "card"
        return woo.shop.place_order(draft)

    async def test_once_though_the_answer_is_lost(
        self, woo: SimulatedWoo, hub: WooClient, order: Order, lossy: Any
    ) -> None:
        product = woo.shop.product_by_sku("LS-0004")
        assert product is not None
        before = product.stock or 0
        command = refund(order.id, (order.lines[0].id, 1), reason="Broken")
        done = await lossy(lambda: hub.refund_order(command))
        (made,) = order.refunds
        assert (done.external_id, done.existed) == (str(made.id), True)
        assert made.paid
        assert made.amount == -made.lines[0].total + sum(-tax.total for tax in made.lines[0].taxes)
        assert product.stock == before + 1

    async def test_all_of_it_makes_the_order_refunded(self, hub: WooClient, order: Order) -> None:
        done = await hub.refund_order(refund(order.id, (order.lines[0].id, 3), full=True))
        assert not done.existed
        assert (order.status, order.refunded) == ("refunded", order.total)

    async def test_a_provider_that_does_not_pay_back(self, hub: WooClient, order: Order) -> None:
        order.payment_method = "bacs"
        command = refund(order.id, full=True)
        with pytest.raises(StoreRefused) as caught:
            await hub.refund_order(command)
        assert caught.value.code == "refund-refused"
        assert "automatic refunds" in caught.value.detail
        assert not order.refunds
        await hub.refund_order(command.model_copy(update={"pay": False}))
        assert [each.paid for each in order.refunds] == [False]

    async def test_a_store_that_died_while_its_provider_paid(
        self, woo: SimulatedWoo, hub: WooClient, order: Order
    ) -> None:
        """Nobody knows whether it was paid: it is not paid again, and a person is told."""
        command = refund(order.id, full=True)
        await hub.refund_order(command)
        made = order.refunds[0]
        made.meta, made.paid = [], False
        with pytest.raises(StoreUnavailable) as waits:
            await hub.refund_order(command)
        assert waits.value.code == "refund-under-way"
        made.created = datetime.now(UTC) - timedelta(minutes=11)
        with pytest.raises(StoreRefused) as caught:
            await hub.refund_order(command)
        assert caught.value.code == "refund-unpaid"
        assert len(order.refunds) == 1
