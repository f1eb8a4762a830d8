"""commands.outcomes, and our own orders.events -> fulfilments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longshore.broker import Record, Rejected, read_contracts
from longshore.contracts import CommandOutcome, DataErased, FulfillmentRequested, FulfillmentSettled
from longshore_order_sync.fulfillments.restore import Decision, RestoreFulfillments
from longshore_order_sync.fulfillments.service import Fulfillments
from longshore_order_sync.privacy.service import Privacy

_OUTCOMES = {CommandOutcome.event_type: CommandOutcome}
_DECISIONS: Mapping[str, type[Decision | DataErased]] = {
    DataErased.event_type: DataErased,
    FulfillmentRequested.event_type: FulfillmentRequested,
    FulfillmentSettled.event_type: FulfillmentSettled,
}


class OutcomesConsumer:
    """Applies batches of `commands.outcomes`; those that others asked for are passed over."""

    def __init__(self, service: Fulfillments) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        rejected: list[Rejected] = []
        await self._service.settle([each for _, each in read_contracts(records, _OUTCOMES, rejected)])
        return rejected


class DecisionsConsumer:
    """Applies batches of `orders.events`: of our own decisions, those that the database does not know."""

    def __init__(self, service: RestoreFulfillments, privacy: Privacy) -> None:
        self._service = service
        self._privacy = privacy

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in order; the others are poison."""
        rejected: list[Rejected] = []
        decisions = [each for _, each in read_contracts(records, _DECISIONS, rejected)]
        await self._privacy.restore(each for each in decisions if isinstance(each, DataErased))
        if fulfillments := [each for each in decisions if not isinstance(each, DataErased)]:
            await self._service.apply(fulfillments)
        return rejected
