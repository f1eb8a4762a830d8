"""One order with all that is known of it, read under its row lock: what a request or an outcome begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import Command, EntityFetch, Order, OrderSnapshot
from longshore.ids import uuid7
from longshore_order_sync.fulfillments.store import get_hub_fulfillments
from longshore_order_sync.orders import store
from longshore_order_sync.orders.canonical import Facts, HubFulfillment, canonical
from longshore_order_sync.orders.messages import REPLY_TO
from longshore_order_sync.orders.state import Head, Known, facts_of


@dataclass(frozen=True, slots=True)
class LockedOrder:
    """All that is known of one order."""

    head: Head
    known: Known
    snapshot: OrderSnapshot
    fulfillments: Sequence[HubFulfillment]

    @property
    def facts(self) -> Facts:
        """What the hub adds to the store's word."""
        return facts_of(self.known, self.head.newest, self.fulfillments)

    def canonical(self) -> Order:
        """The order as the API answers it."""
        return canonical(self.snapshot, self.facts)


async def lock_order(conn: AsyncConnection, order_id: UUID) -> LockedOrder | None:
    """Lock an order's row, then read it."""
    await store.lock_orders(conn, [order_id])
    return await read_order(conn, order_id)


async def read_order(conn: AsyncConnection, order_id: UUID) -> LockedOrder | None:
    """An order whose row the caller has locked."""
    known = (await store.get_known(conn, [order_id])).get(order_id)
    if known is None or known.head is None:
        return None
    head = known.head
    snapshot = (await store.get_snapshots(conn, {order_id: head.content}))[order_id]
    fulfillments = await get_hub_fulfillments(conn, [order_id]) if known.has_fulfillments else {}
    return LockedOrder(head, known, snapshot, fulfillments.get(order_id, ()))


async def touch(conn: AsyncConnection, head: Head) -> Head:
    """Write the row under its lock, so that a batch that has read it before starts again."""
    head = replace(head, row_version=head.row_version + 1)
    await store.write_heads(conn, [head])
    return head


def look_again(order: LockedOrder, now: datetime) -> Command:
    """Ask the store for the order as it is now."""
    return Command(
        id=uuid7(),
        org_id=order.head.org_id,
        integration_id=order.head.integration_id,
        platform=order.snapshot.platform,
        payload=EntityFetch(resource="order", external_id=order.head.external_id),
        reply_to=REPLY_TO,
        created_at=now,
    )
