"""Subscribers of commerce.orders and orders.events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError

from longshore.broker import COMMERCE_ORDERS, ORDERS_EVENTS, Record, Rejected, describe
from longshore.contracts import (
    FulfillmentRequested,
    FulfillmentSettled,
    OrderDeleted,
    OrderSnapshot,
)
from longshore.runtime import Service
from longshore_inventory.orders.changes import OrderRow
from longshore_inventory.orders.facts import OrderFacts
from longshore_inventory.orders.service import OrderStock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def subscribe_orders(service: Service, stock: OrderStock) -> None:
    """Reservations, shipments and restocks follow the newest snapshot of each order."""

    async def apply_orders(records: Sequence[Record]) -> list[Rejected]:
        rejected: list[Rejected] = []
        snapshots: list[OrderFacts] = []
        tombstones: list[OrderDeleted] = []
        for record in records:
            kind = record.headers.get("ce_type")
            try:
                if kind == OrderSnapshot.event_type:
                    snapshots.append(OrderFacts.from_json(record.value))
                elif kind == OrderDeleted.event_type:
                    tombstones.append(OrderDeleted.from_json(record.value))
            except ValidationError as error:
                rejected.append(Rejected(record, describe(error), error))
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
        rejected: list[Rejected] = []
        requested: dict[UUID, tuple[UUID, UUID, str]] = {}
        settled: dict[UUID, tuple[UUID, UUID, bool, str | None]] = {}
        orders: dict[UUID, OrderRow] = {}
        at = _EPOCH
        for record in records:
            kind = record.headers.get("ce_type")
            try:
                if kind == FulfillmentRequested.event_type:
                    asked = FulfillmentRequested.from_json(record.value)
                    pieces: dict[str, int] = {}
                    for line in asked.lines:
                        pieces[str(line.line_id)] = pieces.get(str(line.line_id), 0) + line.quantity
                    requested[asked.fulfillment_id] = (asked.org_id, asked.order_id, json.dumps(pieces))
                    orders[asked.order_id] = _bare(asked, asked.order_external_id)
                elif kind == FulfillmentSettled.event_type:
                    done = FulfillmentSettled.from_json(record.value)
                    settled[done.fulfillment_id] = (done.org_id, done.order_id, done.succeeded, done.external_id)
                    orders.setdefault(done.order_id, _bare(done, _external_id(record)))
                    at = max(at, done.at)
            except ValidationError as error:
                rejected.append(Rejected(record, describe(error), error))
        if orders:
            await stock.apply_fulfillments(requested, settled, list(orders.values()), at)
        return rejected

    service.subscribe(
        topics=[ORDERS_EVENTS],
        group="inventory.order-events",
        apply=apply_events,
        schema=FulfillmentSettled,
        description="Ships what was fulfilled through Longshore.",
    )


def _bare(event: FulfillmentRequested | FulfillmentSettled, external_id: str) -> OrderRow:
    return OrderRow(event.order_id, event.org_id, event.integration_id, external_id)


def _external_id(record: Record) -> str:
    """From the order's stream key, `<integration>:<external id>`."""
    return (record.key or "").partition(":")[2]
