"""What of this service is rebuilt from the log, what is kept, and what is said when it is done.

What stores have been told is not in the log: what we believed each to have is set aside, brought over, and moved on by
what its own orders took meanwhile. Where that is lost, the store's last report takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore import outbox
from longshore.broker import COMMERCE_ORDERS, COMMERCE_PRODUCTS, COMMERCE_STOCK, ORDERS_EVENTS
from longshore.clock import Clock, utc_now
from longshore.contracts import AvailabilityChanged, Command, OrderOversold
from longshore.db import UnitOfWork
from longshore.rebuild import RebuildPlan, set_aside
from longshore_inventory.messages import available_message, oversold_message
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.stock.book import Book
from longshore_inventory.stock.closing import close_book
from longshore_inventory.stock.linking import item_of, take_reports
from longshore_inventory.stock.rules import LOCATION, StoreListing, last_stated, recheck
from longshore_inventory.stock.store import Wanted, load_book, reports_of, sold_since
from longshore_inventory.tables import SCHEMA

REBUILT = (
    "products",
    "variants",
    "listings",
    "levels",
    "movements",
    "reports",
    "store_levels",
    "orders",
    "order_lines",
    "fulfillments",
)
KEPT = ("channels", "commands", "product_commands", "alerts", "outbox")

CHUNK = 500

_ASIDE = {
    "levels": ("variant_id", "SELECT variant_id, on_hand, reserved FROM inventory.levels WHERE location = 'default'"),
    "lines": ("id", "SELECT id, reserved + shipped - restocked AS taken, oversold FROM inventory.order_lines"),
    "store_levels": (
        "listing_id",
        "SELECT listing_id, believed, confirmed_at, pushed_at, pushed_quantity, sequence, acked, reported,"
        " reported_as_of, differs_since, failed, sold, anchored_at, refuted FROM inventory.store_levels",
    ),
    "requests": ("id", "SELECT id, request FROM inventory.movements WHERE request IS NOT NULL"),
    "commands": ("id", "SELECT id FROM inventory.commands"),
}


async def prepare(conn: AsyncConnection, aside: str) -> None:
    """Set aside what stores and subscribers have been told; empty the tables."""
    for table, (key, query) in _ASIDE.items():
        await set_aside(conn, aside, table, query, key=key)
    await conn.execute(text(f"TRUNCATE {', '.join(f'{SCHEMA}.{table}' for table in REBUILT)}"))


class FinishRebuild:
    """The end of a rebuild: beliefs, then what stores and subscribers do not know yet. Levels are locked."""

    def __init__(self, metrics: InventoryMetrics, clock: Clock = utc_now) -> None:
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, conn: AsyncConnection, aside: str) -> None:
        """All in one transaction."""
        now = self._clock()
        # Pushes of a state that was not whole; none of them was sent.
        await conn.execute(
            text(
                f"DELETE FROM inventory.commands c WHERE NOT EXISTS (SELECT FROM {aside}.commands b WHERE b.id = c.id)"  # noqa: S608
            )
        )
        await conn.execute(
            text(
                f"UPDATE inventory.movements m SET request = b.request FROM {aside}.requests b WHERE b.id = m.id"  # noqa: S608
            )
        )
        work = UnitOfWork(conn)
        await self._tell_levels(work, aside, now)
        await self._tell_oversold(work, aside, now)
        taken = await _taken_since(conn, aside)
        after = UUID(int=0)
        while rows := await _variants(conn, after):
            after = rows[-1].id
            await self._bring_over(work, aside, rows, taken, now)
            await outbox.add(conn, SCHEMA, work.messages)
            work = UnitOfWork(conn)
        await outbox.add(conn, SCHEMA, work.messages)

    async def _bring_over(
        self,
        work: UnitOfWork,
        aside: str,
        rows: list[Row[Any]],
        taken: Mapping[tuple[UUID, UUID, str | None], int],
        now: datetime,
    ) -> None:
        conn = work.conn
        book = await load_book(conn, {row.id: Wanted(row.org_id, row.sku) for row in rows}, set())
        listings = [each for found in book.listings.values() for each in found]
        before = await conn.execute(
            text(f"SELECT * FROM {aside}.store_levels WHERE listing_id = ANY(:ids)"),  # noqa: S608
            {"ids": [each.id for each in listings]},
        )
        told = {row.listing_id: row for row in before}
        for listing in listings:
            if listing.id in told:
                _recall(book, listing, told[listing.id], taken)
        await _learn(conn, [each for each in listings if each.id not in told])
        book.touched.update(book.levels)
        await take_reports(conn, book, listings, now)
        for listing in listings:
            listing.changed = True
            recheck(listing)
            if listing.differs_since is not None:
                # First the difference is explained, or counts.
                book.held.add(listing.id)
        await close_book(work, book, now, self._metrics)

    async def _tell_levels(self, work: UnitOfWork, aside: str, now: datetime) -> None:
        rows = await work.conn.execute(
            text(
                f"""
                SELECT l.variant_id, l.org_id, l.sku, l.on_hand, l.reserved FROM inventory.levels l
                LEFT JOIN {aside}.levels b ON b.variant_id = l.variant_id
                WHERE l.location = :location AND (l.base_listing_id IS NOT NULL OR l.decided_at IS NOT NULL)
                    AND (l.on_hand, l.reserved) IS DISTINCT FROM (b.on_hand, b.reserved)
                ORDER BY l.variant_id
                """  # noqa: S608
            ),
            {"location": LOCATION},
        )
        for row in rows:
            event = AvailabilityChanged(
                org_id=row.org_id,
                variant_id=row.variant_id,
                sku=row.sku,
                location=LOCATION,
                on_hand=row.on_hand,
                reserved=row.reserved,
                available=row.on_hand - row.reserved,
                at=now,
            )
            work.emit(available_message(event))

    async def _tell_oversold(self, work: UnitOfWork, aside: str, now: datetime) -> None:
        rows = await work.conn.execute(
            text(
                f"""
                SELECT l.id, l.order_id, l.org_id, l.integration_id, l.oversold, o.external_id
                FROM inventory.order_lines l JOIN inventory.orders o ON o.id = l.order_id
                LEFT JOIN {aside}.lines b ON b.id = l.id
                WHERE l.oversold <> coalesce(b.oversold, 0)
                ORDER BY l.order_id, l.id
                """  # noqa: S608
            )
        )
        events: dict[UUID, OrderOversold] = {}
        for row in rows:
            event = events.setdefault(
                row.order_id,
                OrderOversold(
                    org_id=row.org_id,
                    integration_id=row.integration_id,
                    order_id=row.order_id,
                    order_external_id=row.external_id,
                    lines={},
                    at=now,
                ),
            )
            event.lines[row.id] = row.oversold
        work.emit(*(oversold_message(each) for each in events.values()))


def _recall(
    book: Book, listing: StoreListing, told: Row[Any], taken: Mapping[tuple[UUID, UUID, str | None], int]
) -> None:
    """What we believed the store to have, less what its own orders took since that was set aside."""
    pieces = taken.get((listing.variant_id, listing.integration_id, listing.variant_external_id), 0)
    if _first_of_its_store(book, listing):
        pieces += taken.get((listing.variant_id, listing.integration_id, None), 0)
    listing.believed = None if told.believed is None else told.believed - pieces
    listing.confirmed_at = told.confirmed_at
    listing.pushed_at, listing.pushed_quantity = told.pushed_at, told.pushed_quantity
    listing.sequence, listing.acked = told.sequence, told.acked
    listing.reported, listing.reported_as_of = told.reported, told.reported_as_of
    listing.differs_since, listing.failed = told.differs_since, told.failed
    listing.sold = told.sold + pieces
    listing.anchored_at, listing.refuted = told.anchored_at, told.refuted


def _first_of_its_store(book: Book, listing: StoreListing) -> bool:
    """Lines that name no variant of the store count for its first listing (Book.listing_of)."""
    theirs = [each for each in book.listings[listing.variant_id] if each.integration_id == listing.integration_id]
    return theirs[0] is listing


async def _learn(conn: AsyncConnection, listings: list[StoreListing]) -> None:
    """Of these nothing was set aside: each store has what it said last, less its own orders since."""
    reports = await reports_of(conn, [item_of(each) for each in listings])
    told = [(each, last_stated(reports[item_of(each)])) for each in listings if item_of(each) in reports]
    sold = await sold_since(conn, [(listing, said.as_of) for listing, said in told])
    for (listing, said), pieces in zip(told, sold, strict=True):
        listing.believed, listing.confirmed_at = said.quantity - pieces, said.as_of
        listing.anchored_at, listing.refuted = said.as_of, None
        listing.pushed_at = listing.pushed_quantity = listing.differs_since = None
        listing.acked = listing.sequence


async def _taken_since(conn: AsyncConnection, aside: str) -> dict[tuple[UUID, UUID, str | None], int]:
    """Pieces that orders take more than when it was set aside: by variant, store and its variant's external id."""
    rows = await conn.execute(
        text(
            f"""
            SELECT l.variant_id, l.integration_id, l.variant_external_id,
                sum(l.reserved + l.shipped - l.restocked - coalesce(b.taken, 0)) AS pieces
            FROM inventory.order_lines l LEFT JOIN {aside}.lines b ON b.id = l.id
            WHERE l.variant_id IS NOT NULL AND l.reserved + l.shipped - l.restocked <> coalesce(b.taken, 0)
            GROUP BY l.variant_id, l.integration_id, l.variant_external_id
            """  # noqa: S608
        )
    )
    return {(row.variant_id, row.integration_id, row.variant_external_id): int(row.pieces) for row in rows}


async def _variants(conn: AsyncConnection, after: UUID) -> list[Row[Any]]:
    query = text("SELECT id, org_id, sku FROM inventory.variants WHERE id > :after ORDER BY id LIMIT :limit")
    return list((await conn.execute(query, {"after": after, "limit": CHUNK})).all())


def rebuild_plan(metrics: InventoryMetrics | None = None) -> RebuildPlan:
    """The plan; `metrics` for the service that ends a rebuild, none for the command that begins one."""
    return RebuildPlan(
        SCHEMA,
        {
            "inventory.orders": (COMMERCE_ORDERS, "end"),
            "inventory.products": (COMMERCE_PRODUCTS, "end"),
            "inventory.stock": (COMMERCE_STOCK, "end"),
            "inventory.order-events": (ORDERS_EVENTS, "beginning"),
        },
        withheld=frozenset({AvailabilityChanged.event_type, OrderOversold.event_type, Command.event_type}),
        prepare=prepare,
        finish=None if metrics is None else FinishRebuild(metrics),
        # Whoever holds a level's row goes first: with a weaker lock the two would wait for each other.
        locked=((f"{SCHEMA}.levels", "ACCESS EXCLUSIVE"),),
    )
