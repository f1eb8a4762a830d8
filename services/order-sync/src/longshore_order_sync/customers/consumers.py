"""commerce.customers -> customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longshore.broker import Record, Rejected, read_contracts
from longshore.contracts import CustomerDeleted, CustomerSnapshot
from longshore_order_sync.customers.service import ApplyCustomers

_TYPES: Mapping[str, type[CustomerSnapshot | CustomerDeleted]] = {
    CustomerSnapshot.event_type: CustomerSnapshot,
    CustomerDeleted.event_type: CustomerDeleted,
}


class CustomersConsumer:
    """Applies batches of `commerce.customers`."""

    def __init__(self, service: ApplyCustomers) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        rejected: list[Rejected] = []
        read = list(read_contracts(records, _TYPES, rejected, nothing_else=True))
        await self._service.apply(
            [(each, record.value) for record, each in read if isinstance(each, CustomerSnapshot)],
            [each for _, each in read if isinstance(each, CustomerDeleted)],
        )
        return rejected
