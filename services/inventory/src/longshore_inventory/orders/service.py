"""Use cases of orders: one transaction each. Snapshots, deletions and fulfilments become differences in the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import ids
from longshore.broker import Transient
from longshore.clock import Clock, utc_now
from longshore.contracts import OrderDeleted
from longshore.db import UnitOfWork, unit_of_work
from longshore_inventory.database import SCHEMA
from longshore_inventory.listings.locks import share_catalogues
from longshore_inventory.listings.rules import VariantIds, clean_sku
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.orders import store
from longshore_inventory.orders.changes import Affected, OrderRow, Told, completed, merge, move_order, planned, row_of
from longshore_inventory.orders.facts import LineFacts, OrderFacts
from longshore_inventory.orders.rules import settled_pieces
from longshore_inventory.pushes.store import variants_of
from longshore_inventory.stock.book import Line
from longshore_inventory.stock.closing import close_book
from longshore_inventory.stock.store import Wanted, load_book


class OrderStock:
    """What orders do to stock."""

    def __init__(
        self, engine: AsyncEngine, metrics: InventoryMetrics, variant_ids: VariantIds, clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._variant_ids = variant_ids
        self._clock = clock
        self._known: set[UUID] = set()

    async def apply(self, snapshots: Iterable[OrderFacts], tombstones: Iterable[OrderDeleted]) -> None:
        """Take in snapshots and deletions, any number per order, in any order."""
        told: dict[UUID, Told] = defaultdict(Told)
        for facts in snapshots:
            told[ids.order_id(ids.IntegrationId(facts.integration_id), facts.external_id)].add(facts)
        for gone in tombstones:
            told[ids.order_id(ids.IntegrationId(gone.integration_id), gone.external_id)].delete(gone)
        async with unit_of_work(self._engine, SCHEMA) as work:
            affected = await _take(work.conn, told)
            await self._move(work, affected)

    async def apply_fulfillments(
        self,
        requested: Mapping[UUID, tuple[UUID, UUID, str]],
        settled: Mapping[UUID, tuple[UUID, UUID, bool, str | None]],
        orders: Sequence[OrderRow],
        at: datetime,
    ) -> None:
        """Take in fulfilments asked for {id: (org, order, lines as JSON)} and settled {id: (org, order, succeeded,
        external id)}; `orders`: bare rows of the orders that they name."""
        async with unit_of_work(self._engine, SCHEMA) as work:
            # An order that we have not seen yet gets a bare row: its first snapshot then looks for fulfilments.
            rows = sorted(orders, key=lambda each: each.id)
            await store.insert_new(work.conn, rows)
            locked = await store.lock_orders(work.conn, [each.id for each in rows])
            await store.save_fulfillments(work.conn, requested, settled)
            affected = [Affected(row, None, False, at, None) for row in locked.values() if row.rank is not None]
            await self._move(work, affected)

    async def _move(self, work: UnitOfWork, affected: Sequence[Affected]) -> None:
        """Bring the stock to what the orders' lines are to hold. The orders are locked; levels are locked here."""
        if not affected:
            return
        conn = work.conn
        seen = [each.order.id for each in affected if not each.is_new]
        wanted, nameless = await store.variants_of_orders(conn, seen)
        lines = {each.order.id: self._lines(each) for each in affected if each.facts is not None}
        await self._resolve(conn, [line for each in lines.values() for line in each], nameless, wanted)
        book = await load_book(conn, wanted, self._known)
        # Only now: a store's first report, or a listing, may have moved lines while we waited for the locks.
        old: dict[UUID, dict[UUID, Line]] = {}
        for line in await store.lines_of_orders(conn, seen):
            old.setdefault(line.order_id, {})[line.id] = line
            if line.variant_id is not None and line.variant_id not in book.levels:
                raise Transient("A line was given another variant meanwhile.")
        settled = await store.settled_fulfillments(conn, seen)
        changed: list[Line] = []
        for each in affected:
            order = each.order
            known = old.get(order.id, {})
            pieces = settled_pieces(settled[order.id], frozenset(order.void)) if order.id in settled else {}
            changed += move_order(book, each, known, planned(lines.get(order.id), known), pieces)
        await store.save_lines(conn, changed)
        await close_book(work, book, self._clock(), self._metrics)

    def _lines(self, each: Affected) -> list[Line]:
        assert each.facts is not None  # noqa: S101  (the caller looks)
        return [self._line(each, facts) for facts in each.facts.lines]

    def _line(self, each: Affected, facts: LineFacts) -> Line:
        order = each.order
        sku = clean_sku(facts.sku)
        return Line(
            facts.id,
            order.id,
            order.org_id,
            order.integration_id,
            None if sku is None else self._variant_ids.of(order.org_id, sku),
            facts.variant_external_id,
            sku,
            each.facts.placed_at if each.facts is not None else each.at,
            facts.quantity,
            facts.fulfilled_quantity,
            facts.refunded_quantity,
            facts.restocked_quantity,
            facts.stock_taken,
        )

    async def _resolve(
        self, conn: AsyncConnection, lines: Sequence[Line], nameless: set[UUID], wanted: dict[UUID, Wanted]
    ) -> None:
        """Add the variants of `lines` to `wanted`; those of lines that name no SKU are found by their listings.

        `nameless`: integrations of orders that have such lines already.
        """
        without = [line for line in lines if line.sku is None and line.variant_external_id is not None]
        if without or nameless:
            await share_catalogues(conn, nameless | {line.integration_id for line in without})
        if without:
            found = await variants_of(conn, sorted({_listing_id(line) for line in without}))
            for line in without:
                variant = found.get(_listing_id(line))
                if variant is not None:
                    line.variant_id = variant[0]
                    wanted[variant[0]] = Wanted(line.org_id, variant[2])
        for line in lines:
            if line.sku is not None and line.variant_id is not None and line.variant_id not in wanted:
                wanted[line.variant_id] = Wanted(line.org_id, line.sku)


def _listing_id(line: Line) -> UUID:
    return ids.listing_id(ids.IntegrationId(line.integration_id), line.variant_external_id or "")


async def _take(conn: AsyncConnection, told: Mapping[UUID, Told]) -> list[Affected]:
    """Write what is newer than what we have; answers the orders whose stock that may change."""
    given = [row_of(id, told[id]) for id in sorted(told)]
    new = await store.insert_new(conn, given)
    affected = []
    for row in given:
        snapshot = told[row.id].newest
        if row.id in new and snapshot is not None:
            rank, facts = snapshot
            affected.append(Affected(row, completed(row, facts), True, rank.updated_at, rank.observed_at))
    known = await store.lock_orders(conn, [row.id for row in given if row.id not in new])
    moved = []
    for id, row in known.items():
        found = merge(row, told[id])
        if found is not None:
            moved.append(row)
            if found.order.rank is not None and (found.facts is not None or found.caused_at is not None):
                affected.append(found)
    await store.update_orders(conn, moved)
    return affected
