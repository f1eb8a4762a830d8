"""commerce.orders and inventory.events -> orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from longshore.broker import Record, Rejected, read_contracts
from longshore.contracts import OrderDeleted, OrderOversold, OrderSnapshot
from longshore_order_sync.orders.oversold import MarkOversold
from longshore_order_sync.orders.rules import with_digest
from longshore_order_sync.orders.service import ApplyOrders
from longshore_order_sync.orders.state import Delivery, delivery_of

_ORDERS: Mapping[str, type[OrderSnapshot | OrderDeleted]] = {
    OrderSnapshot.event_type: OrderSnapshot,
    OrderDeleted.event_type: OrderDeleted,
}
_OVERSOLD = {OrderOversold.event_type: OrderOversold}


class OrdersConsumer:
    """Applies batches of `commerce.orders`."""

    def __init__(self, service: ApplyOrders) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        deliveries: list[Delivery | OrderDeleted] = []
        rejected: list[Rejected] = []
        for record, each in read_contracts(records, _ORDERS, rejected, nothing_else=True):
            if isinstance(each, OrderSnapshot):
                deliveries.append(delivery_of(with_digest(each), record.value))
            else:
                deliveries.append(each)
        await self._service.apply(deliveries)
        return rejected


class OversoldConsumer:
    """Applies batches of `inventory.events`: only what is oversold concerns orders."""

    def __init__(self, service: MarkOversold) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        rejected: list[Rejected] = []
        await self._service.apply([each for _, each in read_contracts(records, _OVERSOLD, rejected)])
        return rejected
