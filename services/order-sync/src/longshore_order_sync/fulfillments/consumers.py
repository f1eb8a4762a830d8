"""commands.outcomes -> fulfilments."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from longshore.broker import Record, Rejected, describe
from longshore.contracts import CommandOutcome
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
