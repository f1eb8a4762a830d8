"""Shipments that are there: followed otherwise from now on, or taken back. Both places of the order are changed in one
request: ours, and that of the Shipment Tracking plugin (see fulfillments); WooCommerce's own fulfilment where there is
one."""

from __future__ import annotations

import html
from typing import Any

from longshore.contracts import FulfillmentCancel, FulfillmentTracking, Tracking
from longshore.platforms.protocols import Done, StoreRefused, StoreUnavailable
from longshore_connector_woo.client.fulfillments import meta_list
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.parcels import Parcels
from longshore_connector_woo.client.references import change_order, open_order, reference
from longshore_connector_woo.translate.shipments import FULFILLMENTS_META, TRACKING_META, shipment_key

Entry = dict[str, Any]


async def update(http: StoreHttp, command: FulfillmentTracking, parcels: Parcels) -> Done:
    """Set number, carrier and address; then tell the buyer, if asked, once."""
    order = await open_order(http, command.order_external_id)
    ours, theirs = meta_list(order, FULFILLMENTS_META), meta_list(order, TRACKING_META)
    shipment, parcel = _ours(ours, command), _theirs(theirs, command)
    if shipment is None and parcel is None:
        raise _unknown()
    wanted = command.tracking
    changed = False
    if shipment is not None:
        changed |= _set(shipment, number=wanted.number, carrier=wanted.carrier, url=wanted.url)
    if parcel is not None:
        changed |= _set(
            parcel,
            tracking_number=wanted.number,
            custom_tracking_provider=wanted.carrier,
            custom_tracking_link=wanted.url,
            tracking_provider=None,
        )
    elif wanted.number:
        theirs.append(_parcel(command))
        changed = True
    if changed:
        await _write(http, command.order_external_id, ours, theirs, {})
    told = await parcels.update(command)
    if command.notify_customer and not told:
        await _tell(http, command)
    return Done(command.fulfillment_external_id, existed=not changed)


async def cancel(http: StoreHttp, command: FulfillmentCancel, parcels: Parcels) -> Done:
    """Take a shipment away; an order that was shipped whole is to be shipped again."""
    order = await open_order(http, command.order_external_id)
    ours, theirs = meta_list(order, FULFILLMENTS_META), meta_list(order, TRACKING_META)
    shipment, parcel = _ours(ours, command), _theirs(theirs, command)
    if shipment is None and parcel is None:
        return Done(command.fulfillment_external_id, existed=True)
    # First: a later try would not look any more when the order's meta is without it.
    await parcels.remove(command)
    change = {"status": "processing"} if order.get("status") == "completed" else {}
    await _write(
        http,
        command.order_external_id,
        [each for each in ours if each is not shipment],
        [each for each in theirs if each is not parcel],
        change,
    )
    return Done(command.fulfillment_external_id)


def tracking_text(tracking: Tracking, name: str) -> str:
    """What the buyer reads of a changed parcel."""
    lines = ["Your shipment is followed otherwise now."]
    if tracking.number:
        lines.append(f"Tracking number: {tracking.number}")
    if tracking.carrier:
        lines.append(f"Carrier: {tracking.carrier}")
    if tracking.url:
        lines.append(tracking.url)
    return "\n".join([*lines, f"Shipment {name}"])


async def _tell(http: StoreHttp, command: FulfillmentTracking) -> None:
    path = f"/orders/{command.order_external_id}/notes"
    name = reference(command.fulfillment_id)
    text = tracking_text(command.tracking, name)
    # The buyer may have been told of it as it was before, under the same name: all lines must be there.
    for each in (await http.get(path, {"type": "customer"})).objects():
        # The store keeps `&` as `&amp;` (measured).
        note = html.unescape(str(each.get("note")))
        if all(line in note for line in text.splitlines()):
            return
    written = (await http.post(path, {"note": text, "customer_note": True})).object()
    if name not in str(written.get("note")):
        raise StoreUnavailable("not-written", "The store answered as if it had taken the note, and has not.")


async def _write(
    http: StoreHttp, order_id: str, ours: list[Entry], theirs: list[Entry], change: dict[str, Any]
) -> None:
    meta = [{"key": FULFILLMENTS_META, "value": ours}, {"key": TRACKING_META, "value": theirs}]
    written = await change_order(http, order_id, {"meta_data": meta, **change})
    if meta_list(written, FULFILLMENTS_META) != ours or meta_list(written, TRACKING_META) != theirs:
        raise StoreUnavailable("not-written", "The store answered as if it had taken the shipment, and has not.")


def _ours(entries: list[Entry], command: FulfillmentTracking | FulfillmentCancel) -> Entry | None:
    return next((each for each in entries if str(each.get("id")) == str(command.fulfillment_id)), None)


def _theirs(entries: list[Entry], command: FulfillmentTracking | FulfillmentCancel) -> Entry | None:
    names = {shipment_key(command.fulfillment_id), command.fulfillment_external_id}
    found = next((each for each in entries if each.get("tracking_id") in names), None)
    if found is not None:
        return found
    # One without an id is known by its number, as it is read (see translate.shipments).
    return next(
        (each for each in entries if not each.get("tracking_id") and each.get("tracking_number") in names), None
    )


def _set(entry: Entry, **values: str | None) -> bool:
    new = {key: value or "" for key, value in values.items() if key in entry or value}
    changed = any(entry.get(key) != value for key, value in new.items())
    entry.update(new)
    return changed


def _parcel(command: FulfillmentTracking) -> Entry:
    return {
        "tracking_provider": "",
        "custom_tracking_provider": command.tracking.carrier or "",
        "custom_tracking_link": command.tracking.url or "",
        "tracking_number": command.tracking.number or "",
        "tracking_product_code": "",
        "tracking_id": shipment_key(command.fulfillment_id),
    }


def _unknown() -> StoreRefused:
    return StoreRefused("not-found", "The order has no such shipment at the store.")
