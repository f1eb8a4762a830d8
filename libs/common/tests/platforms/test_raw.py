"""What a connector reads is what the gateway or a fetch wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from longshore.broker import Message, Record
from longshore.contracts import Origin, Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import FetchedEntity
from longshore.platforms.raw import (
    RESOURCE_HEADER,
    delivery_headers,
    fetched_message,
    read_raw,
    store_headers,
    stream_key,
)

ORG = OrgId(uuid4())
STORE = IntegrationId(uuid4())
NOW = datetime(2026, 11, 20, 21, 30, 25, 123456, tzinfo=UTC)


def delivered() -> Message:
    headers = delivery_headers(
        store_headers(Platform.WOOCOMMERCE, ORG, STORE, Origin.WEBHOOK),
        topic_name="order.updated",
        received_at=NOW,
        delivery_id="1/abc",
        platform_headers={"x-wc-webhook-id": "1"},
    )
    return Message("raw.woocommerce", stream_key(STORE, "29"), b'{"id":29}', headers)


def as_record(message: Message) -> Record:
    return Record(message.topic, 3, 12, 0, message.key, message.value, message.headers)


def test_a_delivery() -> None:
    raw = read_raw(as_record(delivered()), Platform.WOOCOMMERCE)
    assert (raw.org_id, raw.integration_id, raw.received_at) == (ORG, STORE, NOW)
    assert (raw.origin, raw.topic_name, raw.resource, raw.gone) == (Origin.WEBHOOK, "order.updated", None, False)
    assert (raw.ref.topic, raw.ref.partition, raw.ref.offset) == ("raw.woocommerce", 3, 12)
    assert raw.headers["x-wc-webhook-id"] == "1"
    assert raw.body == b'{"id":29}'


@pytest.mark.parametrize("gone", [True, False])
def test_a_fetched_entity(gone: bool) -> None:
    entity = FetchedEntity("order", "29", b"{}", gone=gone)
    message = fetched_message(Platform.SHOPIFY, ORG, STORE, entity, NOW, "f-1")
    assert (message.topic, message.key) == ("raw.shopify", f"{STORE}:29")
    raw = read_raw(as_record(message), Platform.SHOPIFY)
    assert (raw.origin, raw.resource, raw.external_id, raw.gone) == (Origin.FETCH, "order", "29", gone)
    assert raw.ref.origin is Origin.FETCH


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("longshore-org-id", None),
        ("longshore-integration-id", "x"),
        ("longshore-origin", "guess"),
        ("ce_time", "yesterday"),
        (RESOURCE_HEADER, "planet"),
    ],
)
def test_headers_that_are_not_ours_are_poison(header: str, value: str | None) -> None:
    message = delivered()
    headers = {name: each for name, each in message.headers.items() if name != header}
    if value is not None:
        headers[header] = value
    with pytest.raises((KeyError, ValueError)):
        read_raw(as_record(Message(message.topic, message.key, message.value, headers)), Platform.WOOCOMMERCE)
