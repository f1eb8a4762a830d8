"""Telling the store of a shipment, once.

WooCommerce has no idempotency key, and most stores no field for it. What was shipped is written to the order's meta,
together with the status in one request: ours (`_longshore_fulfillments`, which a later try looks for) and that of the
Shipment Tracking plugin (`_wc_shipment_tracking_items`, which its screens and mails show). A store that has the
fulfilments of WooCommerce itself gets one of them, and mails the buyer (see parcels). Of others the buyer learns by a
customer note, which a later try finds by the shipment's reference in its text.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from longshore.contracts import FulfillmentCreate, Tracking
from longshore.platforms.protocols import FulfillmentResult, StoreRefused, StoreUnavailable
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.parcels import Parcels
from longshore_connector_woo.client.references import CLOSED, meta_of, reference
from longshore_connector_woo.translate.shipments import FULFILLMENTS_META, TRACKING_META, shipment_key


async def create(
    http: StoreHttp,
    command: FulfillmentCreate,
    parcels: Parcels,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FulfillmentResult:
    """Write what is not there yet of the shipment, its status and its note. One at a time per order, see WooClient."""
    path = f"/orders/{command.order_external_id}"
    order = (await http.get(path)).entity(command.order_external_id)
    status = str(order.get("status", ""))
    shipped = meta_list(order, FULFILLMENTS_META)
    existed = any(str(each.get("id")) == str(command.fulfillment_id) for each in shipped)
    if not existed and status in CLOSED:
        raise StoreRefused("order-closed", f"The order is {CLOSED[status]} at the store: it cannot be shipped.")
    change: dict[str, Any] = {}
    if not existed:
        change["meta_data"] = _meta(command, shipped, meta_list(order, TRACKING_META), now())
    if command.completes_order and status != "completed" and status not in CLOSED:
        change["status"] = "completed"
    if change:
        written = (await http.post(path, change)).entity(command.order_external_id)
        if not any(
            str(each.get("id")) == str(command.fulfillment_id) for each in meta_list(written, FULFILLMENTS_META)
        ):
            raise StoreUnavailable("not-written", "The store answered as if it had taken the shipment, and has not.")
    told = await parcels.create(command)
    if command.notify_customer and not told and not (existed and await _is_noted(http, command)):
        note = await http.post(f"{path}/notes", {"note": note_text(command), "customer_note": True})
        if reference(command.fulfillment_id) not in str(note.object().get("note")):
            raise StoreUnavailable("not-written", "The store answered as if it had taken the note, and has not.")
    return FulfillmentResult(shipment_key(command.fulfillment_id), existed)


def note_text(command: FulfillmentCreate) -> str:
    """What the buyer reads. WooCommerce mails it as it is, and keeps its line breaks."""
    tracking = command.tracking or Tracking()
    what = "Your order has been shipped" if command.completes_order else "A part of your order has been shipped"
    sentence = f"{what} with {tracking.carrier}." if tracking.carrier else f"{what}."
    lines = [sentence]
    if tracking.number:
        lines.append(f"Tracking number: {tracking.number}")
    if tracking.url:
        lines.append(tracking.url)
    lines.append(f"Shipment {reference(command.fulfillment_id)}")
    return "\n".join(lines)


async def _is_noted(http: StoreHttp, command: FulfillmentCreate) -> bool:
    notes = await http.get(f"/orders/{command.order_external_id}/notes", {"type": "customer"})
    return any(reference(command.fulfillment_id) in str(note.get("note")) for note in notes.objects())


def _meta(
    command: FulfillmentCreate, shipped: list[dict[str, Any]], parcels: list[dict[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    tracking = command.tracking or Tracking()
    shipment = {
        "id": str(command.fulfillment_id),
        "lines": [{"id": line.external_id, "quantity": line.quantity} for line in command.lines],
        "number": tracking.number or "",
        "carrier": tracking.carrier or "",
        "url": tracking.url or "",
        "at": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    meta = [{"key": FULFILLMENTS_META, "value": [*shipped, shipment]}]
    # Somebody may have typed the same number at the store already.
    known = any(str(each.get("tracking_number")) == tracking.number for each in parcels)
    if tracking.number and not known:
        parcel = {
            "tracking_provider": "",
            "custom_tracking_provider": tracking.carrier or "",
            "custom_tracking_link": tracking.url or "",
            "tracking_number": tracking.number,
            "tracking_product_code": "",
            "date_shipped": str(int(now.timestamp())),
            "tracking_id": shipment_key(command.fulfillment_id),
        }
        meta.append({"key": TRACKING_META, "value": [*parcels, parcel]})
    return meta


def meta_list(order: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A meta value that is a list of objects; PHP sends one with gaps as an object."""
    value = meta_of(order).get(key)
    if isinstance(value, dict):
        value = list(value.values())
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
