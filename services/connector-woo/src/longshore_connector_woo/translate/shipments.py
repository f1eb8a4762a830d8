"""Shipments on a WooCommerce order: the core has no field for them, so they are order meta.

Ours (`_longshore_fulfillments`) names the lines; the Shipment Tracking plugin's (`_wc_shipment_tracking_items`) names
the parcel alone. A shipment that we push is written to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from longshore import ids
from longshore_connector_woo.translate.reading import Fields

FULFILLMENTS_META = "_longshore_fulfillments"
TRACKING_META = "_wc_shipment_tracking_items"


def shipment_key(fulfillment_id: UUID) -> str:
    """The store's id of a shipment of ours: its `tracking_id` in the plugin's meta, 32 hex digits like theirs."""
    return fulfillment_id.hex


def fulfillments(order: Fields, order_id: ids.OrderId, line_ids: Mapping[str, UUID]) -> list[dict[str, Any]]:
    """The order's shipments, in the shape of the contract's Fulfillment."""
    ours: list[dict[str, Any]] = []
    for each in _entries(order, FULFILLMENTS_META):
        try:
            fulfillment_id = UUID(each.text("id") or "")
        except ValueError:
            each.unreadable("id")
            continue
        ours.append(_ours(each, fulfillment_id, line_ids))
    known = {shipment["external_id"] for shipment in ours}
    theirs = [
        _theirs(each, order_id, key)
        for each in _entries(order, TRACKING_META)
        if (key := each.text("tracking_id") or each.text("tracking_number")) and key not in known
    ]
    return ours + theirs


def _entries(order: Fields, key: str) -> list[Fields]:
    value = order.meta(key)
    if type(value) is dict:
        value = list(value.values())
    if type(value) is not list:
        return []
    path = f"meta_data.{key}"
    return [Fields(each, order.problems, order, path, n) for n, each in enumerate(value) if type(each) is dict]


def _ours(each: Fields, fulfillment_id: UUID, line_ids: Mapping[str, UUID]) -> dict[str, Any]:
    lines = []
    for line in each.objects("lines"):
        line_id = line_ids.get(line.text("id") or "")
        pieces = line.pieces("quantity")
        if line_id is not None and pieces is not None and pieces > 0:
            lines.append({"line_id": line_id, "quantity": pieces})
    return {
        "id": fulfillment_id,
        "external_id": shipment_key(fulfillment_id),
        "status": "success",
        "lines": lines,
        "tracking": _tracking(each.text("number"), each.name("carrier"), each.text("url")),
        "created_at": each.moment("at"),
    }


def _theirs(each: Fields, order_id: ids.OrderId, key: str) -> dict[str, Any]:
    carrier = each.name("custom_tracking_provider") or each.name("tracking_provider")
    return {
        "id": ids.part_id(order_id, "fulfillment", key),
        "external_id": key,
        "status": "success",
        "lines": [],
        "tracking": _tracking(each.text("tracking_number"), carrier, each.text("custom_tracking_link")),
        "created_at": _unix(each),
    }


def _tracking(number: str | None, carrier: str | None, url: str | None) -> dict[str, Any] | None:
    if number is None and carrier is None and url is None:
        return None
    return {"number": number, "carrier": carrier, "url": url}


def _unix(each: Fields) -> datetime | None:
    """`date_shipped`: Unix seconds, as text or as a number."""
    seconds = each.pieces("date_shipped")
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and seconds > 0 else None
