"""From a raw record to normalized events: which of Shopify's topics means what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from longshore.contracts import Origin
from longshore.platforms.events import customer_deleted, order_deleted, product_deleted
from longshore.platforms.protocols import FetchRequest, NormalizedEvent, RawRecord, Translation, Untranslatable
from longshore_connector_shopify.references import OF_RETURN
from longshore_connector_shopify.translate.answers import answers
from longshore_connector_shopify.translate.fetched import (
    customer_in_webhook_shape,
    levels_of,
    product_in_webhook_shape,
)
from longshore_connector_shopify.translate.fetched_orders import order_in_webhook_shape
from longshore_connector_shopify.translate.orders import build_order, needs_fetch
from longshore_connector_shopify.translate.people import build_customer
from longshore_connector_shopify.translate.products import build_level, build_product, is_cut
from longshore_connector_shopify.translate.reading import Json, Notes, as_id, parse_json

ORDER_TOPICS = frozenset(
    {
        "orders/create",
        "orders/updated",
        "orders/paid",
        "orders/cancelled",
        "orders/fulfilled",
        "orders/partially_fulfilled",
    }
)
PRODUCT_TOPICS = frozenset({"products/create", "products/update"})
LEVEL_TOPICS = frozenset({"inventory_levels/update", "inventory_levels/connect"})
CUSTOMER_TOPICS = frozenset({"customers/create", "customers/update", "customers/enable", "customers/disable"})
# They hold a part of an order and name it: the order is fetched.
PART_TOPICS = frozenset(
    {
        "orders/edited",
        "refunds/create",
        "fulfillments/create",
        "fulfillments/update",
        "order_transactions/create",
        *(f"returns/{what}" for what in "approve cancel close decline process reopen request update".split()),
    }
)
# They name an inventory item, not where it lies: all its levels are fetched.
ITEM_TOPICS = frozenset({"inventory_items/create", "inventory_items/update"})
# What we may do in the shop may have changed.
CHECK_TOPICS = frozenset({"app/uninstalled", "app/scopes_update", "shop/update"})
# What lies at a location can be sold from then on, or no more; which items these are, they do not say.
LOCATION_TOPICS = frozenset({"locations/activate", "locations/deactivate", "locations/delete"})
# Known, and nothing to follow; why.
OTHERS = {
    "inventory_items/delete": "its product tells",
    "locations/create": "nothing lies there yet: a level tells of its location",
    "locations/update": "what lies there is what lay there",
    "customers/data_request": "the gateway takes privacy requests",
    "customers/redact": "the gateway takes privacy requests",
    "shop/redact": "the gateway takes privacy requests",
}

# Bodies that are the whole entity: of two with the same bytes one is enough, whatever the topic.
SNAPSHOT_TOPICS = ORDER_TOPICS | PRODUCT_TOPICS | CUSTOMER_TOPICS


class ShopifyTranslator:
    """Translates webhooks (REST shapes) and what our own store client fetched (GraphQL answers)."""

    def translate(self, record: RawRecord) -> Translation:
        """Raises Untranslatable for a record that no version of this code could read."""
        body = parse_json(record.body)
        return _fetched(record, body) if record.origin is Origin.FETCH else _delivered(record, body)


def _delivered(record: RawRecord, body: Any) -> Translation:
    topic = record.topic_name
    if not isinstance(body, dict):
        raise Untranslatable("the body is not an object")
    if topic in ORDER_TOPICS:
        snapshot, written = build_order(body, record)
        again = [FetchRequest("order", snapshot.external_id)] if needs_fetch(snapshot) else []
        return Translation([snapshot], again, bodies=[written])
    if topic in PRODUCT_TOPICS:
        if is_cut(body):
            return Translation(fetches=[FetchRequest("product", _id(body))])
        return Translation([build_product(body, record)])
    if topic in LEVEL_TOPICS:
        return _level(record, body)
    if topic in PART_TOPICS:
        return Translation(fetches=[FetchRequest("order", _order_of(topic, body))])
    if topic == "orders/delete":
        return Translation([order_deleted(record, _id(body))])
    if topic == "products/delete":
        return Translation([product_deleted(record, _id(body))])
    if topic in CUSTOMER_TOPICS:
        return Translation([build_customer(body, record)])
    if topic == "customers/delete":
        return Translation([customer_deleted(record, _id(body))])
    if topic == "customers/merge":
        return _merged(record, body)
    if topic in LOCATION_TOPICS:
        return Translation(ignored="all stock is read anew", reread="inventory")
    if topic == "inventory_levels/disconnect":
        return _disconnected(record, body)
    if topic in ITEM_TOPICS:
        return Translation(fetches=[FetchRequest("stock", _id(body))])
    if topic in CHECK_TOPICS:
        return Translation(ignored="what we may do in the shop is looked at", check=True)
    if topic in OTHERS:
        return Translation(ignored=OTHERS[topic])
    return Translation(ignored=f"{topic or 'a record without a topic'} is not followed")


def _fetched(record: RawRecord, body: Any) -> Translation:
    if record.gone:
        return _gone(record)
    pages = answers(body)
    if record.resource == "order":
        order, written = build_order(order_in_webhook_shape(pages), record)
        return Translation([order], bodies=[written])
    build = _BUILDERS.get(record.resource or "")
    if build is None:
        raise Untranslatable("a fetched record without a resource")
    events = build(record, pages)
    return Translation(events, ignored=None if events else f"the {record.resource} has nothing to follow")


def _gone(record: RawRecord) -> Translation:
    external_id = record.external_id
    if external_id is None:
        raise Untranslatable("a record of something gone without its id")
    if record.resource == "order":
        return Translation([order_deleted(record, external_id)])
    if record.resource == "product":
        return Translation([product_deleted(record, external_id)])
    if record.resource == "customer":
        return Translation([customer_deleted(record, external_id)])
    return Translation(ignored=f"the {record.resource} is gone")


def _levels(record: RawRecord, pages: list[Json]) -> list[NormalizedEvent]:
    notes = Notes()
    return [
        build_level(item, location, quantity, level, record, notes)
        for item, location, quantity, level in levels_of(pages)
    ]


_BUILDERS: dict[str, Callable[[RawRecord, list[Json]], list[NormalizedEvent]]] = {
    "product": lambda record, pages: [build_product(product_in_webhook_shape(pages), record)],
    "customer": lambda record, pages: [build_customer(customer_in_webhook_shape(pages), record)],
    "stock": _levels,
}


def _level(record: RawRecord, body: Json) -> Translation:
    notes = Notes()
    item, location = _place(body, notes)
    if body.get("available") is None:
        return Translation(ignored="the item is not stocked there")
    quantity = notes.pieces(body, "available")
    if quantity is None:
        raise Untranslatable("available is unreadable")
    return Translation([build_level(item, location, quantity, body, record, notes)])


def _disconnected(record: RawRecord, body: Json) -> Translation:
    """The item is not stocked there any more: nothing of it can be sold from there."""
    notes = Notes()
    item, location = _place(body, notes)
    return Translation([build_level(item, location, None, {}, record, notes)])


def _merged(record: RawRecord, body: Json) -> Translation:
    """Two customers became one: the other is gone."""
    kept, gone = (as_id(body.get(f"admin_graphql_api_customer_{which}_id")) for which in ("kept", "deleted"))
    if kept is None or gone is None:
        raise Untranslatable("admin_graphql_api_customer_kept_id or ..._deleted_id is missing or unreadable")
    return Translation([customer_deleted(record, gone)], [FetchRequest("customer", kept)])


def _place(body: Json, notes: Notes) -> tuple[str, str]:
    item, location = notes.external_id(body, "inventory_item_id"), notes.external_id(body, "location_id")
    if item is None or location is None:
        raise Untranslatable("inventory_item_id or location_id is missing or unreadable")
    return item, location


def _order_of(topic: str, body: Json) -> str:
    if topic == "orders/edited":
        edit = body.get("order_edit")
        body = edit if isinstance(edit, dict) else body
    found = as_id(body.get("order_id"))
    if found is None and isinstance(order := body.get("order"), dict):
        # A return names its order so.
        found = as_id(order.get("id")) or as_id(order.get("admin_graphql_api_id"))
    if found is None and topic.startswith("returns/"):
        # `returns/update` names the return alone.
        number = as_id(body.get("admin_graphql_api_id")) or as_id(body.get("id"))
        found = None if number is None else OF_RETURN + number
    if found is None:
        raise Untranslatable("order_id is missing or unreadable")
    return found


def _id(body: Json) -> str:
    found = as_id(body.get("id"))
    if found is None:
        raise Untranslatable("id is missing or unreadable")
    return found
