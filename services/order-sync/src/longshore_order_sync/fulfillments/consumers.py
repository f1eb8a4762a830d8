"""commands.outcomes, and our own orders.events -> fulfilments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longshore.broker import Record, Rejected, read_contracts
from longshore.contracts import (
    CommandOutcome,
    DataErased,
    FulfillmentRequested,
    FulfillmentSettled,
    OrderActionRequested,
    OrderActionSettled,
)
from longshore_order_sync.actions.restore import Decision as ActionDecision
from longshore_order_sync.actions.restore import RestoreActions
from longshore_order_sync.actions.service import Actions
from longshore_order_sync.fulfillments.restore import Decision, RestoreFulfillments
from longshore_order_sync.fulfillments.service import Fulfillments
from longshore_order_sync.privacy.service import Privacy

_OUTCOMES = {CommandOutcome.event_type: CommandOutcome}
_DECISIONS: Mapping[str, type[Decision | ActionDecision | DataErased]] = {
    DataErased.event_type: DataErased,
    FulfillmentRequested.event_type: FulfillmentRequested,
    FulfillmentSettled.event_type: FulfillmentSettled,
    OrderActionRequested.event_type: OrderActionRequested,
    OrderActionSettled.event_type: OrderActionSettled,
}


class OutcomesConsumer:
    """Applies batches of `commands.outcomes`; those that others asked for are passed over."""

    def __init__(self, fulfillments: Fulfillments, actions: Actions) -> None:
        self._fulfillments = fulfillments
        self._actions = actions

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction each; the others are poison."""
        rejected: list[Rejected] = []
        outcomes = [each for _, each in read_contracts(records, _OUTCOMES, rejected)]
        await self._fulfillments.settle(outcomes)
        await self._actions.settle(outcomes)
        return rejected


class DecisionsConsumer:
    """Applies batches of `orders.events`: of our own decisions, those that the database does not know."""

    def __init__(self, fulfillments: RestoreFulfillments, actions: RestoreActions, privacy: Privacy) -> None:
        self._fulfillments = fulfillments
        self._actions = actions
        self._privacy = privacy

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in order; the others are poison."""
        rejected: list[Rejected] = []
        decisions = [each for _, each in read_contracts(records, _DECISIONS, rejected)]
        await self._privacy.restore(each for each in decisions if isinstance(each, DataErased))
        if fulfillments := [each for each in decisions if isinstance(each, FulfillmentRequested | FulfillmentSettled)]:
            await self._fulfillments.apply(fulfillments)
        if actions := [each for each in decisions if isinstance(each, OrderActionRequested | OrderActionSettled)]:
            await self._actions.apply(actions)
        return rejected
