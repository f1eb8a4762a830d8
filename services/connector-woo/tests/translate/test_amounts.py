"""Money: what reconciles, by which figures, and what must not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from longshore.contracts import OrderSnapshot
from longshore_connector_woo.translate import WooTranslator


@pytest.fixture
def snapshot(record: Any) -> Any:
    def translate(order: dict[str, Any]) -> OrderSnapshot:
        (event,) = WooTranslator().translate(record(order)).events
        assert isinstance(event, OrderSnapshot)
        return event

    return translate


class TestParts:
    def test_every_part(self, recordings: Any, snapshot: Any) -> None:
        """Variations, a coupon, shipping and a fee; two decimals."""
        order = snapshot(recordings.order("024"))
        totals = {name: amount.amount for name, amount in order.totals}
        assert totals == {
            "subtotal": 19977,
            "discount": 1998,
            "shipping": 490,
            "fees": 250,
            "tip": 0,
            "tax": 3557,
            "total": 22276,
            "refunded": 0,
        }
        assert order.taxes_included is False
        assert [
            (line.unit_price.amount, line.discount.amount, line.total.amount, line.tax.amount) for line in order.lines
        ] == [
            (4990, 500, 4490, 853),
            (4495, 899, 8091, 1537),
            (1999, 599, 5398, 1026),
        ]
        assert [(fee.title, fee.total.amount, fee.tax.amount) for fee in order.fee_lines] == [
            ("Geschenkverpackung 🎁", 250, 48)
        ]
        assert [(each.code, each.amount.amount) for each in order.discounts] == [("save10", 1998)]
        assert order.lines[0].taxes[0].model_dump(exclude={"amount"}) == {"title": "MwSt", "rate": "0.19"}

    def test_yen_with_the_shops_two_decimals(self, recordings: Any, snapshot: Any) -> None:
        order = snapshot(recordings.order("031"))
        assert (order.currency, order.exponent, order.totals.total.amount) == ("JPY", 0, 2000)

    def test_a_shop_that_counts_finer(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("031")
        body["line_items"][0] |= {"subtotal": "1500.5", "total": "1500.5"}
        body["total"] = "2000.50"
        order = snapshot(body)
        assert (order.exponent, order.totals.total.amount, order.reconciled) == (1, 20005, True)

    def test_the_float_price_is_not_money(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("024")
        before = snapshot(body)
        for line in body["line_items"]:
            line["price"] = 123.456
        assert snapshot(body).model_dump() == before.model_dump()

    def test_negative_fee(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("018")
        body["fee_lines"] = [{"id": 9, "name": "Goodwill", "total": "-3.41", "total_tax": "0.00", "taxes": []}]
        body["total"] = "50.00"
        order = snapshot(body)
        assert order.reconciled
        assert order.totals.fees.amount == -341

    def test_a_line_that_was_priced_up_has_no_negative_discount(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("018")
        body["line_items"][0] |= {"total": "41.98"}
        body |= {"discount_total": "-2.00", "total": "55.41"}
        order = snapshot(body)
        assert order.reconciled
        assert (order.totals.subtotal.amount, order.totals.discount.amount) == (4198, 0)

    @pytest.mark.parametrize(
        ("field", "value"),
        [("total", "53.42"), ("total_tax", "8.54"), ("shipping_total", "5.00"), ("discount_total", "0.01")],
    )
    def test_a_contradiction_shows(self, recordings: Any, snapshot: Any, field: str, value: str) -> None:
        order = snapshot(recordings.order("018") | {field: value})
        assert not order.reconciled
        named = field.removeprefix("total_") if field != "discount_total" else field
        assert any(each.startswith(named.removesuffix("_total")) for each in order.discrepancies)

    def test_a_missing_line_shows(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("024")
        del body["line_items"][1]
        assert not snapshot(body).reconciled


class TestRounding:
    """Orders of a real store whose prices include tax, half of them with "round tax at subtotal"."""

    def test_the_store_is_right_to_the_cent(self, rounding_orders: Any, snapshot: Any) -> None:
        for each in rounding_orders:
            order = snapshot(each["order"])
            assert order.reconciled, order.discrepancies
            assert str(order.totals.total.decimal()) == each["order"]["total"]
            assert str(order.totals.tax.decimal()) == each["order"]["total_tax"]
            for line, item in zip(order.lines, each["order"]["line_items"], strict=True):
                assert str(line.total.decimal()) == item["total"]
                assert str(line.tax.decimal()) == item["total_tax"]

    def test_the_rest_is_a_line_of_its_own(self, rounding_orders: Any, snapshot: Any) -> None:
        orders = {each["order"]["id"]: snapshot(each["order"]) for each in rounding_orders}

        def rounding(id: int) -> list[tuple[int, int]]:
            return [(fee.total.amount, fee.tax.amount) for fee in orders[id].fee_lines if fee.title == "Rounding"]

        assert rounding(84) == [(0, 1)]
        assert rounding(239) == [(-1, 1)]
        assert rounding(322) == [(2, -1)]

    @pytest.mark.parametrize("cents", [3, -3, 100, -100])
    def test_more_than_rounding_shows(self, rounding_orders: Any, snapshot: Any, cents: int) -> None:
        for each in rounding_orders:
            body = copy.deepcopy(each["order"])
            body["total"] = f"{float(body['total']) + cents / 100:.2f}"
            assert not snapshot(body).reconciled

    def test_lines_finer_than_the_shops_decimals(self, recordings: Any, snapshot: Any) -> None:
        """Read with ?dp=4 from a shop that rounds to two: the total is of rounded lines."""
        order = snapshot(json.loads(recordings.rest("11-order-dp4")))
        assert (order.exponent, order.totals.total.amount, order.reconciled) == (4, 632700, True)
        assert [fee.total.amount for fee in order.fee_lines] == [19]

    def test_a_shop_without_decimals(self, recordings: Any, snapshot: Any) -> None:
        """Two lines of 100.40 and 200.40 are shown as 100 and 200, and cost 301 together."""
        body = recordings.order("018")
        line = body["line_items"][0] | {"total_tax": "0", "taxes": [], "quantity": 1}
        body["line_items"] = [
            line | {"id": 1, "subtotal": "100", "total": "100", "price": 100.4},
            line | {"id": 2, "subtotal": "200", "total": "200", "price": 200.4},
        ]
        body |= {"shipping_lines": [], "tax_lines": [], "total": "301"}
        body |= dict.fromkeys(("total_tax", "cart_tax", "shipping_tax", "shipping_total", "discount_total"), "0")
        order = snapshot(body)
        assert order.reconciled
        assert [fee.total.amount for fee in order.fee_lines] == [100]
        assert not snapshot(body | {"total": "303"}).reconciled
