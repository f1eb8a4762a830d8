"""commerce.customers -> customers."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from longshore.broker import Record, Rejected, describe
from longshore.contracts import CustomerSnapshot
from longshore_order_sync.customers.service import ApplyCustomers


class CustomersConsumer:
    """Applies batches of `commerce.customers`."""

    def __init__(self, service: ApplyCustomers) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        snapshots: list[tuple[CustomerSnapshot, bytes]] = []
        rejected: list[Rejected] = []
        for record in records:
            try:
                snapshots.append((CustomerSnapshot.from_json(record.value), record.value))
            except ValidationError as error:
                rejected.append(Rejected(record, describe(error), error))
        await self._service.apply(snapshots)
        return rejected
