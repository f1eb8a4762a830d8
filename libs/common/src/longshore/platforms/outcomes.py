"""Outcomes of commands, changes of integrations and sync runs, as messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from longshore.broker import COMMANDS_OUTCOMES, INTEGRATIONS_EVENTS, Message, cloudevent_headers
from longshore.contracts import (
    Command,
    CommandError,
    CommandOutcome,
    CommandStatus,
    FulfillmentCreate,
    IntegrationChanged,
    IntegrationStatus,
    StockSet,
    SyncRunChanged,
    WebhooksRepaired,
)
from longshore.observability import current_traceparent
from longshore.platforms.protocols import Integration
from longshore.vault import IntegrationRow


def outcome_of(
    command: Command,
    status: CommandStatus,
    *,
    attempts: int,
    at: datetime,
    error: CommandError | None = None,
    external_id: str | None = None,
    more_external_ids: Sequence[str] = (),
    quantity: int | None = None,
    answers_lost: Sequence[int] = (),
    at_store: datetime | None = None,
) -> CommandOutcome:
    """The outcome of a command, with what its sender needs to place it. `external_id`: the store's, of what it made."""
    payload = command.payload
    ships = isinstance(payload, FulfillmentCreate)
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
        fulfillment_external_id=external_id if ships else None,
        more_fulfillment_external_ids=list(more_external_ids) if ships else [],
        made_external_id=None if ships else external_id,
        listing_id=stock.listing_id if stock else None,
        sequence=stock.sequence if stock else None,
        caused_at=stock.caused_at if stock else None,
        quantity=quantity,
        answers_lost=list(answers_lost),
        at_store=at_store,
    )


def outcome_message(outcome: CommandOutcome) -> Message:
    """An outcome as it goes onto `commands.outcomes`."""
    return _of_store(COMMANDS_OUTCOMES.name, outcome, outcome.command_id)


def integration_message(event: IntegrationChanged | WebhooksRepaired) -> Message:
    """What happened to an integration as it goes onto `integrations.events`."""
    return _of_store(INTEGRATIONS_EVENTS.name, event, event.integration_id)


def run_message(event: SyncRunChanged) -> Message:
    """A sync run as it goes onto `integrations.events`."""
    return _of_store(INTEGRATIONS_EVENTS.name, event, event.id, id=f"{event.id}:{event.sequence}")


def changed(
    integration: Integration | IntegrationRow, status: IntegrationStatus, reason: str | None, at: datetime
) -> IntegrationChanged:
    """That an integration has this status from now on."""
    return IntegrationChanged(
        integration_id=integration.id,
        org_id=integration.org_id,
        platform=integration.platform,
        status=status,
        reason=reason,
        settings=dict(integration.settings),
        at=at,
    )


def row_message(row: IntegrationRow) -> Message:
    """That an integration was made, changed or taken down, and is now as this row has it."""
    return integration_message(changed(row, row.status, row.status_reason, row.updated_at))


def _of_store(
    topic: str,
    event: CommandOutcome | IntegrationChanged | WebhooksRepaired | SyncRunChanged,
    subject: UUID,
    id: str | None = None,
) -> Message:
    return Message(
        topic,
        str(event.integration_id),
        event.to_json(),
        cloudevent_headers(
            type=event.event_type,
            source=f"/stores/{event.integration_id}",
            subject=str(subject),
            id=id,
            time=event.at,
            org_id=event.org_id,
            integration_id=event.integration_id,
            traceparent=current_traceparent(),
        ),
    )
