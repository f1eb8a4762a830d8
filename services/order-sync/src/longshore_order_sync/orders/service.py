"""Applying what stores say of their orders: one transaction per batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import ids, outbox
from longshore.broker import Message, Transient
from longshore.clock import Clock, utc_now
from longshore.commands import command_message
from longshore.contracts import Command, EntityFetch, OrderDeleted, OrderSnapshot, Platform
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.store import get_hub_fulfillments
from longshore_order_sync.metrics import OrderMetrics
from longshore_order_sync.orders import store
from longshore_order_sync.orders.changes import Change, Delivered, Needed, by_order, decide, needs
from longshore_order_sync.orders.messages import REPLY_TO, order_changed
from longshore_order_sync.orders.rules import Seen, fetch_id, with_digest
from longshore_order_sync.orders.search import terms_of
from longshore_order_sync.orders.state import NOTHING_KNOWN, Delivery, Head, Summary, delivery_of
from longshore_order_sync.privacy.rules import kept
from longshore_order_sync.privacy.store import erased_among_orders

# Somebody asks for a fulfilment of an order of this very batch: rare, and over in milliseconds.
_ATTEMPTS = 5


class ApplyOrders:
    """Brings snapshots and tombstones of orders into the canonical state. Safe to repeat, in any order."""

    def __init__(self, engine: AsyncEngine, metrics: OrderMetrics, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._stores: set[UUID] = set()

    async def apply(self, deliveries: Sequence[Delivery | OrderDeleted]) -> None:
        """Apply these in one transaction. Raises Transient when others keep writing the same orders."""
        batch = _group(deliveries)
        if not batch:
            return
        for _ in range(_ATTEMPTS):
            changes = await self._attempt(deliveries, batch)
            if changes is not None:
                self._count(changes)
                return
        raise Transient("orders of this batch are being written by others")

    async def _attempt(
        self, deliveries: Sequence[Delivery | OrderDeleted], batch: Mapping[UUID, Delivered]
    ) -> list[Change] | None:
        """One transaction; None when a row was written by somebody else in between."""
        stores = self._new_stores(batch)
        async with self._engine.connect() as conn, conn.begin() as transaction:
            if stores:
                await store.write_stores(conn, stores)
            erased = await erased_among_orders(conn, batch, {_entity(each).integration_id for each in deliveries})
            if erased:
                batch = _group(kept(deliveries, erased))
            changes = await self._decide(conn, batch)
            if not await self._write(conn, changes):
                await transaction.rollback()
                return None
        self._stores.update(stores)
        return changes

    async def _decide(self, conn: AsyncConnection, batch: Mapping[UUID, Delivered]) -> list[Change]:
        known = await store.get_known(conn, list(batch))
        shipped = [order_id for order_id, each in known.items() if each.has_fulfillments]
        fulfillments = await get_hub_fulfillments(conn, shipped) if shipped else {}
        needed = {
            order_id: need for order_id, each in known.items() if (need := needs(batch[order_id], each)) is not None
        }
        kept = await _read(conn, needed) if needed else {}
        return by_order(
            {
                order_id: decide(
                    delivered,
                    known.get(order_id, NOTHING_KNOWN),
                    kept.get(order_id),
                    fulfillments.get(order_id, ()),
                )
                for order_id, delivered in batch.items()
            }
        )

    async def _write(self, conn: AsyncConnection, changes: Sequence[Change]) -> bool:
        heads = [each.head for each in changes if each.head is not None]
        if heads and not await store.write_heads(conn, heads):
            return False
        if revisions := [revision for each in changes for revision in each.revisions]:
            await store.write_revisions(conn, revisions)
        if terms := [
            (each.head.id, each.head.org_id, terms_of(each.texts))
            for each in changes
            if each.texts is not None and each.head is not None
        ]:
            await store.write_terms(conn, terms)
        if stones := [
            (
                ids.order_id(ids.IntegrationId(gone.integration_id), gone.external_id),
                gone.org_id,
                gone.observed_at,
                gone.raw,
            )
            for each in changes
            if (gone := each.tombstone) is not None
        ]:
            await store.write_tombstones(conn, stones)
        await outbox.add(conn, SCHEMA, _messages(changes, self._clock()))
        return True

    def _new_stores(self, batch: Mapping[UUID, Delivered]) -> dict[UUID, tuple[UUID, Platform]]:
        return {
            each.summary.integration_id: (each.summary.org_id, each.summary.platform)
            for delivered in batch.values()
            for each in delivered.snapshots
            if each.summary.integration_id not in self._stores
        }

    def _count(self, changes: Sequence[Change]) -> None:
        now = self._clock()
        outcomes = Counter(outcome for change in changes for outcome in change.outcomes)
        for outcome, count in outcomes.items():
            self._metrics.applied[outcome].inc(count)
        for change in changes:
            if change.head is None or change.event is None:
                continue
            if change.outcomes:
                lag = (now - change.head.newest.observed_at).total_seconds()
                self._metrics.lag_seconds.observe(max(0.0, lag))
            if not change.event.reconciled:
                self._metrics.unreconciled[change.event.platform].inc()


def _group(deliveries: Sequence[Delivery | OrderDeleted]) -> dict[UUID, Delivered]:
    batch: dict[UUID, Delivered] = {}
    names: dict[tuple[UUID, str], UUID] = {}
    for each in deliveries:
        entity = _entity(each)
        name = (entity.integration_id, entity.external_id)
        order_id = names.get(name)
        if order_id is None:
            order_id = names[name] = ids.order_id(ids.IntegrationId(entity.integration_id), entity.external_id)
            batch[order_id] = Delivered(order_id)
        if isinstance(each, OrderDeleted):
            batch[order_id].delete(each)
        else:
            batch[order_id].snapshots.append(each)
    return batch


def _entity(delivered: Delivery | OrderDeleted) -> OrderDeleted | Summary:
    return delivered if isinstance(delivered, OrderDeleted) else delivered.summary


async def _read(conn: AsyncConnection, needed: Mapping[UUID, Needed]) -> dict[UUID, Delivery]:
    """The stored snapshots that are needed."""
    revisions = {id: each.revision for id, each in needed.items() if each.revision is not None}
    details = {id: each.detail_of for id, each in needed.items() if each.detail_of is not None}
    bodies = await store.get_bodies(conn, revisions) if revisions else {}
    if details:
        bodies |= await store.get_details(conn, details)
    return {id: delivery_of(with_digest(OrderSnapshot.from_json(body)), body.encode()) for id, body in bodies.items()}


def _messages(changes: Sequence[Change], now: datetime) -> list[Message]:
    messages: list[Message] = []
    for each in changes:
        if each.head is None:
            continue
        if each.event is not None:
            messages.append(order_changed(each.event, each.head.row_version, now))
        if each.fetch is not None and each.platform is not None:
            messages.append(command_message(fetch_command(each.head, each.fetch, each.platform, now)))
    return messages


def fetch_command(head: Head, newest: Seen, platform: Platform, now: datetime) -> Command:
    """Ask an order's store for it: deliveries of `newest`'s time contradict each other."""
    return Command(
        id=fetch_id(head.id, newest),
        org_id=head.org_id,
        integration_id=head.integration_id,
        platform=platform,
        payload=EntityFetch(resource="order", external_id=head.external_id),
        reply_to=REPLY_TO,
        created_at=now,
    )
