"""What is told of runs."""

from __future__ import annotations

from longshore.broker import INTEGRATIONS_EVENTS, Message, cloudevent_headers
from longshore.contracts import SyncRunChanged


def run_message(event: SyncRunChanged) -> Message:
    """A run as it goes onto `integrations.events`."""
    return Message(
        INTEGRATIONS_EVENTS.name,
        str(event.integration_id),
        event.to_json(),
        cloudevent_headers(
            type=event.event_type,
            source=f"/stores/{event.integration_id}",
            subject=str(event.id),
            id=f"{event.id}:{event.sequence}",
            time=event.at,
            org_id=event.org_id,
            integration_id=event.integration_id,
        ),
    )
