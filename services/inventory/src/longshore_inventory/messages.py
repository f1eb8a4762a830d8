"""What inventory says: events on inventory.events (keyed by variant or order) and commands to stores."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from longshore.broker import INVENTORY_EVENTS, Message, cloudevent_headers
from longshore.contracts import AvailabilityChanged, OrderOversold, StockAdjusted

SOURCE = "/inventory"


def adjusted_message(event: StockAdjusted) -> Message:
    """A decision, keyed by its variant."""
    return _event(
        event.event_type, str(event.variant_id), event.org_id, event.at, event.to_json(), str(event.movement_id)
    )


def available_message(event: AvailabilityChanged) -> Message:
    """What can be sold changed, keyed by its variant."""
    return _event(event.event_type, str(event.variant_id), event.org_id, event.at, event.to_json())


def oversold_message(event: OrderOversold) -> Message:
    """An order goes short or is covered again, keyed by the order's stream key."""
    key = f"{event.integration_id}:{event.order_external_id}"
    headers = cloudevent_headers(
        type=event.event_type,
        source=SOURCE,
        subject=str(event.order_id),
        time=event.at,
        org_id=event.org_id,
        integration_id=event.integration_id,
    )
    return Message(INVENTORY_EVENTS.name, key, event.to_json(), headers)


def _event(type: str, key: str, org_id: UUID, at: datetime, body: bytes, id: str | None = None) -> Message:
    headers = cloudevent_headers(type=type, source=SOURCE, subject=key, id=id, time=at, org_id=org_id)
    return Message(INVENTORY_EVENTS.name, key, body, headers)
