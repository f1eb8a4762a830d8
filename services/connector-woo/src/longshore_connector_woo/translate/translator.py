"""Raw records of a WooCommerce store as normalized events: which topic and which body means what."""

from __future__ import annotations

import html
from typing import Any

from longshore.contracts import Origin
from longshore.platforms.events import order_deleted, product_deleted
from longshore.platforms.protocols import FetchRequest, RawRecord, Translation, Untranslatable
from longshore_connector_woo.translate.orders import order_snapshot
from longshore_connector_woo.translate.products import customer_snapshot, product_events
from longshore_connector_woo.translate.reading import Fields, parse_json

# Topics whose body is the whole entity, whatever the topic's word: a new order sends two with the same bytes.
SNAPSHOT_TOPICS = frozenset(
    f"{resource}.{event}"
    for resource in ("order", "product", "customer")
    for event in ("created", "updated", "restored", "published")
)

Json = dict[str, Any]


class WooTranslator:
    """The pure half of the connector."""

    def translate(self, record: RawRecord) -> Translation:
        """See Translator. Webhooks by their topic, what we fetched by its resource."""
        if record.origin is Origin.FETCH:
            return _fetched(record)
        resource, _, event = record.topic_name.partition(".")
        if resource not in ("order", "product", "customer"):
            return Translation(ignored=f"topic {record.topic_name!r} is not followed")
        if record.body.startswith(b"webhook_id="):
            return Translation(ignored="a ping")
        body = parse_json(record.body)
        if not isinstance(body, dict):
            raise Untranslatable("the body is not an object")
        error = _store_error(body)
        if error is not None:
            return Translation(ignored=f"the store could not show the {resource}: {error}")
        if body.get("id") in (0, "0"):
            return Translation(ignored=f"the store shows {resource} 0, which is none")
        if event == "deleted":
            return _deleted(record, resource, body)
        if resource == "order":
            return _order(record, body, None)
        if resource == "product":
            return Translation(events=list(product_events(record, body, None)))
        return Translation(events=[customer_snapshot(record, body)])


def _store_error(body: Json) -> str | None:
    """WooCommerce signs and delivers a REST error when the resource is gone or the webhook's owner lost rights
    (PLATFORMS.md: measured)."""
    if "id" in body or not isinstance(body.get("code"), str) or "data" not in body:
        return None
    data = body["data"]
    status = data.get("status") if isinstance(data, dict) else data
    return f"{body['code'][:80]} ({status if isinstance(status, int) else 'no status'})"


def _deleted(record: RawRecord, resource: str, body: Json) -> Translation:
    """The body is `{"id": N}` and nothing more. An order in the trash is asked for: it can still be read."""
    external_id = Fields(body, []).external_id("id")
    if external_id is None:
        raise Untranslatable(f"{resource}.deleted without an id")
    if resource == "order":
        return Translation(events=[order_deleted(record, external_id)], fetches=[FetchRequest("order", external_id)])
    if resource == "product":
        return Translation(events=[product_deleted(record, external_id)])
    return Translation(ignored="a deleted customer keeps the orders; there is nothing to change")


def _fetched(record: RawRecord) -> Translation:
    external_id = record.external_id
    if record.resource is None or external_id is None:
        raise Untranslatable("a fetched record names a resource and an id")
    if record.gone:
        if record.resource == "order":
            return Translation(events=[order_deleted(record, external_id)])
        if record.resource in ("product", "stock"):
            return Translation(events=[product_deleted(record, external_id)])
        return Translation(ignored="a customer that is gone keeps the orders; there is nothing to change")
    body = parse_json(record.body)
    if not isinstance(body, dict):
        raise Untranslatable("the body is not an object")
    if record.resource == "order":
        order, refunds = body.get("order", body), body.get("refunds") if "order" in body else None
        if not isinstance(order, dict):
            raise Untranslatable("order: not an object")
        return _order(record, order, refunds if isinstance(refunds, list) else [])
    if record.resource == "customer":
        return Translation(events=[customer_snapshot(record, body)])
    variation, parent = body.get("variation"), body.get("parent_name")
    if isinstance(variation, dict):
        name = html.unescape(parent) if isinstance(parent, str) else None
        return Translation(events=list(product_events(record, variation, name)))
    return Translation(events=list(product_events(record, body, None)))


def _order(record: RawRecord, body: Json, refunds: list[Any] | None) -> Translation:
    """`refunds`: None for a webhook. It names refunds without their lines: those are asked for."""
    snapshot, written = order_snapshot(record, body, refunds or [])
    fetches = [FetchRequest("order", snapshot.external_id)] if refunds is None and snapshot.refunds else []
    return Translation(events=[snapshot], fetches=fetches, bodies=[written])
