"""What was sent to our own API, as normalized events."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore import ids
from longshore.contracts import OrderSnapshot, ProductSnapshot, StockLevel
from longshore.platforms.protocols import Resource, Untranslatable
from longshore_gateway.ingest.translator import ApiTranslator

from .test_rules import NOW, ORDER, RECORD

ORDER_ID = ids.order_id(RECORD.integration_id, "1")
FIRST_LINE = ids.line_id(ORDER_ID, "1")


def translate(resource: Resource, item: object) -> Any:
    body = item if isinstance(item, bytes) else json.dumps(item).encode()
    (event,) = ApiTranslator().translate(replace(RECORD, resource=resource, body=body)).events
    return event


def order(**fields: Any) -> OrderSnapshot:
    found = translate("order", ORDER | fields)
    assert isinstance(found, OrderSnapshot)
    return found


def test_what_is_left_out_follows_from_the_rest() -> None:
    found = order()
    assert (found.number, found.platform_status) == ("1", "processing")
    assert (found.financial_status, found.fulfillment_status) == ("paid", "unfulfilled")
    assert (found.version.updated_at, found.version.observed_at) == (NOW, NOW)
    (line,) = found.lines
    assert (line.id, line.external_id, line.title) == (FIRST_LINE, "1", "TEA")
    assert str(found.totals.total) == "25.00 EUR"
    assert found.reconciled


@pytest.mark.parametrize(
    ("status", "financial", "fulfillment", "fulfilled"),
    [
        ("pending", "pending", "unfulfilled", 0),
        ("processing", "paid", "unfulfilled", 0),
        ("partially_fulfilled", "paid", "partial", 0),
        ("fulfilled", "paid", "fulfilled", 2),
        ("delivered", "paid", "fulfilled", 2),
        ("cancelled", "voided", "unfulfilled", 0),
        ("refunded", "refunded", "unfulfilled", 0),
    ],
)
def test_states(status: str, financial: str, fulfillment: str, fulfilled: int) -> None:
    found = order(status=status)
    assert (found.financial_status, found.fulfillment_status) == (financial, fulfillment)
    assert found.lines[0].fulfilled_quantity == fulfilled


def test_parts_of_it_shipped_and_paid_back() -> None:
    found = order(
        fulfillments=[{"lines": [{"external_id": "1", "quantity": 1}], "tracking": {"number": "T"}}],
        refunds=[{"external_id": "r", "amount": "12.50",
                  "lines": [{"line_id": str(FIRST_LINE), "quantity": 1, "amount": "12.50", "restocked": True}]}],
    )  # fmt: skip
    (line,) = found.lines
    assert (line.fulfilled_quantity, line.refunded_quantity, line.restocked_quantity) == (1, 1, 1)
    assert (found.fulfillment_status, found.financial_status) == ("partial", "partially_refunded")
    assert found.totals.refunded.amount == 1250
    assert found.totals.total.amount == 2500
    # Named by its external id if it has one: sent again it is the same shipment.
    assert found.fulfillments == order(fulfillments=found.model_dump(mode="json")["fulfillments"]).fulfillments


def test_the_shops_own_total_stands_even_if_it_does_not_add_up() -> None:
    found = order(totals={"total": "24.99"})
    assert found.totals.total.amount == 2499
    assert not found.reconciled
    assert found.discrepancies


def test_one_exponent_for_all_and_no_digit_lost() -> None:
    found = translate("order", json.dumps(ORDER).replace('"12.50"', "0.1234567").encode())
    assert found.exponent == 7
    assert found.lines[0].unit_price.amount == 1_234_567
    yen = order(currency="jpy", lines=[{"quantity": 1, "unit_price": "2000.00"}])
    assert (yen.currency, yen.exponent, yen.totals.total.amount) == ("JPY", 0, 2000)


def test_tax_is_on_top_unless_included() -> None:
    line = {"quantity": 1, "unit_price": "10", "tax": "1.90"}
    assert order(lines=[line]).totals.total.amount == 1190
    assert order(lines=[line], taxes_included=True).totals.total.amount == 1000


@given(
    prices=st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 50), st.integers(0, 10**4)), max_size=6),
    shipping=st.integers(10**4, 10**5),
    fee=st.integers(-(10**4), 10**4),
)
def test_what_is_summed_up_here_always_reconciles(prices: list[tuple[int, int, int]], shipping: int, fee: int) -> None:
    lines = [
        {"quantity": quantity, "unit_price": f"{price}e-2", "tax": f"{tax}e-3", "discount": "0"}
        for price, quantity, tax in prices
    ]
    found = order(
        lines=lines, shipping_lines=[{"total": f"{shipping}e-2"}], fee_lines=[{"title": "Fee", "total": f"{fee}e-2"}]
    )
    assert found.discrepancies == []


def test_the_digest_is_of_the_content_alone() -> None:
    one, other = order(), order(updated_at="2026-11-21T00:00:00Z")
    assert one.digest == other.digest
    assert order(tags=["gift"]).digest != one.digest


def test_a_product_and_its_stock_meet_by_sku() -> None:
    product = translate("product", {"external_id": 7, "title": "Mug", "currency": "EUR",
                                    "variants": [{"sku": "MUG", "price": "7.5"}]})  # fmt: skip
    assert isinstance(product, ProductSnapshot)
    (variant,) = product.variants
    assert (product.external_id, variant.external_id, variant.inventory_external_id) == ("7", "MUG", "MUG")
    assert str(variant.price) == "7.50 EUR"
    level = translate("stock", {"sku": "MUG", "quantity": -1, "location_external_id": "b"})
    assert isinstance(level, StockLevel)
    assert (level.external_id, level.inventory_external_id, level.quantity) == ("MUG@b", "MUG", -1)


def test_a_customer() -> None:
    found = translate("customer", {"external_id": "c", "email": "a@example.com", "updated_at": "2026-11-21T00:00:00Z"})
    assert (found.email, found.version.updated_at) == ("a@example.com", datetime(2026, 11, 21, tzinfo=UTC))


@pytest.mark.parametrize("body", [b"", b"{", b"7", b'{"external_id": "planted@example.com"}', b"\xff"])
def test_records_that_are_not_ours_are_poison_and_not_repeated(body: bytes) -> None:
    with pytest.raises(Untranslatable) as error:
        translate("order", body)
    assert "planted" not in str(error.value)
