"""Many orders written straight into the tables, as the services write them: same translator, same decisions, same
statements, without Kafka and HTTP between them: some hundred orders a second (see copies.py for more). A test compares
rows so made with rows of the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.contracts import OrderSnapshot, Platform
from longshore.ids import IntegrationId, order_id
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.raw_records import raw_record
from longshore_devkit.stores.woo.payloads import OrderBodies
from longshore_inventory.listings.rules import VariantIds
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.orders.facts import OrderFacts
from longshore_inventory.orders.service import OrderStock
from longshore_order_sync.orders import store
from longshore_order_sync.orders.changes import Delivered, by_order, decide
from longshore_order_sync.orders.search import terms_of
from longshore_order_sync.orders.state import NOTHING_KNOWN, delivery_of

BATCH = 1_000
FIRST_AT = 1_760_000_000.0
EVERY_S = 30.0
"""An order every half minute of the store: a million in most of a year."""


def order_at(n: int) -> float:
    """When order `n` was placed (Unix time)."""
    return FIRST_AT + n * EVERY_S


def snapshots(org_id: UUID, integration_id: UUID, first: int, count: int) -> Iterator[OrderSnapshot]:
    """What the connector makes of orders `first` to `first + count - 1`."""
    bodies, translator = OrderBodies(), WooTranslator()
    for n in range(first, first + count):
        raw = raw_record(
            Platform.WOOCOMMERCE,
            bodies(n, order_at(n)),
            "order.created",
            org_id=org_id,
            integration_id=integration_id,
            received_at=datetime.fromtimestamp(order_at(n), UTC),
            offset=n,
        )
        for event in translator.translate(raw).events:
            assert isinstance(event, OrderSnapshot)
            yield event


async def fill(engine: AsyncEngine, org_id: UUID, integration_id: UUID, first: int, count: int) -> None:
    """Write orders `first` to `first + count - 1` into order-sync's and inventory's tables."""
    stock = OrderStock(engine, InventoryMetrics(CollectorRegistry()), VariantIds())
    made = snapshots(org_id, integration_id, first, count)
    async with engine.begin() as conn:
        await store.write_stores(conn, {integration_id: (org_id, Platform.WOOCOMMERCE)})
    while batch := list(islice(made, BATCH)):
        bodies = [each.to_json() for each in batch]
        await _write_orders(engine, batch, bodies)
        await stock.apply([OrderFacts.from_json(body) for body in bodies], [])


async def _write_orders(engine: AsyncEngine, batch: list[OrderSnapshot], bodies: list[bytes]) -> None:
    """As ApplyOrders does, for orders of which nothing is known, but for the events."""
    delivered = {}
    for snapshot, body in zip(batch, bodies, strict=True):
        id = order_id(IntegrationId(snapshot.integration_id), snapshot.external_id)
        delivered[id] = Delivered(id, [delivery_of(snapshot, body)])
    changes = by_order({id: decide(each, NOTHING_KNOWN, None, ()) for id, each in delivered.items()})
    heads = [each.head for each in changes if each.head is not None]
    async with engine.begin() as conn:
        await store.write_heads(conn, heads)
        await store.write_revisions(conn, [revision for each in changes for revision in each.revisions])
        await store.write_terms(
            conn,
            [
                (each.head.id, each.head.org_id, terms_of(each.texts))
                for each in changes
                if each.head is not None and each.texts is not None
            ],
        )
