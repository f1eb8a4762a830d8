"""Outcomes of commands, and changes of integrations, as messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from longshore.broker import COMMANDS_OUTCOMES, INTEGRATIONS_EVENTS, Message, cloudevent_headers
from longshore.contracts import (
    Command,
    CommandError,
    CommandOutcome,
    CommandStatus,
    FulfillmentCreate,
    IntegrationChanged,
    StockSet,
    WebhooksRepaired,
)


def outcome_of(
    command: Command,
    status: CommandStatus,
    *,
    attempts: int,
    at: datetime,
    error: CommandError | None = None,
    fulfillment_external_id: str | None = None,
    quantity: int | None = None,
    answers_lost: Sequence[int] = (),
    at_store: datetime | None = None,
) -> CommandOutcome:
    """The outcome of a command, with what its sender needs to place it."""
    payload = command.payload
    stock = payload if isinstance(payload, StockSet) else None
    return CommandOutcome(
        command_id=command.id,
        type=payload.type,
        org_id=command.org_id,
        integration_id=command.integration_id,
        reply_to=command.reply_to,
        status=status,
        attempts=attempts,
        error=error,
        at=at,
        fulfillment_id=payload.fulfillment_id if isinstance(payload, FulfillmentCreate) else None,
        fulfillment_external_id=fulfillment_external_id,
        listing_id=stock.listing_id if stock else None,
        sequence=stock.sequence if stock else None,
        caused_at=stock.caused_at if stock else None,
        quantity=quantity,
        answers_lost=list(answers_lost),
        at_store=at_store,
    )


def outcome_message(outcome: CommandOutcome) -> Message:
    """An outcome as it goes onto `commands.outcomes`."""
    return Message(
        COMMANDS_OUTCOMES.name,
        str(outcome.integration_id),
        outcome.to_json(),
        cloudevent_headers(
            type=outcome.event_type,
            source=f"/stores/{outcome.integration_id}",
            subject=str(outcome.command_id),
            time=outcome.at,
            org_id=outcome.org_id,
            integration_id=outcome.integration_id,
        ),
    )


def integration_message(event: IntegrationChanged | WebhooksRepaired) -> Message:
    """What happened to an integration as it goes onto `integrations.events`."""
    return Message(
        INTEGRATIONS_EVENTS.name,
        str(event.integration_id),
        event.to_json(),
        cloudevent_headers(
            type=event.event_type,
            source=f"/stores/{event.integration_id}",
            subject=str(event.integration_id),
            time=event.at,
            org_id=event.org_id,
            integration_id=event.integration_id,
        ),
    )
