"""What order-sync says, as messages.

Ids of events are made of what they tell of, so that consumers can know a repetition.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from longshore.broker import ORDERS_EVENTS, Message, cloudevent_headers
from longshore.contracts import (
    FulfillmentRequested,
    FulfillmentSettled,
    OrderActionRequested,
    OrderActionSettled,
    OrderChanged,
)

REPLY_TO = "order-sync"
SOURCE = f"/{REPLY_TO}"

OrderEvent = OrderChanged | FulfillmentRequested | FulfillmentSettled | OrderActionRequested | OrderActionSettled


def stream_key(integration_id: UUID, external_id: str) -> str:
    """The partition key of an order."""
    return f"{integration_id}:{external_id}"


def order_changed(event: OrderChanged, row_version: int | str, at: datetime) -> Message:
    """An OrderChanged on orders.events; `row_version` names the write that it tells of."""
    return _message(event, event.external_id, f"{event.order_id}:{row_version}", at)


def fulfillment_event(event: FulfillmentRequested | FulfillmentSettled, order_external_id: str) -> Message:
    """A decision about a fulfilment, or its end, on orders.events."""
    if isinstance(event, FulfillmentRequested):
        return _message(event, order_external_id, f"{event.fulfillment_id}:requested", event.requested_at)
    return _message(event, order_external_id, f"{event.fulfillment_id}:settled", event.at)


def action_event(event: OrderActionRequested | OrderActionSettled, order_external_id: str) -> Message:
    """A decision about an order, or its end, on orders.events."""
    if isinstance(event, OrderActionRequested):
        return _message(event, order_external_id, f"{event.command_id}:requested", event.requested_at)
    return _message(event, order_external_id, f"{event.command_id}:settled", event.at)


def _message(event: OrderEvent, order_external_id: str, id: str, at: datetime) -> Message:
    return Message(
        ORDERS_EVENTS.name,
        stream_key(event.integration_id, order_external_id),
        event.to_json(),
        cloudevent_headers(
            type=event.event_type,
            source=SOURCE,
            subject=str(event.order_id),
            id=id,
            time=at,
            org_id=event.org_id,
            integration_id=event.integration_id,
        ),
    )
