"""Orders beyond their money: identity, states, people, shipments, refunds, and PHP's odd types."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from longshore import ids
from longshore.contracts import OrderSnapshot, OrderStatus
from longshore.platforms.protocols import FetchRequest, Translation, Untranslatable
from longshore_connector_woo.translate import WooTranslator

FULFILLMENT = "5fd58859-f68d-4d6a-bc65-a73a5dd3b626"


@pytest.fixture
def snapshot(record: Any) -> Any:
    def translate(order: dict[str, Any]) -> OrderSnapshot:
        (event,) = WooTranslator().translate(record(order)).events
        assert isinstance(event, OrderSnapshot)
        return event

    return translate


class TestIdentity:
    def test_ids_numbers_times(self, recordings: Any, record: Any) -> None:
        raw = record(recordings.order("025") | {"number": "A-1026"})
        order = WooTranslator().translate(raw).events[0]
        assert isinstance(order, OrderSnapshot)
        assert (order.external_id, order.number) == ("26", "A-1026")
        assert (order.org_id, order.integration_id) == (raw.org_id, raw.integration_id)
        assert order.placed_at == datetime(2026, 11, 20, 21, 30, 19, tzinfo=UTC)
        assert order.version.updated_at == order.updated_at == datetime(2026, 11, 20, 21, 30, 20, tzinfo=UTC)
        assert (order.version.observed_at, order.version.offset, order.raw) == (raw.received_at, 7, raw.ref)
        expected = ids.line_id(ids.order_id(raw.integration_id, "26"), "4")
        assert order.lines[0].id == expected

    def test_products_and_variations(self, recordings: Any, snapshot: Any) -> None:
        lines = snapshot(recordings.order("025")).lines
        assert [(line.product_external_id, line.variant_external_id, line.sku) for line in lines] == [
            ("20", "21", "HOODIE-S-BL"),
            ("20", "22", "HOODIE-M-ANY"),
            ("14", "14", "TSHIRT-1"),
        ]

    @pytest.mark.parametrize("moment", ["9999-12-31T23:59:59", "2026-11-23T12:00:01"])
    def test_a_time_far_ahead_does_not_outrank_what_the_store_says_later(
        self, recordings: Any, snapshot: Any, moment: str
    ) -> None:
        order = snapshot(recordings.order("025") | {"date_modified_gmt": moment})
        assert order.version.updated_at == datetime(2026, 11, 20, 21, 30, 19, tzinfo=UTC)
        assert order.problems == ["date_modified_gmt"]

    def test_a_clock_that_is_a_day_off_counts(self, recordings: Any, snapshot: Any) -> None:
        order = snapshot(recordings.order("025") | {"date_modified_gmt": "2026-11-22T12:00:00"})
        assert order.version.updated_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
        assert order.problems == []

    def test_what_is_too_long_to_be_a_sku_is_none(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("018")
        body["line_items"][0]["sku"] = "x" * 256
        order = snapshot(body)
        assert (order.lines[0].sku, order.problems) == (None, ["line_items[0].sku"])
        body["line_items"][0]["sku"] = "x" * 255
        assert snapshot(body).lines[0].sku == "x" * 255

    def test_deleted_product(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("018")
        body["line_items"][0] |= {"product_id": 0, "variation_id": 0, "sku": None}
        line = snapshot(body).lines[0]
        assert (line.product_external_id, line.variant_external_id, line.sku) == (None, None, None)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"id": None}, "id"),
            ({"id": "x"}, "id"),
            ({"currency": ""}, "currency"),
            ({"total": "", "line_items": None}, "total"),
            ({"total": "12,50", "line_items": "x"}, "total"),
        ],
    )
    def test_unreadable(self, recordings: Any, snapshot: Any, change: dict[str, Any], named: str) -> None:
        with pytest.raises(Untranslatable, match=named):
            snapshot(recordings.order("018") | change)

    @pytest.mark.parametrize("total", ["", None, "12,50", "NaN", "9" * 40, [], {"value": "1"}])
    def test_a_total_that_cannot_be_read_is_the_sum_of_the_parts(
        self, recordings: Any, snapshot: Any, total: object
    ) -> None:
        good = snapshot(recordings.order("018"))
        odd = snapshot(recordings.order("018") | {"total": total})
        assert odd.totals.total == good.totals.total
        assert "total" in odd.problems
        assert (odd.reconciled, good.reconciled) == (False, True)
        assert odd.discrepancies == ["total: the store's own cannot be read; it is the sum of the parts"]


class TestPeople:
    def test_addresses_and_customer(self, recordings: Any, snapshot: Any) -> None:
        order = snapshot(recordings.order("018") | {"customer_note": "Ring &amp; wait"})
        assert order.customer.external_id == "2"
        assert order.customer.email == "jose.nunez@example.test"
        assert order.billing_address.last_name == "Núñez 山田"
        assert (order.billing_address.province_code, order.billing_address.country_code) == ("DE-BY", "DE")
        assert [(note.text, note.author) for note in order.notes] == [("Ring & wait", "customer")]

    def test_guest_without_shipping_address(self, recordings: Any, snapshot: Any) -> None:
        order = snapshot(recordings.order("031"))
        assert order.customer.external_id is None
        assert order.customer.email == "taro@example.test"
        assert order.shipping_address is None

    def test_names_are_decoded(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("018")
        body["line_items"][0]["name"] = "Salt &amp; Pepper &#8211; 2&Prime;"
        assert snapshot(body).lines[0].title == "Salt & Pepper – 2″"


class TestStates:
    @pytest.mark.parametrize(
        ("name", "status", "financial", "fulfilment", "fulfilled"),
        [
            ("018", "pending", "pending", "unfulfilled", 0),
            ("020", "processing", "paid", "unfulfilled", 0),
            ("023", "fulfilled", "paid", "fulfilled", 2),
            ("027", "pending", "pending", "unfulfilled", 0),
            ("038", "cancelled", "voided", "unfulfilled", 0),
            ("041", "refunded", "refunded", "unfulfilled", 0),
            ("045", "processing", "partially_refunded", "unfulfilled", 0),
        ],
    )
    def test_recorded(
        self, recordings: Any, snapshot: Any, name: str, status: str, financial: str, fulfilment: str, fulfilled: int
    ) -> None:
        order = snapshot(recordings.order(name))
        assert (order.status, order.financial_status, order.fulfillment_status) == (status, financial, fulfilment)
        assert order.lines[0].fulfilled_quantity == fulfilled

    def test_trash(self, recordings: Any, snapshot: Any) -> None:
        order = snapshot(json.loads(recordings.rest("08-orders-status-trash"))[0])
        assert (order.status, order.platform_status) == (OrderStatus.CANCELLED, "trash")


class TestShipments:
    def meta(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        shipment = {"id": FULFILLMENT, "lines": lines, "number": "0035", "carrier": "UPS", "at": "2026-11-21T03:50:55"}
        parcel = {"tracking_number": "0035", "tracking_id": UUID(FULFILLMENT).hex, "custom_tracking_provider": "UPS"}
        other = {
            "tracking_number": "77",
            "tracking_id": "abc",
            "tracking_provider": "dhl",
            "date_shipped": "1795233055",
        }
        return [
            {"id": 1, "key": "_longshore_fulfillments", "value": [shipment]},
            {"id": 2, "key": "_wc_shipment_tracking_items", "value": [parcel, other]},
        ]

    def test_ours_and_theirs(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("020") | {"meta_data": self.meta([{"id": "1", "quantity": 1}])}
        order = snapshot(body)
        ours, theirs = order.fulfillments
        assert (ours.id, ours.external_id) == (UUID(FULFILLMENT), UUID(FULFILLMENT).hex)
        assert [(line.line_id, line.quantity) for line in ours.lines] == [(order.lines[0].id, 1)]
        assert (ours.tracking.number, ours.tracking.carrier) == ("0035", "UPS")
        assert (theirs.external_id, theirs.tracking.number, theirs.tracking.carrier) == ("abc", "77", "dhl")
        assert theirs.created_at == datetime(2026, 11, 21, 3, 50, 55, tzinfo=UTC)
        assert (order.status, order.fulfillment_status) == ("partially_fulfilled", "partial")
        assert order.lines[0].fulfilled_quantity == 1

    @pytest.mark.parametrize("value", ["", None, 7, "text", [1, "x"], {"3": {"id": "no uuid"}}, [{"lines": 4}]])
    def test_any_meta(self, recordings: Any, snapshot: Any, value: Any) -> None:
        meta = [
            {"key": "_longshore_fulfillments", "value": value},
            {"key": "_wc_shipment_tracking_items", "value": value},
        ]
        assert snapshot(recordings.order("020") | {"meta_data": meta}).fulfillments == []


class TestStockTaken:
    """What WooCommerce has taken out of its stock for each line, as recorded at a real store."""

    @pytest.mark.parametrize(
        ("delivery", "expected"),
        [
            ("019", [0]),  # pending
            ("020", [2]),  # paid
            ("023", [2]),  # completed
            ("024", [1, 0, 3]),  # one line's product is not counted by the store
            ("035", [0]),  # failed
            ("038", [0]),  # cancelled, never paid
            ("041", [1]),  # refunded by an amount alone: nothing came back
            ("045", [2, 0]),  # one of three came back with a refund
        ],
    )
    def test_recorded(self, recordings: Any, snapshot: Any, delivery: str, expected: list[int]) -> None:
        assert [line.stock_taken for line in snapshot(recordings.order(delivery)).lines] == expected

    def test_what_was_put_back_is_not_known_of_an_order_that_was_paid(self, recordings: Any, snapshot: Any) -> None:
        paid = recordings.order("038") | {"date_paid_gmt": "2026-11-20T21:30:16"}
        assert [line.stock_taken for line in snapshot(paid).lines] == [None]
        trashed = recordings.order("020") | {"status": "trash"}
        assert [line.stock_taken for line in snapshot(trashed).lines] == [2]

    @pytest.mark.parametrize(("value", "expected"), [("", 0), ("2.0", 2), (-1, 0), ("x", 0), ("1e400", 0), (None, 0)])
    def test_any_meta(self, recordings: Any, snapshot: Any, value: Any, expected: int) -> None:
        body = recordings.order("020")
        body["line_items"][0]["meta_data"] = [{"key": "_reduced_stock", "value": value}]
        order = snapshot(body)
        assert [line.stock_taken for line in order.lines] == [expected]


class TestRefunds:
    @pytest.fixture
    def translate(self, recordings: Any, record: Any) -> Any:
        order, refunds = recordings.rest("13-order-refunded-partial"), recordings.rest("14-order-refunds-partial")

        def run(*, fetched: bool, later: int = 0) -> Translation:
            at = datetime(2026, 11, 21, tzinfo=UTC) + timedelta(seconds=later)
            if not fetched:
                return WooTranslator().translate(record(order.encode(), received_at=at))
            body = f'{{"order":{order},"refunds":{refunds}}}'.encode()
            return WooTranslator().translate(record(body, resource="order", external_id="34", received_at=at))

        return run

    def test_a_webhook_names_them_and_asks_for_the_rest(self, translate: Any) -> None:
        translation = translate(fetched=False)
        (order,) = translation.events
        assert translation.fetches == [FetchRequest("order", "34")]
        assert order.totals.refunded.amount == 2379
        (refund,) = order.refunds
        assert (refund.external_id, refund.amount.amount, refund.reason, refund.lines) == ("35", 2379, "1 defekt", [])
        assert order.lines[0].refunded_quantity == 0
        assert order.lines[0].restocked_quantity == 1

    def test_a_fetch_knows_lines_and_what_was_restocked(self, translate: Any) -> None:
        translation = translate(fetched=True)
        (order,) = translation.events
        assert translation.fetches == []
        (refund,) = order.refunds
        assert refund.created_at == datetime(2026, 11, 20, 21, 30, 36, tzinfo=UTC)
        (line,) = refund.lines
        assert (line.line_id, line.quantity, line.amount.amount, line.tax.amount, line.restocked) == (
            order.lines[0].id,
            1,
            1999,
            380,
            True,
        )
        assert order.lines[0].refunded_quantity == 1
        assert order.reconciled

    def test_the_digest_says_who_knows_more(self, translate: Any) -> None:
        webhook, fetched = translate(fetched=False).events[0], translate(fetched=True).events[0]
        repeated = translate(fetched=False, later=60).events[0]
        assert webhook.digest == repeated.digest
        assert fetched.digest.startswith(webhook.digest + "+")
        assert fetched.digest == translate(fetched=True, later=90).events[0].digest

    def test_without_refunds_both_say_the_same(self, recordings: Any, record: Any) -> None:
        body = recordings.order("025")
        fetched = record({"order": body, "refunds": []}, resource="order", external_id="26")
        (a,), (b,) = WooTranslator().translate(record(body)).events, WooTranslator().translate(fetched).events
        assert isinstance(a, OrderSnapshot)
        assert isinstance(b, OrderSnapshot)
        assert a.digest == b.digest

    def test_a_refund_that_the_order_does_not_name_yet(self, recordings: Any, record: Any) -> None:
        order, refunds = recordings.rest("12-order-refunded-full"), recordings.rest("16-refunds-global")
        body = f'{{"order":{order},"refunds":{refunds}}}'.encode()
        (event,) = WooTranslator().translate(record(body, resource="order", external_id="32")).events
        assert isinstance(event, OrderSnapshot)
        assert [refund.external_id for refund in event.refunds] == ["33"]


class TestDigest:
    def test_created_and_updated_are_one(self, recordings: Any, snapshot: Any) -> None:
        assert snapshot(recordings.order("024")).digest == snapshot(recordings.order("025")).digest

    def test_an_echo_is_no_news(self, recordings: Any, snapshot: Any) -> None:
        """A no-op PUT moves date_modified alone."""
        assert snapshot(recordings.order("048")).digest == snapshot(recordings.order("049")).digest

    def test_a_change_is(self, recordings: Any, snapshot: Any) -> None:
        assert len({snapshot(recordings.order(name)).digest for name in ("018", "020", "023")}) == 3


class TestPhp:
    """What PHP makes of types, and plugins of fields: the order arrives, and says what it could not read."""

    def test_everything_as_text(self, recordings: Any, snapshot: Any) -> None:
        def as_text(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: as_text(each) for key, each in value.items()}
            if isinstance(value, list):
                return [as_text(each) for each in value]
            return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

        body = recordings.order("025")
        expected = snapshot(body)
        found = snapshot(as_text(body))
        assert (found.digest, found.problems) == (expected.digest, [])

    def test_amounts_as_numbers(self, recordings: Any, record: Any) -> None:
        body = recordings.delivery("024")[1].replace(b'"total":"222.76"', b'"total":222.76')
        (event,) = WooTranslator().translate(record(body)).events
        assert isinstance(event, OrderSnapshot)
        assert (event.totals.total.amount, event.reconciled) == (22276, True)

    def test_empty_lists_for_objects_and_objects_for_lists(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("025")
        body |= {"shipping": [], "billing": "", "refunds": {}, "meta_data": ""}
        body["line_items"] = {str(n + 2): line for n, line in enumerate(body["line_items"])}
        order = snapshot(body)
        assert order.problems == []
        assert order.reconciled
        assert len(order.lines) == 3

    @pytest.mark.parametrize(
        ("change", "problem"),
        [
            ({"date_modified_gmt": "0000-00-00T00:00:00"}, "date_modified_gmt"),
            ({"billing": 7}, "billing"),
            ({"status": {"a": 1}}, "status"),
            ({"customer_id": "guest"}, "customer_id"),
            ({"shipping_total": "free"}, "shipping_total"),
            ({"refunds": [{"id": None}]}, "refunds[0].id"),
            ({"line_items": [3]}, "line_items[0]"),
        ],
    )
    def test_unreadable_fields_are_named(
        self, recordings: Any, snapshot: Any, change: dict[str, Any], problem: str
    ) -> None:
        assert problem in snapshot(recordings.order("018") | change).problems

    def test_problems_hold_no_content(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("018")
        body["billing"]["email"] = {"secret@example.test": 1}
        assert snapshot(body).problems == ["billing.email"]

    def test_nul_and_half_a_surrogate(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("018")
        body["billing"]["first_name"] = "A\0\ud83dB"
        order = snapshot(body)
        assert order.billing_address.first_name == "AB"
        order.to_json()

    def test_lines_with_one_id(self, recordings: Any, snapshot: Any) -> None:
        body = recordings.order("025")
        for line in body["line_items"]:
            line["id"] = 4
        order = snapshot(body)
        assert len({line.id for line in order.lines}) == 3
        assert order.problems == ["line_items[1].id", "line_items[2].id"]
