"""Hundreds of random orders, with what happens to them later, add up to the last minor unit."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import orjson
import pytest

from longshore_devkit.stores.shopify.model import Order
from longshore_devkit.stores.shopify.payloads import make_order_webhook
from longshore_devkit.stores.shopify.pricing import totals
from longshore_devkit.stores.shopify.rest_orders import order_payload
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig, ShopError

from .conftest import NOON


def _sum(items: list[dict[str, Any]], key: str) -> Decimal:
    return sum((Decimal(item[key]) for item in items), Decimal(0))


def check_payload(order: dict[str, Any]) -> None:
    """The identities that a consumer may rely on, from the text of the payload alone."""
    lines, shipping = order["line_items"], order["shipping_lines"]
    gross = sum((Decimal(line["price"]) * line["quantity"] for line in lines), Decimal(0))
    allocated = sum((_sum(line["discount_allocations"], "amount") for line in lines), Decimal(0))
    shipping_off = sum((_sum(line["discount_allocations"], "amount") for line in shipping), Decimal(0))
    tax = sum((_sum(line["tax_lines"], "price") for line in [*lines, *shipping]), Decimal(0))
    duties = sum((Decimal(d["shop_money"]["amount"]) for line in lines for d in line["duties"]), Decimal(0))
    shipping_total = Decimal(order["total_shipping_price_set"]["shop_money"]["amount"])
    assert Decimal(order["total_line_items_price"]) == gross
    assert Decimal(order["total_discounts"]) == allocated + shipping_off
    assert Decimal(order["subtotal_price"]) == gross - allocated
    assert shipping_total == _sum(shipping, "price")
    assert Decimal(order["total_tax"]) == tax == _sum(order["tax_lines"], "price")
    added = Decimal(0) if order["taxes_included"] else tax
    tip = Decimal(order["total_tip_received"])
    expected = gross - allocated + shipping_total - shipping_off + added + duties + tip
    assert Decimal(order["total_price"]) == expected
    for line in [*lines, *shipping]:
        assert _sum(line["discount_allocations"], "amount") <= Decimal(line["price"]) * line.get("quantity", 1)
    _check_refunds(order)


def _check_refunds(order: dict[str, Any]) -> None:
    paid_back = Decimal(0)
    for refund in order["refunds"]:
        lines = refund["refund_line_items"]
        amount = _set_sum(lines, "subtotal_set") - _sum(refund["order_adjustments"], "amount")
        amount += _set_sum(refund["duties"], "amount_set")
        if not order["taxes_included"]:
            amount += _set_sum(lines, "total_tax_set") - _sum(refund["order_adjustments"], "tax_amount")
        transactions = _sum(refund["transactions"], "amount")
        assert transactions in (amount, 0)
        paid_back += transactions
    if order["financial_status"] == "refunded":
        assert Decimal(order["current_total_price"]) == Decimal(order["total_outstanding"]) == 0
        assert paid_back > 0


def _set_sum(items: list[dict[str, Any]], key: str) -> Decimal:
    return sum((Decimal(item[key]["shop_money"]["amount"]) for item in items), Decimal(0))


def _live(shop: Shop, order: Order, rng: random.Random) -> None:
    for action in rng.choices((shop.refund, shop.edit, shop.cancel), k=rng.randint(0, 4)):
        try:
            action(order.id)
        except ShopError:
            return


@pytest.mark.parametrize(
    ("currency", "included"), [("USD", None), ("JPY", True), ("KWD", False), ("EUR", True), ("USD", False)]
)
def test_random_orders_add_up_through_refunds_edits_and_cancels(currency: str, included: bool | None) -> None:
    shop = Shop(ShopConfig(currency=currency, taxes_included=included, products=20), now=lambda: NOON)
    rng = random.Random(7)
    for _ in range(120):
        order = shop.place_order()
        check_payload(order_payload(order, "x.myshopify.com"))
        before = totals(order)
        assert before.current_total == before.total
        _live(shop, order, rng)
        check_payload(order_payload(order, "x.myshopify.com"))


def test_a_full_refund_in_steps_leaves_nothing(shop: Shop) -> None:
    for _ in range(60):
        order = shop.place_order()
        if not order.transactions:
            continue
        for _ in range(2):
            if sum(line.current_quantity for line in order.lines) > 1:
                shop.refund(order.id)
        shop.refund(order.id, full=True)
        sums = totals(order)
        assert (sums.current_total, sums.current_tax, sums.outstanding) == (0, 0, 0)
        assert sums.refunded == sums.total


def test_a_cancelled_unpaid_order_owes_nothing_but_its_extras(shop: Shop) -> None:
    order = next(o for o in iter(shop.place_order, None) if not o.transactions)
    shop.cancel(order.id)
    assert totals(order).current_subtotal == 0
    assert order_payload(order, "x")["financial_status"] == "voided"


@pytest.mark.parametrize("size", [5000, 12_000, 25_000])
def test_load_payloads_add_up(size: int) -> None:
    for n in range(40):
        check_payload(orjson.loads(make_order_webhook(n, size_bytes=size)))
