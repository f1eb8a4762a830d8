"""commerce.customers -> customers."""

from __future__ import annotations

from collections.abc import Sequence

from longshore.broker import Record, Rejected, read_contracts
from longshore.contracts import CustomerSnapshot
from longshore_order_sync.customers.service import ApplyCustomers

_TYPES = {CustomerSnapshot.event_type: CustomerSnapshot}


class CustomersConsumer:
    """Applies batches of `commerce.customers`."""

    def __init__(self, service: ApplyCustomers) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        rejected: list[Rejected] = []
        read = read_contracts(records, _TYPES, rejected, nothing_else=True)
        await self._service.apply([(snapshot, record.value) for record, snapshot in read])
        return rejected
