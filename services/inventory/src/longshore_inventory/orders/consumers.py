"""Subscribers of commerce.orders and orders.events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from longshore.broker import COMMERCE_ORDERS, NOBODY_WAITS, ORDERS_EVENTS, Record, Rejected, read_contracts
from longshore.contracts import (
    FulfillmentRequested,
    FulfillmentSettled,
    OrderActionSettled,
    OrderDeleted,
    OrderSnapshot,
)
from longshore.runtime import Service
from longshore_inventory.orders.changes import OrderRow
from longshore_inventory.orders.facts import OrderFacts
from longshore_inventory.orders.service import OrderStock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ORDERS: Mapping[str, type[OrderFacts | OrderDeleted]] = {
    OrderSnapshot.event_type: OrderFacts,
    OrderDeleted.event_type: OrderDeleted,
}
_FULFILLMENTS: Mapping[str, type[FulfillmentRequested | FulfillmentSettled | OrderActionSettled]] = {
    FulfillmentRequested.event_type: FulfillmentRequested,
    FulfillmentSettled.event_type: FulfillmentSettled,
    OrderActionSettled.event_type: OrderActionSettled,
}
_TAKEN_BACK = "fulfillment.cancel"


def subscribe_orders(service: Service, stock: OrderStock) -> None:
    """Reservations, shipments and restocks follow the newest snapshot of each order."""

    async def apply_orders(records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        snapshots: list[OrderFacts] = []
        tombstones: list[OrderDeleted] = []
        for _, each in read_contracts(records, _ORDERS, rejected):
            if isinstance(each, OrderFacts):
                snapshots.append(each)
            else:
                tombstones.append(each)
        if snapshots or tombstones:
            await stock.apply(snapshots, tombstones)
        return rejected

    service.subscribe(
        topics=[COMMERCE_ORDERS],
        group="inventory.orders",
        apply=apply_orders,
        schema=OrderSnapshot,
        description="Reserves, ships and restocks by the newest snapshot of each order.",
    )


def subscribe_fulfillments(service: Service, stock: OrderStock) -> None:
    """Fulfilments made through Longshore ship at once, also where the store has no partial shipments."""

    async def apply_events(records: Sequence[Record]) -> list[Rejected]:
        return await apply_fulfillments(stock, records)

    service.subscribe(
        topics=[ORDERS_EVENTS],
        group="inventory.order-events",
        apply=apply_events,
        policy=NOBODY_WAITS,
        types=_FULFILLMENTS,
        schema=FulfillmentSettled,
        description="Ships what was fulfilled through Longshore.",
    )


async def apply_fulfillments(stock: OrderStock, records: Sequence[Record]) -> list[Rejected]:
    """A batch of orders.events: what was asked for, what stores took, and what was taken back."""
    rejected: list[Rejected] = []
    requested: dict[UUID, tuple[UUID, UUID, str]] = {}
    settled: dict[UUID, tuple[UUID, UUID, bool, str | None]] = {}
    orders: dict[UUID, OrderRow] = {}
    at = _EPOCH
    for record, each in read_contracts(records, _FULFILLMENTS, rejected):
        if isinstance(each, FulfillmentRequested):
            pieces: dict[str, int] = {}
            for line in each.lines:
                pieces[str(line.line_id)] = pieces.get(str(line.line_id), 0) + line.quantity
            requested[each.fulfillment_id] = (each.org_id, each.order_id, json.dumps(pieces))
            orders[each.order_id] = _bare(each, each.order_external_id)
            continue
        if isinstance(each, FulfillmentSettled):
            settled[each.fulfillment_id] = (each.org_id, each.order_id, each.succeeded, each.external_id)
        elif each.action == _TAKEN_BACK and each.succeeded and each.fulfillment_id is not None:
            # It had succeeded before, and has not left after all.
            settled[each.fulfillment_id] = (each.org_id, each.order_id, False, None)
        else:
            continue
        orders.setdefault(each.order_id, _bare(each, _external_id(record)))
        at = max(at, each.at)
    if orders:
        await stock.apply_fulfillments(requested, settled, list(orders.values()), at)
    return rejected


def _bare(event: FulfillmentRequested | FulfillmentSettled | OrderActionSettled, external_id: str) -> OrderRow:
    return OrderRow(event.order_id, event.org_id, event.integration_id, external_id)


def _external_id(record: Record) -> str:
    """From the order's stream key, `<integration>:<external id>`."""
    return (record.key or "").partition(":")[2]
