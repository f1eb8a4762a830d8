"""commands.outcomes, and our own orders.events -> fulfilments."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from longshore.broker import Record, Rejected, describe
from longshore.contracts import CommandOutcome, FulfillmentRequested, FulfillmentSettled
from longshore_order_sync.fulfillments.restore import Decision, RestoreFulfillments
from longshore_order_sync.fulfillments.service import Fulfillments


class OutcomesConsumer:
    """Applies batches of `commands.outcomes`; those that others asked for are passed over."""

    def __init__(self, service: Fulfillments) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        outcomes: list[CommandOutcome] = []
        rejected: list[Rejected] = []
        for record in records:
            try:
                outcomes.append(CommandOutcome.from_json(record.value))
            except ValidationError as error:
                rejected.append(Rejected(record, describe(error), error))
        await self._service.settle(outcomes)
        return rejected


class DecisionsConsumer:
    """Applies batches of `orders.events`: of our own decisions, those that the database does not know."""

    def __init__(self, service: RestoreFulfillments) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in order; the others are poison."""
        decisions: list[Decision] = []
        rejected: list[Rejected] = []
        for record in records:
            kind = record.headers.get("ce_type")
            try:
                if kind == FulfillmentRequested.event_type:
                    decisions.append(FulfillmentRequested.from_json(record.value))
                elif kind == FulfillmentSettled.event_type:
                    decisions.append(FulfillmentSettled.from_json(record.value))
            except ValidationError as error:
                rejected.append(Rejected(record, describe(error), error))
        if decisions:
            await self._service.apply(decisions)
        return rejected
