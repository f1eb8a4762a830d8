"""Orders from webhooks: parts, totals, edits, refunds and states."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from longshore.contracts import FinancialStatus, FulfillmentState, FulfillmentStatus, OrderSnapshot, OrderStatus
from longshore.ids import line_id, order_id
from longshore.platforms.protocols import Untranslatable
from longshore_connector_shopify.translate import ShopifyTranslator


def test_a_plain_order_is_read_whole(make: Any, translated: Any) -> None:
    order = translated(make.order())
    assert order.external_id == "9007199254741999"
    assert order.number == "#1001"
    assert order.reconciled
    assert order.problems == []
    assert order.status is OrderStatus.PROCESSING
    assert order.platform_status == "paid/unfulfilled"
    assert str(order.totals.subtotal) == "25.50 USD"
    assert str(order.totals.discount) == "1.00 USD"
    assert str(order.totals.shipping) == "4.00 USD"
    assert str(order.totals.tax) == "0.40 USD"
    assert str(order.totals.total) == "28.90 USD"
    assert order.tags == ["gift", "vip"]
    assert order.placed_at == datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
    assert order.version.updated_at == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)
    assert order.version.offset == 41
    assert order.customer.external_id == "77"
    assert order.shipping_address.postal_code == "BS1"
    assert order.shipping_address.address2 is None
    assert order.billing_address is None
    assert [(each.code, each.amount.amount) for each in order.discounts] == [("TEN", 100)]


def test_lines_have_exact_ids_and_canonical_ones(make: Any, translated: Any) -> None:
    order = translated(make.order())
    first, second = order.lines
    assert first.external_id == "9007199254740994"
    assert first.id == line_id(order_id(order.integration_id, order.external_id), first.external_id)
    assert (first.product_external_id, first.variant_external_id, first.sku) == ("101", "201", "SKU-1")
    assert (first.quantity, first.unit_price.amount, first.discount.amount, first.total.amount) == (2, 1000, 100, 1900)
    assert first.tax.amount == 40
    assert [(tax.title, tax.rate) for tax in first.taxes] == [("VAT", "0.02")]
    assert second.total.amount == 550


@pytest.mark.parametrize(
    ("currency", "price", "exponent", "minor"),
    [("JPY", "19800", 0, 19800), ("KWD", "1.250", 3, 1250), ("USD", "12.5", 2, 1250), ("USD", "16.486", 3, 16486)],
)
def test_currencies_have_their_own_exponent(
    make: Any, translated: Any, currency: str, price: str, exponent: int, minor: int
) -> None:
    line = make.line(1, price) | {"price_set": make.bag(price, currency)}
    order = translated(
        make.order(
            currency=currency,
            line_items=[line],
            shipping_lines=[],
            discount_applications=[],
            total_price=price,
            total_price_set=make.bag(price, currency),
            total_tax="0",
        )
    )
    assert order.exponent == exponent
    assert order.totals.total.amount == minor
    assert order.reconciled


def test_taxes_included_are_not_added(make: Any, translated: Any) -> None:
    order = translated(
        make.order(
            taxes_included=True,
            total_price="28.50",
            total_price_set=make.bag("28.50"),
            current_total_price_set=make.bag("28.50"),
        )
    )
    assert order.taxes_included
    assert order.reconciled


def test_money_is_the_shops_and_the_buyers_stands_beside_it(make: Any, translated: Any) -> None:
    order = translated(make.order(total_price_set=make.bag("28.90", "USD", "39.02", "CAD")))
    assert str(order.totals.total) == "28.90 USD"
    assert str(order.presentment_total) == "39.02 CAD"


def test_a_total_in_another_currency_is_noted_and_the_plain_one_taken(make: Any, translated: Any) -> None:
    order = translated(make.order(total_price_set=make.bag("33.00", "CAD")))
    assert str(order.totals.total) == "28.90 USD"
    assert "total_price_set" in order.problems


def test_shipping_discounts_count_as_discounts(make: Any, translated: Any) -> None:
    shipping = make.order()["shipping_lines"][0] | {
        "discount_allocations": [{"amount_set": make.bag("4.00"), "discount_application_index": 0}],
        "tax_lines": [{"title": "VAT", "rate": 0.2, "price_set": make.bag("0.10")}],
    }
    order = translated(
        make.order(
            shipping_lines=[shipping],
            total_tax="0.50",
            total_price="25.00",
            total_price_set=make.bag("25.00"),
            current_total_price_set=make.bag("25.00"),
        )
    )
    assert order.totals.shipping.amount == 400
    assert order.totals.discount.amount == 500
    assert order.shipping_lines[0].total.amount == 0
    assert order.shipping_lines[0].tax.amount == 10
    assert order.reconciled


def test_tips_duties_and_fees(make: Any, translated: Any) -> None:
    body = make.order()
    body["line_items"][1]["duties"] = [
        {
            "id": "3",
            **make.bag("2.00"),
            "tax_lines": [{"title": "Duty tax", "rate": 0.1, "price_set": make.bag("0.20")}],
        }
    ]
    body |= {
        "total_tip_received": "3.00",
        "original_total_additional_fees_set": make.bag("1.50"),
        "total_tax": "0.75",
        "total_price": "35.75",
        "total_price_set": make.bag("35.75"),
    }
    order = translated(body)
    assert order.totals.tip.amount == 300
    assert order.totals.fees.amount == 350
    # A webhook tells additional fees without their tax: it is what no other part explains.
    assert [(each.title, each.total.amount, each.tax.amount) for each in order.fee_lines] == [
        ("Import duty", 200, 20),
        ("Additional fees", 150, 15),
    ]
    assert order.reconciled


def test_included_duties_are_no_fee(make: Any, translated: Any) -> None:
    body = make.order(duties_included=True)
    body["line_items"][1]["duties"] = [{"id": "3", **make.bag("2.00"), "tax_lines": []}]
    order = translated(body)
    assert order.fee_lines == []
    assert order.reconciled


def test_a_tip_line_is_a_tip(make: Any, translated: Any) -> None:
    body = make.order(
        total_tip_received="3.00", total_price="31.90", total_price_set=make.bag("31.90"), current_total_price_set=None
    )
    tip = make.line(3, "3.00", product_id=None, variant_id=None, sku=None, title="Tip", requires_shipping=False)
    body["line_items"].append(tip)
    order = translated(body)
    assert len(order.lines) == 2
    assert order.totals.tip.amount == 300
    assert order.reconciled


def test_a_refund_leaves_quantity_and_total(make: Any, translated: Any) -> None:
    body = make.order(financial_status="partially_refunded", current_total_price_set=make.bag("19.20"))
    line = body["line_items"][0]
    line["current_quantity"] = 1
    body["refunds"] = [make.refund(8, [make.refund_line(line, 1, "9.50", "0.20")], "9.70", note="broken")]
    order = translated(body)
    assert order.lines[0].quantity == 2
    assert (order.lines[0].refunded_quantity, order.lines[0].restocked_quantity) == (1, 1)
    assert order.totals.total.amount == 2890
    assert order.totals.refunded.amount == 970
    (refund,) = order.refunds
    assert (refund.external_id, refund.amount.amount, refund.reason) == ("8", 970, "broken")
    assert (refund.lines[0].amount.amount, refund.lines[0].tax.amount, refund.lines[0].restocked) == (950, 20, True)
    assert order.financial_status is FinancialStatus.PARTIALLY_REFUNDED
    assert order.status is OrderStatus.PROCESSING
    assert order.reconciled


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        ("broken [Longshore 01979c2a-0000-7000-8000-000000000001]", "broken"),
        ("Longshore 01979c2a-0000-7000-8000-000000000001", None),
        ("Longshore sent it back", "Longshore sent it back"),
    ],
)
def test_the_mark_of_a_refund_of_ours_is_no_reason(make: Any, translated: Any, note: str, reason: str | None) -> None:
    body = make.order()
    line = body["line_items"][0]
    body["refunds"] = [make.refund(8, [make.refund_line(line, 1, "9.50", "0.20")], "9.70", note=note)]
    assert translated(body).refunds[0].reason == reason


def test_an_edit_takes_pieces_out(make: Any, translated: Any) -> None:
    """Without a refund record: the removed piece's share of discount and tax goes with it."""
    body = make.order(current_total_price_set=make.bag("19.20"), current_total_tax="0.20")
    body["line_items"][0]["current_quantity"] = 1
    order = translated(body)
    assert order.lines[0].quantity == 1
    assert order.lines[0].refunded_quantity == 0
    assert (order.lines[0].total.amount, order.lines[0].discount.amount, order.lines[0].tax.amount) == (950, 50, 20)
    assert order.totals.total.amount == 1920
    assert order.reconciled
    assert order.refunds == []


def test_an_edits_record_without_transactions_is_no_refund(make: Any, translated: Any) -> None:
    body = make.order(current_total_price_set=make.bag("23.40"))
    line = body["line_items"][1]
    line["current_quantity"] = 0
    body["refunds"] = [make.refund(8, [make.refund_line(line, 1, "5.50", restock="no_restock")], None)]
    order = translated(body)
    assert order.refunds == []
    assert (order.lines[1].quantity, order.lines[1].total.amount) == (0, 0)
    assert order.totals.total.amount == 2340
    assert order.totals.refunded.amount == 0
    assert order.reconciled


def test_an_edit_and_a_refund_of_one_line(make: Any, translated: Any) -> None:
    line = make.line(1, "10.00", 3, current_quantity=1)
    body = make.order(
        line_items=[line],
        shipping_lines=[],
        discount_applications=[],
        financial_status="partially_refunded",
        total_tax="0",
        current_total_tax="0",
        total_price_set=make.bag("30.00"),
        current_total_price_set=make.bag("10.00"),
    )
    body["refunds"] = [make.refund(8, [make.refund_line(line, 1, "10.00", restock="return")], "10.00")]
    order = translated(body)
    assert (order.lines[0].quantity, order.lines[0].refunded_quantity) == (2, 1)
    assert order.totals.total.amount == 2000
    assert order.totals.refunded.amount == 1000
    assert order.reconciled


def test_an_edit_that_adds_a_line(make: Any, translated: Any) -> None:
    """Where `total_price` is of before the edit, the store's current word is taken."""
    body = make.order(current_total_price_set=make.bag("31.90"))
    body["line_items"].append(make.line(3, "3.00"))
    order = translated(body)
    assert order.totals.total.amount == 3190
    assert order.reconciled


def test_a_cancelled_order_keeps_what_was_ordered(make: Any, translated: Any) -> None:
    body = make.order(
        cancelled_at="2026-11-20T08:00:00-05:00",
        financial_status="voided",
        current_total_price_set=make.bag("0.00"),
        current_total_tax="0.00",
    )
    for line in body["line_items"]:
        line["current_quantity"] = 0
    order = translated(body)
    assert order.status is OrderStatus.CANCELLED
    assert [line.quantity for line in order.lines] == [2, 1]
    assert order.totals.total.amount == 2890
    assert order.reconciled


def test_a_refund_in_the_buyers_money_is_valued_and_noted(make: Any, translated: Any) -> None:
    body = make.order(financial_status="partially_refunded")
    line = body["line_items"][1]
    refund = make.refund(8, [make.refund_line(line, 1, "5.50")], "7.43")
    refund["transactions"][0]["currency"] = "CAD"
    order = translated(body | {"refunds": [refund]})
    assert order.totals.refunded.amount == 550
    assert "refunds[0].transactions[0].amount" in order.problems


def test_what_does_not_add_up_is_said(make: Any, translated: Any) -> None:
    order = translated(make.order(total_price_set=make.bag("30.00"), current_total_price_set=make.bag("30.00")))
    assert not order.reconciled
    assert order.discrepancies == ["total: the store says 3000, its parts sum to 2890"]


def _shipment(make: Any, status: str = "success", delivered: bool = False) -> dict[str, Any]:
    lines = make.order()["line_items"]
    return {
        "id": 31,
        "status": status,
        "shipment_status": "delivered" if delivered else None,
        "created_at": "2026-11-20T07:00:00-05:00",
        "tracking_company": "UPS",
        "tracking_number": "1Z1",
        "tracking_numbers": ["1Z1", "1Z2"],
        "tracking_urls": ["https://example.com/1Z1"],
        "line_items": [{"id": line["id"], "quantity": line["quantity"]} for line in lines],
    }


def test_shipments_with_tracking(make: Any, translated: Any) -> None:
    order = translated(make.order(fulfillment_status="fulfilled", fulfillments=[_shipment(make)]))
    (shipment,) = order.fulfillments
    assert shipment.status is FulfillmentState.SUCCESS
    assert (shipment.tracking.number, shipment.tracking.carrier, shipment.tracking.url) == (
        "1Z1",
        "UPS",
        "https://example.com/1Z1",
    )
    assert [(each.number, each.url) for each in shipment.more_tracking] == [("1Z2", None)]
    assert [line.fulfilled_quantity for line in order.lines] == [2, 1]
    assert order.status is OrderStatus.FULFILLED


def test_a_failed_shipment_ships_nothing(make: Any, translated: Any) -> None:
    order = translated(make.order(fulfillments=[_shipment(make, "failure")]))
    assert order.fulfillments[0].status is FulfillmentState.FAILED
    assert [line.fulfilled_quantity for line in order.lines] == [0, 0]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"financial_status": "pending"}, OrderStatus.PENDING),
        ({"financial_status": "expired"}, OrderStatus.PENDING),
        ({"financial_status": "authorized"}, OrderStatus.PROCESSING),
        ({"financial_status": "partially_paid"}, OrderStatus.PROCESSING),
        ({"financial_status": "partially_refunded"}, OrderStatus.PROCESSING),
        ({"financial_status": "refunded"}, OrderStatus.REFUNDED),
        ({"fulfillment_status": "partial"}, OrderStatus.PARTIALLY_FULFILLED),
        ({"fulfillment_status": "fulfilled"}, OrderStatus.FULFILLED),
        ({"fulfillment_status": "fulfilled", "financial_status": "pending"}, OrderStatus.FULFILLED),
        ({"fulfillment_status": "fulfilled", "cancelled_at": "2026-11-20T08:00:00Z"}, OrderStatus.CANCELLED),
        ({"fulfillment_status": "restocked"}, OrderStatus.PROCESSING),
    ],
)
def test_two_words_become_one_status(make: Any, translated: Any, fields: dict[str, Any], status: OrderStatus) -> None:
    assert translated(make.order(**fields)).status is status


def test_delivered_when_every_shipment_arrived(make: Any, translated: Any) -> None:
    body = make.order(fulfillment_status="fulfilled", fulfillments=[_shipment(make, delivered=True)])
    assert translated(body).status is OrderStatus.DELIVERED
    body["fulfillments"].append(_shipment(make) | {"id": 32})
    assert translated(body).status is OrderStatus.FULFILLED


def test_an_unknown_word_never_drops_an_order(make: Any, translated: Any) -> None:
    order = translated(make.order(financial_status="in_escrow", fulfillment_status="teleported"))
    assert order.platform_status == "in_escrow/teleported"
    assert order.financial_status is FinancialStatus.PENDING
    assert order.fulfillment_status is FulfillmentStatus.UNFULFILLED
    assert order.problems == ["financial_status", "fulfillment_status"]


def test_missing_people_and_skus(make: Any, translated: Any) -> None:
    body = make.order(customer=None, email=None, shipping_address=None)
    body["line_items"][0] |= {"sku": "", "product_id": None, "variant_id": None}
    order = translated(body)
    assert order.customer is None
    assert order.shipping_address is None
    assert order.lines[0].sku is None
    assert order.lines[0].product_external_id is None


def test_a_guest_has_an_email_alone(make: Any, translated: Any) -> None:
    order = translated(make.order(customer=None))
    assert order.customer.external_id is None
    assert order.customer.email == "buyer@example.com"


def test_unreadable_fields_are_named_and_the_rest_arrives(make: Any, translated: Any) -> None:
    body = make.order(note={"a": 1}, cancelled_at=None, processed_at="yesterday")
    body["line_items"].append({"id": 5, "quantity": "many"})
    body["line_items"].append("a line")
    order = translated(body)
    assert order.problems == ["line_items[2].quantity", "line_items[2]", "line_items[3]", "note", "processed_at"]
    assert len(order.lines) == 2
    assert order.reconciled


def test_a_second_line_of_one_id_is_named(make: Any, translated: Any) -> None:
    body = make.order()
    body["line_items"].append(dict(body["line_items"][0]))
    order = translated(body)
    assert order.problems == ["line_items[2]"]
    assert len({each.id for each in order.lines}) == len(order.lines) == 2


@pytest.mark.parametrize(
    "fields", [{"id": None}, {"id": "?"}, {"currency": "dollars"}, {"currency": None}, {"id": [1]}, {"id": -3}]
)
def test_an_order_without_identity_or_currency_is_poison(make: Any, translated: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(Untranslatable):
        translated(make.order(**fields))


def test_an_order_without_a_total_is_poison(make: Any, translated: Any) -> None:
    nothing = dict.fromkeys(("total_price", "total_price_set", "current_total_price", "current_total_price_set"))
    with pytest.raises(Untranslatable, match="total_price"):
        translated(make.order(**nothing))


def test_what_no_database_takes_is_replaced(make: Any, translated: Any) -> None:
    order = translated(make.order(note="a\0b\ud800c"))
    assert order.notes[0].text == "ab?c"
    assert order.notes[0].author == "customer"


@pytest.mark.parametrize("amount", [b"1e999999999", b"-1e999999999", b"1e15"])
def test_an_amount_beyond_all_measure_is_named(make: Any, amount: bytes) -> None:
    body = json.dumps(make.order(total_tip_received="TIP")).encode().replace(b'"TIP"', amount)
    (order,) = ShopifyTranslator().translate(make.record(body)).events
    assert isinstance(order, OrderSnapshot)
    assert (order.totals.tip.amount, order.problems) == (0, ["total_tip_received"])


@pytest.mark.parametrize("amount", ["12345678.123456789012", "-12345678.123456789012"])
def test_a_total_that_no_bigint_holds_is_poison(make: Any, translated: Any, amount: str) -> None:
    """So many digits as decimals only: the order counts as finely as its finest amount."""
    told = {"total_price": amount, "current_total_price": amount}
    with pytest.raises(Untranslatable, match="total_price"):
        translated(make.order(**told, total_price_set=None, current_total_price_set=None))


def test_so_are_parts_that_add_up_to_more(make: Any, translated: Any) -> None:
    lines = [make.line(number, "999999999999999.99") for number in range(1, 94)]
    with pytest.raises(Untranslatable, match="64 bits"):
        translated(make.order(line_items=lines))


@pytest.mark.parametrize("amount", [2**63, -(2**63), -9223372036854775809])
def test_what_the_buyer_saw_is_named_if_no_bigint_holds_it(make: Any, translated: Any, amount: int) -> None:
    order = make.order()
    for name in ("total_price_set", "current_total_price_set"):
        order[name]["presentment_money"]["amount"] = amount
    order = translated(order)
    assert order.presentment_total is None
    assert [each for each in order.problems if "presentment_money" in each]


def test_a_time_far_ahead_does_not_outrank_what_the_store_says_later(make: Any, translated: Any) -> None:
    order = translated(make.order(updated_at="9999-12-31T23:59:59Z"))
    assert order.version.updated_at == order.placed_at
    assert order.problems == ["updated_at"]


def test_what_is_too_long_to_be_a_sku_is_none(make: Any, translated: Any) -> None:
    order = translated(make.order(line_items=[make.line(1, "28.90", sku="x" * 256)]))
    assert order.lines[0].sku is None
    assert "line_items[0].sku" in order.problems
