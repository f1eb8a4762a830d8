"""WooCommerce's own fulfilments (since 10.1, off unless somebody has turned the feature on): shown in the store's
screens and to buyers, with a mail of their own. The order's meta stays what we go by (see fulfillments): webhooks
bring it, and it is there in every store.

Ours are known again by a meta of their own. Read in WooCommerce 11.0.1: an update removes every meta that it does not
name; an order that does not exist is told from a store without the feature.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

from longshore.contracts import FulfillmentCancel, FulfillmentCreate, FulfillmentTracking, Tracking
from longshore.platforms.protocols import StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_woo.client.answers import NO_REST_API
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.references import meta_of

PARCEL_META = "_longshore_fulfillment"
# A store that has not the feature may get it.
LOOK_AGAIN_S = 3600.0

_NUMBER, _URL = "_tracking_number", "_tracking_url"
_PROVIDER, _NAME = "_shipment_provider", "_provider_name"

Entry = dict[str, Any]


class Parcels:
    """The fulfilments of one store's orders, as far as it has them."""

    def __init__(self, http: StoreHttp, clock: Callable[[], float] = monotonic) -> None:
        self._http = http
        self._clock = clock
        self._lacks_until = float("-inf")

    async def are_there(self) -> bool:
        """Whether the store has the feature. Raises StoreError."""
        try:
            return await self._ask("0") is not None
        except StoreUnauthorized:
            return False
        except StoreRefused:
            # There is no order 0, but somebody who knows that.
            return True

    async def create(self, command: FulfillmentCreate) -> bool:
        """Write a shipment unless it is there; whether the store takes such, and has told the buyer if that is wanted.
        Raises StoreError."""
        there = await self._listed(command.order_external_id)
        if there is None:
            return False
        if _ours(there, command.fulfillment_id) is not None:
            return True
        items = [
            {"item_id": int(line.external_id), "qty": line.quantity}
            for line in command.lines
            if line.external_id.isdigit()
        ]
        meta = {"_items": items, PARCEL_META: str(command.fulfillment_id)} | _tracking(command.tracking)
        body = {
            "status": "fulfilled",
            "is_fulfilled": True,
            "meta_data": _as_list(meta),
            "notify_customer": command.notify_customer,
        }
        try:
            made = (await self._http.post(_path(command.order_external_id), body)).object()
        except StoreRefused:
            # A plugin that has other rules, pieces that are in another fulfilment: the order's meta has it.
            return False
        if _ours([made], command.fulfillment_id) is None:
            raise StoreUnavailable("not-written", "The store answered as if it had taken the fulfilment, and has not.")
        return True

    async def update(self, command: FulfillmentTracking) -> bool:
        """Set how a shipment of ours is followed; whether the store has it, and tells the buyer if that is wanted.
        Raises StoreError."""
        found = _ours(await self._listed(command.order_external_id) or [], command.fulfillment_id)
        if found is None:
            return False
        meta = meta_of(found)
        wanted = {key: value for key, value in meta.items() if key not in (_NUMBER, _URL, _PROVIDER, _NAME)}
        wanted |= _tracking(command.tracking)
        if wanted != meta:
            body = {"meta_data": _as_list(wanted), "notify_customer": command.notify_customer}
            await self._http.post(f"{_path(command.order_external_id)}/{found['id']}", body)
        return True

    async def remove(self, command: FulfillmentCancel) -> None:
        """Take a shipment of ours away, if it is there. Raises StoreError."""
        found = _ours(await self._listed(command.order_external_id) or [], command.fulfillment_id)
        if found is not None:
            await self._http.delete(f"{_path(command.order_external_id)}/{found['id']}")

    async def _listed(self, order_id: str) -> list[Entry] | None:
        """Those of an order; None where the store has none of any."""
        if self._clock() < self._lacks_until:
            return None
        try:
            return await self._ask(order_id)
        except StoreRefused:
            # Not to our key, or a plugin's rule: the order's meta is written already, and has to do.
            return None

    async def _ask(self, order_id: str) -> list[Entry] | None:
        try:
            return (await self._http.get(_path(order_id))).objects()
        except StoreUnavailable as error:
            if error.code != NO_REST_API:
                raise
            self._lacks_until = self._clock() + LOOK_AGAIN_S
            return None


def _path(order_id: str) -> str:
    return f"/orders/{order_id}/fulfillments"


def _ours(listed: list[Entry], id: UUID) -> Entry | None:
    return next((each for each in listed if meta_of(each).get(PARCEL_META) == str(id)), None)


def _as_list(meta: dict[str, Any]) -> list[Entry]:
    return [{"id": 0, "key": key, "value": value} for key, value in meta.items()]


def _tracking(tracking: Tracking | None) -> dict[str, str]:
    """As the store's own screen writes what is typed in: a carrier of any name is "other"."""
    if tracking is None:
        return {}
    carrier = {_PROVIDER: "other", _NAME: tracking.carrier} if tracking.carrier else {}
    said = {_NUMBER: tracking.number, _URL: tracking.url} | carrier
    return {key: value for key, value in said.items() if value}
