"""Which topic and which body means what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longshore.contracts import CustomerSnapshot, OrderDeleted, ProductDeleted, ProductSnapshot, StockLevel
from longshore.platforms.protocols import FetchRequest, Untranslatable
from longshore_connector_woo.translate import SNAPSHOT_TOPICS, WooTranslator

translate = WooTranslator().translate


class TestDeleted:
    def test_order(self, recordings: Any, record: Any) -> None:
        topic, body = recordings.delivery("050-order.deleted")
        raw = record(body, topic)
        translation = translate(raw)
        (event,) = translation.events
        assert isinstance(event, OrderDeleted)
        assert (event.external_id, event.observed_at, event.raw) == ("36", raw.received_at, raw.ref)
        assert translation.fetches == [FetchRequest("order", "36")]

    def test_product(self, recordings: Any, record: Any) -> None:
        topic, body = recordings.delivery("060-product.deleted")
        (event,) = translate(record(body, topic)).events
        assert isinstance(event, ProductDeleted)
        assert event.external_id == "38"

    def test_a_restored_order_is_a_snapshot(self, recordings: Any, record: Any) -> None:
        topic, body = recordings.delivery("052-order.restored")
        assert translate(record(body, topic)).events[0].external_id == "36"


class TestIgnored:
    @pytest.mark.parametrize("topic", ["coupon.created", "action.wc_anything", "", "webhook", "order_note.created"])
    def test_topics(self, record: Any, topic: str) -> None:
        assert "not followed" in (translate(record({"id": 1}, topic)).ignored or "")

    def test_ping(self, record: Any) -> None:
        assert translate(record(b"webhook_id=5", "order.created")).ignored == "a ping"

    @pytest.mark.parametrize(
        "body",
        [
            {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}},
            {"code": "woocommerce_rest_cannot_view", "message": "Sorry", "data": {"status": 401}},
            {"code": "x", "message": "", "data": 500},
        ],
    )
    def test_a_signed_error(self, record: Any, body: dict[str, Any]) -> None:
        translation = translate(record(body, "order.updated"))
        assert (translation.events, translation.fetches) == ([], [])
        assert body["code"] in (translation.ignored or "")

    @pytest.mark.parametrize("id", [0, "0"])
    @pytest.mark.parametrize("topic", ["order.updated", "order.deleted", "product.deleted", "customer.updated"])
    def test_entity_0(self, record: Any, topic: str, id: Any) -> None:
        translation = translate(record({"id": id, "currency": "EUR", "total": "5.00"}, topic))
        assert (translation.events, translation.fetches) == ([], [])
        assert " 0, which is none" in (translation.ignored or "")


class TestFetched:
    def test_gone(self, record: Any) -> None:
        (order,) = translate(record(b"{}", resource="order", external_id="9", gone=True)).events
        assert isinstance(order, OrderDeleted)
        (product,) = translate(record(b"{}", resource="product", external_id="9", gone=True)).events
        assert isinstance(product, ProductDeleted)
        assert translate(record(b"{}", resource="customer", external_id="9", gone=True)).ignored

    def test_customer(self, recordings: Any, record: Any) -> None:
        body = recordings.rest("25-customer").encode()
        (event,) = translate(record(body, resource="customer", external_id="2")).events
        assert isinstance(event, CustomerSnapshot)
        assert (event.external_id, event.email, event.first_name) == ("2", "jose.nunez@example.test", "Joseph")

    def test_a_variation_is_the_same_from_its_products_list(self, recordings: Any, record: Any) -> None:
        listed = next(each for each in json.loads(recordings.rest("21-product-variations")) if each["id"] == 21)
        composed = {"parent_name": "Hoodie", "variation": listed}
        own = recordings.rest("22-product-variation-via-products").encode()
        a = translate(record(composed, resource="product", external_id="21")).events
        b = translate(record(own, resource="product", external_id="21")).events
        assert isinstance(a[0], ProductSnapshot)
        assert isinstance(a[1], StockLevel)
        assert isinstance(b[0], ProductSnapshot)
        assert isinstance(b[1], StockLevel)
        assert (a[0].digest, a[1].digest) == (b[0].digest, b[1].digest)
        assert (a[0].title, a[0].parent_external_id, a[0].variants[0].title) == ("Hoodie", "20", "S, Blau")


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"id":' + b"[" * 100_000])
def test_no_json(record: Any, body: bytes) -> None:
    with pytest.raises(Untranslatable):
        translate(record(body, "order.updated"))


def test_the_topics_with_whole_bodies(recordings: Any) -> None:
    assert "order.deleted" not in SNAPSHOT_TOPICS
    recorded = {recordings.delivery(name)[0] for name in recordings.delivery_names()}
    assert {topic for topic in recorded if topic.split(".")[0] in ("order", "product")} - SNAPSHOT_TOPICS == {
        "order.deleted",
        "product.deleted",
    }
