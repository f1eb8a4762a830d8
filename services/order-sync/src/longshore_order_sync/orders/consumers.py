"""commerce.orders and inventory.events -> orders."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from longshore.broker import Record, Rejected, describe
from longshore.contracts import OrderDeleted, OrderOversold, OrderSnapshot
from longshore_order_sync.orders.oversold import MarkOversold
from longshore_order_sync.orders.rules import with_digest
from longshore_order_sync.orders.service import ApplyOrders
from longshore_order_sync.orders.state import Delivery, delivery_of


class OrdersConsumer:
    """Applies batches of `commerce.orders`."""

    def __init__(self, service: ApplyOrders) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        deliveries: list[Delivery | OrderDeleted] = []
        rejected: list[Rejected] = []
        for record in records:
            kind = record.headers.get("ce_type")
            try:
                if kind == OrderSnapshot.event_type:
                    snapshot = with_digest(OrderSnapshot.from_json(record.value))
                    deliveries.append(delivery_of(snapshot, record.value))
                elif kind == OrderDeleted.event_type:
                    deliveries.append(OrderDeleted.from_json(record.value))
                else:
                    rejected.append(Rejected(record, "no type that is known on this topic"))
            except ValidationError as error:
                rejected.append(Rejected(record, describe(error), error))
        await self._service.apply(deliveries)
        return rejected


class OversoldConsumer:
    """Applies batches of `inventory.events`: only what is oversold concerns orders."""

    def __init__(self, service: MarkOversold) -> None:
        self._service = service

    async def apply(self, records: Sequence[Record]) -> list[Rejected]:
        """All that can be read, in one transaction; the others are poison."""
        events: list[OrderOversold] = []
        rejected: list[Rejected] = []
        for record in records:
            if record.headers.get("ce_type") != OrderOversold.event_type:
                continue
            try:
                events.append(OrderOversold.from_json(record.value))
            except ValidationError as error:
                rejected.append(Rejected(record, describe(error), error))
        await self._service.apply(events)
        return rejected
