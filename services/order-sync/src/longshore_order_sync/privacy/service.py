"""Use cases: what is known of a buyer, its erasure, and that of a whole store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import ids
from longshore.broker import ORDERS_EVENTS, Message, cloudevent_headers
from longshore.clock import Clock, utc_now
from longshore.contracts import CustomerSnapshot, DataErased, OrderSnapshot
from longshore.db import unit_of_work
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.orders.messages import SOURCE
from longshore_order_sync.orders.search import customer_term, terms_of, texts_of
from longshore_order_sync.orders.store import write_terms
from longshore_order_sync.privacy import store
from longshore_order_sync.privacy.rules import Buyer, without_buyer, without_person

log = structlog.get_logger(__name__)

CHUNK = 500
LOOK_EVERY_S = 5.0

Stored = tuple[UUID, datetime, str, OrderSnapshot]


@dataclass(frozen=True, slots=True)
class Found:
    """All that is kept of a buyer: revisions of orders, and customers."""

    revisions: Sequence[Stored]
    customers: Mapping[UUID, CustomerSnapshot]

    @property
    def order_ids(self) -> list[UUID]:
        """Each order once, sorted."""
        return sorted({each[0] for each in self.revisions})


@dataclass(frozen=True, slots=True)
class Erasure:
    """The record of one: what was erased so far, in the store's own ids."""

    id: UUID
    integration_id: UUID
    scope: str
    requested_at: datetime
    finished_at: datetime | None
    orders: int
    revisions: int
    customers: int


class Privacy:
    """Answers and carries out requests; erases stores in the background, some orders at a time."""

    def __init__(self, engine: AsyncEngine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock
        self._more = asyncio.Event()

    async def find(self, org_id: UUID, integration_id: UUID, buyer: Buyer) -> Found:
        """All that is kept of a buyer in one store."""
        async with self._engine.connect() as conn:
            return await self._find(conn, org_id, integration_id, buyer)

    async def erase_buyer(
        self, id: UUID, org_id: UUID, integration_id: UUID, buyer: Buyer
    ) -> tuple[Erasure, list[str]]:
        """Erase a buyer in one store, now and for what is read from the log later; once for each `id`.

        Answers the record, and the store's ids of the orders (none for a repetition).
        """
        now = self._clock()
        external_ids: list[str] = []
        async with unit_of_work(self._engine, SCHEMA) as work:
            conn = work.conn
            await store.hold_batches(conn)
            if await store.add_erasure(conn, id, org_id, integration_id, "buyer", now):
                found = await self._find(conn, org_id, integration_id, buyer)
                external_ids = sorted({each[3].external_id for each in found.revisions} | buyer.order_external_ids)
                event = DataErased(
                    erasure_id=id,
                    org_id=org_id,
                    integration_id=integration_id,
                    scope="buyer",
                    order_external_ids=external_ids,
                    customer_external_ids=sorted(
                        {each.external_id for each in found.customers.values()} | buyer.customer_external_ids
                    ),
                    at=now,
                )
                await self._erase(conn, event, found)
                work.emit(erased_message(event))
            record = await store.get_erasure(conn, org_id, id)
        return _erasure(record), external_ids

    async def erase_store(self, id: UUID, org_id: UUID, integration_id: UUID) -> Erasure:
        """Begin to erase all of a store's orders and customers that were observed until now; once for each `id`."""
        now = self._clock()
        async with unit_of_work(self._engine, SCHEMA) as work:
            await store.hold_batches(work.conn)
            if await store.add_erasure(work.conn, id, org_id, integration_id, "store", now):
                await store.mark_store(work.conn, id, org_id, integration_id, now)
                event = DataErased(erasure_id=id, org_id=org_id, integration_id=integration_id, scope="store", at=now)
                work.emit(erased_message(event))
            record = await store.get_erasure(work.conn, org_id, id)
        self._more.set()
        return _erasure(record)

    async def restore(self, events: Iterable[DataErased]) -> None:
        """Erase again what was erased before the database was lost; what is known is passed over."""
        for event in events:
            async with self._engine.begin() as conn:
                await store.hold_batches(conn)
                if not await store.add_erasure(
                    conn, event.erasure_id, event.org_id, event.integration_id, event.scope, event.at
                ):
                    continue
                if event.scope == "store":
                    await store.mark_store(conn, event.erasure_id, event.org_id, event.integration_id, event.at)
                    continue
                named = Buyer(frozenset(event.customer_external_ids), frozenset(), frozenset(event.order_external_ids))
                found = await self._find(conn, event.org_id, event.integration_id, named, only_named=True)
                await self._erase(conn, event, found)

    async def run(self) -> None:
        """Carry on with stores that are being erased; runs until cancelled."""
        while True:
            self._more.clear()
            if not await self.erase_some():
                try:
                    await asyncio.wait_for(self._more.wait(), LOOK_EVERY_S)
                except TimeoutError:
                    continue

    async def erase_some(self) -> bool:
        """One chunk of each store that is being erased; answers whether there was any."""
        async with self._engine.connect() as conn:
            open_ones = [_erasure(each) for each in await store.open_erasures(conn)]
        for each in open_ones:
            async with self._engine.begin() as conn:
                orders, revisions = await store.delete_orders(conn, each.integration_id, each.requested_at, CHUNK)
                customers = await store.delete_customers(conn, each.integration_id, each.requested_at, CHUNK)
                over = orders < CHUNK and customers < CHUNK
                await store.count_more(
                    conn,
                    each.id,
                    orders=orders,
                    revisions=revisions,
                    customers=customers,
                    finished_at=self._clock() if over else None,
                )
            if over:
                log.info("a store's data are erased", integration_id=str(each.integration_id), erasure_id=str(each.id))
        return bool(open_ones)

    async def _find(
        self, conn: AsyncConnection, org_id: UUID, integration_id: UUID, buyer: Buyer, *, only_named: bool = False
    ) -> Found:
        customer_ids = [_customer_id(integration_id, each) for each in sorted(buyer.customer_external_ids)]
        customers = await store.customers_like(conn, org_id, integration_id, customer_ids, sorted(buyer.emails))
        if not only_named:
            # Guests' orders hold an e-mail address and no id.
            more = {each.email.strip().casefold() for each in customers.values() if each.email}
            known = {each.external_id for each in customers.values()}
            buyer = Buyer(buyer.customer_external_ids | known, buyer.emails | more, buyer.order_external_ids)
        terms = [customer_term(each) for each in buyer.customer_external_ids] if not only_named else []
        terms += terms_of(buyer.emails)
        order_ids = await store.orders_with_terms(conn, org_id, integration_id, terms, sorted(buyer.order_external_ids))
        revisions = await store.revisions_of(conn, order_ids)
        # Words find too much; and an order is the buyer's if it ever was.
        theirs = {each[0] for each in revisions if buyer.bought(each[3])}
        return Found([each for each in revisions if each[0] in theirs], customers)

    async def _erase(self, conn: AsyncConnection, event: DataErased, found: Found) -> None:
        org_id, integration_id = event.org_id, event.integration_id
        # Also those that are only named: their records may still be on their way.
        named = [_order_id(integration_id, each) for each in event.order_external_ids]
        await store.mark_orders(conn, event.erasure_id, org_id, sorted({*found.order_ids, *named}))
        named = [_customer_id(integration_id, each) for each in event.customer_external_ids]
        await store.mark_customers(conn, event.erasure_id, org_id, sorted({*found.customers, *named}))
        if found.revisions:
            left = [(id, at, digest, without_buyer(each)) for id, at, digest, each in found.revisions]
            await store.rewrite_revisions(conn, left)
            await store.bump_orders(conn, found.order_ids)
            newest = {id: each for id, _, _, each in left}
            await write_terms(conn, [(id, org_id, terms_of(texts_of(newest[id]))) for id in found.order_ids])
        await store.rewrite_customers(conn, {id: without_person(each) for id, each in found.customers.items()})
        await store.count_more(
            conn,
            event.erasure_id,
            orders=len(found.order_ids),
            revisions=len(found.revisions),
            customers=len(found.customers),
            finished_at=event.at,
        )


def erased_message(event: DataErased) -> Message:
    """An erasure on orders.events: a decision, kept for ever, so that no rebuild brings back what is gone."""
    return Message(
        ORDERS_EVENTS.name,
        str(event.integration_id),
        event.to_json(),
        cloudevent_headers(
            type=event.event_type,
            source=SOURCE,
            subject=str(event.erasure_id),
            id=f"{event.erasure_id}:erased",
            time=event.at,
            org_id=event.org_id,
            integration_id=event.integration_id,
        ),
    )


def _order_id(integration_id: UUID, external_id: str) -> UUID:
    return ids.order_id(ids.IntegrationId(integration_id), external_id)


def _customer_id(integration_id: UUID, external_id: str) -> UUID:
    return ids.entity_id(ids.IntegrationId(integration_id), "customer", external_id)


def _erasure(row: Row[Any] | None) -> Erasure:
    if row is None:
        raise LookupError("the record of the erasure is another organisation's")
    return Erasure(
        id=row.id,
        integration_id=row.integration_id,
        scope=row.scope,
        requested_at=row.requested_at,
        finished_at=row.finished_at,
        orders=row.orders,
        revisions=row.revisions,
        customers=row.customers,
    )
