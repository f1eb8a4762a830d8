"""Orders that are not the usual ones: each arrives whole, and its money adds up."""

from __future__ import annotations

from typing import Any

import pytest

from longshore.contracts import OrderSnapshot
from longshore_connector_shopify.translate import ShopifyTranslator

from .answers import answer


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


def _returned(make: Any) -> dict[str, Any]:
    """A shipped piece came back, some of its shipping was paid back, and a little more than all that."""
    line = make.line(1, "10.00", 2, current_quantity=1, tax_lines=[_vat(make, "2.00", 0.1)])
    refund = make.refund(
        7,
        [make.refund_line(line, 1, "10.00", "1.00", restock="return")],
        "15.50",
        note="Broken",
        refund_shipping_lines=[
            {"id": 1, "subtotal_amount_set": make.bag("4.00"), "tax_amount_set": make.bag("0.00")},
        ],
        order_adjustments=[
            {"kind": "refund_discrepancy", "amount_set": make.bag("-0.50"), "tax_amount_set": make.bag("0.00")}
        ],
    )
    refund["transactions"][0]["amount_set"] = make.bag("15.50")
    shipping = {
        "id": 5,
        "title": "Post",
        "code": "post",
        "price": "4.00",
        "price_set": make.bag("4.00"),
        "tax_lines": [],
    }
    return {
        "financial_status": "partially_refunded",
        "fulfillment_status": "fulfilled",
        "line_items": [line],
        "shipping_lines": [shipping],
        "discount_applications": [],
        "fulfillments": [_shipment(3, {line["id"]: 2}, shipment_status="delivered")],
        "refunds": [refund],
        **_totals(make, "26.00", tax="2.00", now="11.00", tax_now="1.00"),
    }


def _paid_back_alone(make: Any) -> dict[str, Any]:
    """Money alone: no line, no shipping."""
    adjustment = {"kind": "refund_discrepancy", "amount_set": make.bag("-3.00"), "tax_amount_set": make.bag("0.00")}
    refund = make.refund(8, [], "3.00", order_adjustments=[adjustment])
    refund["transactions"][0]["amount_set"] = make.bag("3.00")
    return {"financial_status": "partially_refunded", "refunds": [refund], "discount_applications": [_code("TEN")]}


def _edited(make: Any) -> dict[str, Any]:
    """An edit took a line away, which stays with no pieces, and added another."""
    gone, added = make.line(1, "10.00", 1, current_quantity=0), make.line(2, "7.00")
    return {
        "line_items": [gone, added],
        "shipping_lines": [],
        "discount_applications": [],
        "refunds": [make.refund(9, [make.refund_line(gone, 1, "10.00", restock="no_restock")], None)],
        **_totals(make, "17.00", now="7.00"),
    }


def _many_moneys(make: Any) -> dict[str, Any]:
    """A shop in dollars sells in pounds, with duties, a tip, and tax on what is fewer cents than the buyer's."""
    line = make.line(
        1,
        "12.34",
        3,
        price_set=make.bag("12.34", shown="9.87", shown_in="GBP"),
        tax_lines=[_vat(make, "7.40", 0.2, shown="5.92")],
        duties=[{"id": 11, **make.bag("2.50", shown="2.00", shown_in="GBP"), "tax_lines": []}],
    )
    tip = make.line(2, "1.00", title="Tip", sku=None, product_id=None, variant_id=None, requires_shipping=False)
    totals = {
        name: make.bag("47.92", shown="38.33", shown_in="GBP")
        for name in ("total_price_set", "current_total_price_set")
    }
    return {
        "presentment_currency": "GBP",
        "line_items": [line, tip],
        "shipping_lines": [],
        "discount_applications": [],
        **_totals(make, "47.92", tax="7.40"),
        **totals,
        "total_tip_received": "1.00",
    }


def _in(currency: str, price: str, total: str, tax: str) -> Any:
    def order(make: Any) -> dict[str, Any]:
        bag = {"shop_money": {"amount": tax, "currency_code": currency}} | {
            "presentment_money": {"amount": tax, "currency_code": currency}
        }
        pair = make.bag(price, currency)
        line = make.line(
            1, price, 2, price_set=pair, tax_lines=[{"title": "VAT", "rate": 0.1, "price": tax, "price_set": bag}]
        )
        told = _totals(make, total, tax=tax)
        told |= {name: make.bag(total, currency) for name in ("total_price_set", "current_total_price_set")}
        return {
            "currency": currency,
            "presentment_currency": currency,
            "taxes_included": True,
            "line_items": [line],
            "shipping_lines": [],
            "discount_applications": [],
            **told,
        }

    order.__name__ = f"_in_{currency.lower()}_tax_included"
    return order


def _cancelled(make: Any) -> dict[str, Any]:
    return {
        "cancelled_at": "2026-11-20T06:20:00-05:00",
        "financial_status": "voided",
        "discount_applications": [_code("TEN")],
    }


def _half_shipped(make: Any) -> dict[str, Any]:
    """One parcel is on its way with two numbers, one was taken back."""
    lines = make.order()["line_items"]
    return {
        "fulfillment_status": "partial",
        "discount_applications": [_code("TEN")],
        "fulfillments": [
            _shipment(3, {lines[0]["id"]: 1}, numbers=("1Z1", "1Z2")),
            _shipment(4, {lines[1]["id"]: 1}, status="cancelled"),
        ],
    }


def _shipment(
    number: int, pieces: dict[int, int], *, status: str = "success", numbers: tuple[str, ...] = ("1Z1",), **more: Any
) -> dict[str, Any]:
    return {
        "id": number,
        "status": status,
        "created_at": "2026-11-20T06:10:00-05:00",
        "tracking_company": "UPS",
        "tracking_numbers": list(numbers),
        "tracking_urls": [f"https://example.com/{each}" for each in numbers],
        "line_items": [{"id": line, "quantity": quantity} for line, quantity in pieces.items()],
    } | more


def _code(code: str) -> dict[str, Any]:
    return {"type": "discount_code", "code": code, "target_type": "line_item"}


def _vat(make: Any, amount: str, rate: float, shown: str | None = None) -> dict[str, Any]:
    bag = make.bag(amount, shown=shown, shown_in="GBP" if shown else None)
    return {"title": "VAT", "rate": rate, "price": amount, "price_set": bag}


def _totals(
    make: Any, total: str, *, tax: str = "0.00", now: str | None = None, tax_now: str | None = None
) -> dict[str, Any]:
    return {
        "total_price": total,
        "total_price_set": make.bag(total),
        "current_total_price": now or total,
        "current_total_price_set": make.bag(now or total),
        "total_tax": tax,
        "current_total_tax": tax_now or tax,
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
    (_returned, {"total": 2600, "tax": 200, "refunded": 1550}),
    (_paid_back_alone, {"total": 2890, "refunded": 300}),
    (_edited, {"total": 700, "refunded": 0}),
    (_many_moneys, {"total": 4792, "tax": 740, "fees": 250, "tip": 100}),
    (_in("JPY", "1100", "2200", "200"), {"total": 2200, "tax": 200}),
    (_in("KWD", "1.234", "2.468", "0.224"), {"total": 2468, "tax": 224}),
    (_cancelled, {"total": 2890}),
    (_half_shipped, {"total": 2890}),
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


@pytest.mark.parametrize("corner", [each for each, _ in CORNERS], ids=[each.__name__.strip("_") for each, _ in CORNERS])
def test_fetched_it_is_the_same(make: Any, translated: Any, corner: Any) -> None:
    """Field by field: what differs between a webhook and our own document is not in the event."""
    order = make.order(discount_applications=[_code("TEN")]) | corner(make)
    record = make.record(answer(order), resource="order", external_id=str(order["id"]))
    (fetched,) = ShopifyTranslator().translate(record).events
    assert isinstance(fetched, OrderSnapshot)
    where = {"version", "raw"}
    assert fetched.model_dump(exclude=where) == translated(order).model_dump(exclude=where)
