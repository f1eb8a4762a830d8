"""What is changed about a shipment that the store has: how it is followed, and that it is taken back.

Both show in the fulfilment, so each try looks first and does nothing where it is so already: the buyer gets no second
message.
"""

from __future__ import annotations

from typing import Any

from longshore.contracts import FulfillmentCancel, FulfillmentTracking, Tracking
from longshore.platforms.protocols import Done, StoreRefused
from longshore_connector_shopify.client.admin_api import AdminApi, gid
from longshore_connector_shopify.client.ordering import Turns
from longshore_connector_shopify.client.writing import refused, write
from longshore_connector_shopify.permissions import WRITE_FULFILLMENT_ORDERS


class ParcelChanger:
    """Changes shipments of one store."""

    def __init__(self, api: AdminApi, turns: Turns) -> None:
        self._api = api
        self._turns = turns

    async def track(self, command: FulfillmentTracking) -> Done:
        """Set how a shipment is followed; all that was known before is replaced. Raises StoreError."""
        async with self._turns.of(command.order_external_id):
            parcel = await self._look(command.fulfillment_external_id)
            if parcel.get("status") == "CANCELLED":
                raise StoreRefused("parcel-cancelled", "The shipment was taken back.")
            if _tracking(parcel) == [command.tracking]:
                return Done(command.fulfillment_external_id, existed=True)
            told = {
                "number": command.tracking.number,
                "company": command.tracking.carrier,
                "url": command.tracking.url,
            }
            variables = {
                "id": parcel["id"],
                "tracking": {name: value for name, value in told.items() if value},
                "notify": command.notify_customer,
            }
            _, errors = await write(
                self._api,
                "tracking_update",
                variables,
                "fulfillmentTrackingInfoUpdate",
                WRITE_FULFILLMENT_ORDERS,
            )
            if errors:
                raise refused("tracking-refused", "take the tracking", errors)
            return Done(command.fulfillment_external_id)

    async def take_back(self, command: FulfillmentCancel) -> Done:
        """Cancel a shipment: its pieces wait to be shipped again. Raises StoreError."""
        async with self._turns.of(command.order_external_id):
            parcel = await self._look(command.fulfillment_external_id)
            if parcel.get("status") == "CANCELLED":
                return Done(command.fulfillment_external_id, existed=True)
            _, errors = await write(
                self._api, "fulfillment_cancel", {"id": parcel["id"]}, "fulfillmentCancel", WRITE_FULFILLMENT_ORDERS
            )
            if errors:
                raise refused("cancel-refused", "take the shipment back", errors)
            return Done(command.fulfillment_external_id)

    async def _look(self, external_id: str | None) -> dict[str, Any]:
        parcel = None
        if external_id is not None:
            parcel = (await self._api.query("parcel", {"id": gid("Fulfillment", external_id)})).data.get("fulfillment")
        if not isinstance(parcel, dict):
            raise StoreRefused("parcel-not-found", "The store has no such shipment.")
        return parcel


def _tracking(parcel: dict[str, Any]) -> list[Tracking]:
    return [
        Tracking(number=each.get("number"), carrier=each.get("company"), url=each.get("url"))
        for each in parcel.get("trackingInfo") or ()
    ]
