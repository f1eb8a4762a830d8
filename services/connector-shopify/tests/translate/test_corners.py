"""Orders that are not the usual ones: each arrives whole, and its money adds up."""

from __future__ import annotations

from typing import Any

import pytest


def _gift_card(make: Any) -> dict[str, Any]:
    """A gift card is sold: nothing to ship, no tax."""
    card = make.line(1, "25.00", requires_shipping=False, gift_card=True, taxable=False, product_exists=True)
    return {"line_items": [card], "shipping_lines": [], **_totals(make, "25.00")}


def _paid_by_gift_card(make: Any) -> dict[str, Any]:
    """Paid in part by one: that is a payment, no discount."""
    return {"payment_gateway_names": ["gift_card", "shopify_payments"]}


def _bundle(make: Any) -> dict[str, Any]:
    """A bundle is sold as its components, each with its share of the price."""
    group = {"id": 5, "title": "Tea set", "quantity": 1, "variant_id": 900}
    lines = [make.line(n, price, line_item_group=group) for n, price in ((1, "12.50"), (2, "7.49"))]
    return {"line_items": lines, "shipping_lines": [], **_totals(make, "19.99")}


def _draft(make: Any) -> dict[str, Any]:
    """Made of a draft: a line that is no product, and a price that somebody has set."""
    line = make.line(1, "3.33", 3, product_id=None, variant_id=None, sku=None)
    return {
        "source_name": "shopify_draft_order",
        "line_items": [line],
        "shipping_lines": [],
        **_totals(make, "9.99"),
    }


def _point_of_sale(make: Any) -> dict[str, Any]:
    """Sold at a till: nobody known, nothing shipped, no address."""
    return {
        "source_name": "pos",
        "customer": None,
        "email": "",
        "shipping_address": None,
        "shipping_lines": [],
        "fulfillment_status": "fulfilled",
        "line_items": [make.line(1, "5.00", 2)],
        **_totals(make, "10.00"),
    }


def _for_nothing(make: Any) -> dict[str, Any]:
    """All of it discounted."""
    allocation = {"amount": "5.00", "amount_set": make.bag("5.00"), "discount_application_index": 0}
    line = make.line(1, "5.00", discount_allocations=[allocation])
    return {"line_items": [line], "shipping_lines": [], **_totals(make, "0.00")}


def _spread_discount(make: Any) -> dict[str, Any]:
    """A discount of 10.00 over three lines: cents that do not divide."""
    lines = []
    for n, share in enumerate(("3.33", "3.33", "3.34"), 1):
        allocation = {"amount": share, "amount_set": make.bag(share), "discount_application_index": 0}
        lines.append(make.line(n, "20.00", discount_allocations=[allocation]))
    return {"line_items": lines, "shipping_lines": [], **_totals(make, "50.00")}


def _free_shipping(make: Any) -> dict[str, Any]:
    """Shipping whose discount takes all of it."""
    allocation = {"amount": "4.00", "amount_set": make.bag("4.00"), "discount_application_index": 0}
    shipping = {"id": 5, "title": "Post", "price": "4.00", "price_set": make.bag("4.00"), "tax_lines": []}
    return {
        "line_items": [make.line(1, "20.00")],
        "shipping_lines": [shipping | {"discount_allocations": [allocation]}],
        **_totals(make, "20.00"),
    }


def _totals(make: Any, total: str) -> dict[str, Any]:
    return {
        "total_price": total,
        "total_price_set": make.bag(total),
        "current_total_price": total,
        "current_total_price_set": make.bag(total),
        "total_tax": "0.00",
        "current_total_tax": "0.00",
    }


CORNERS = [
    (_gift_card, {"total": 2500, "discount": 0}),
    (_paid_by_gift_card, {"total": 2890, "discount": 100}),
    (_bundle, {"total": 1999, "subtotal": 1999}),
    (_draft, {"total": 999, "subtotal": 999}),
    (_point_of_sale, {"total": 1000, "shipping": 0}),
    (_for_nothing, {"total": 0, "subtotal": 500, "discount": 500}),
    (_spread_discount, {"total": 5000, "subtotal": 6000, "discount": 1000}),
    (_free_shipping, {"total": 2000, "shipping": 400, "discount": 400}),
]


@pytest.mark.parametrize(("corner", "totals"), CORNERS, ids=[each.__name__.strip("_") for each, _ in CORNERS])
def test_its_money_adds_up(make: Any, translated: Any, corner: Any, totals: dict[str, int]) -> None:
    snapshot = translated(make.order(**corner(make)))
    assert snapshot.discrepancies == []
    assert snapshot.problems == []
    assert {name: getattr(snapshot.totals, name).amount for name in totals} == totals


def test_who_is_not_known_is_nobody(make: Any, translated: Any) -> None:
    snapshot = translated(make.order(**_point_of_sale(make)))
    assert (snapshot.customer, snapshot.shipping_address) == (None, None)
    assert snapshot.fulfillment_status == "fulfilled"


def test_the_components_of_a_bundle_are_its_lines(make: Any, translated: Any) -> None:
    snapshot = translated(make.order(**_bundle(make)))
    assert [(line.sku, line.total.amount) for line in snapshot.lines] == [("SKU-1", 1250), ("SKU-2", 749)]


def test_a_line_of_a_draft_is_no_product(make: Any, translated: Any) -> None:
    (line,) = translated(make.order(**_draft(make))).lines
    assert (line.sku, line.product_external_id, line.quantity) == (None, None, 3)
