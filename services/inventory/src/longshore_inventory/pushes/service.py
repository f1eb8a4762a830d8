"""What became of stock pushes: what stores have now, whether they are in step, and how long that took."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.contracts import STALE, CommandOutcome, CommandStatus
from longshore.db import unit_of_work
from longshore_inventory.database import SCHEMA
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.pushes.rules import answers, at_store, is_stale, lost_of, newest_per_command, take_in
from longshore_inventory.pushes.store import (
    WAITING_LIMIT,
    asked,
    land,
    note_lost,
    unanswered,
    update_commands,
    variants_of,
    waiting,
)
from longshore_inventory.stock.book import Book
from longshore_inventory.stock.closing import close_book
from longshore_inventory.stock.linking import relocate
from longshore_inventory.stock.oversold import PUSH_FAILED, Alert, drop_alerts, raise_alerts
from longshore_inventory.stock.rules import ONE_AT_A_TIME_S, StoreListing, push_of
from longshore_inventory.stock.store import Wanted, load_book, sold_since

LOOK_EVERY_S = 60.0


class Pushes:
    """Outcomes of the pushes that this service asked for."""

    def __init__(self, engine: AsyncEngine, metrics: InventoryMetrics, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._known: set[UUID] = set()
        self._looked_at = -math.inf

    async def apply(self, outcomes: Iterable[CommandOutcome]) -> None:
        """Take in outcomes, any number per command, in any order."""
        newest = newest_per_command(outcomes)
        if not newest:
            return
        listing_ids = sorted({each.listing_id for each in newest if each.listing_id is not None})
        async with unit_of_work(self._engine, SCHEMA) as work:
            # A listing's variant may change meanwhile: it is then not found in the book, and its levels wait for
            # the next report.
            variants = await variants_of(work.conn, listing_ids)
            wanted = {variant: Wanted(org, sku) for variant, org, sku in variants.values()}
            book = await load_book(work.conn, wanted, self._known)
            changed = await update_commands(work.conn, newest)
            for each in newest:
                if each.command_id in changed and each.status is not CommandStatus.RUNNING:
                    self._metrics.pushes.labels(STALE if is_stale(each) else each.status.value).inc()
            now = self._clock()
            await self._acknowledge(work.conn, book, newest, now)
            await close_book(work, book, now, self._metrics)

    async def push_waiting(self) -> None:
        """Tell stores what has waited long enough, and those that have not answered the push before in time.

        Asks the database only for a while after something had to wait, and else once a minute: another process may have
        died and left it.
        """
        started = time.monotonic()
        if started - self._metrics.waited_at > 2 * ONE_AT_A_TIME_S and started - self._looked_at < LOOK_EVERY_S:
            return
        # Should it fail, as while PostgreSQL is away, the next second looks again.
        self._looked_at = -math.inf
        now = self._clock()
        async with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            wanted = await waiting(conn, now)
        if wanted:
            async with unit_of_work(self._engine, SCHEMA) as work:
                book = await load_book(work.conn, wanted, self._known)
                book.touched.update(book.levels)
                await close_book(work, book, now, self._metrics)
        if len(wanted) < WAITING_LIMIT:
            self._looked_at = started

    async def _acknowledge(
        self, conn: AsyncConnection, book: Book, outcomes: Sequence[CommandOutcome], now: datetime
    ) -> None:
        listings = {each.id: each for found in book.listings.values() for each in found}
        news = [
            (listings[listing_id], sequence, outcome)
            for listing_id, sequence, outcome in answers(outcomes)
            if listing_id in listings and sequence > listings[listing_id].acked
        ]
        sold = await sold_since(conn, [(listing, at_store(outcome)) for listing, _, outcome in news])
        known = await asked(conn, [outcome.command_id for _, _, outcome in news])
        await note_lost(conn, [(listing.id, each) for listing, _, outcome in news for each in outcome.answers_lost])
        lost = lost_of(await unanswered(conn, [listing.id for listing, _, outcome in news if is_stale(outcome)]))
        landed: list[tuple[UUID, int, datetime]] = []
        alerts: dict[UUID, Alert | None] = {}
        refused: list[tuple[StoreListing, CommandOutcome]] = []
        for (listing, sequence, outcome), pieces in zip(news, sold, strict=True):
            listing.acked = sequence
            listing.changed = True
            book.touched.add(listing.variant_id)
            if outcome.status is CommandStatus.SUCCEEDED or is_stale(outcome):
                sequences = take_in(
                    book,
                    listing,
                    outcome,
                    push=known.get(outcome.command_id),
                    sold_since=pieces,
                    lost=lost.get(listing.id, ()),
                    now=now,
                )
                landed += [(listing.id, each, outcome.at) for each in sequences]
            if outcome.status is CommandStatus.SUCCEEDED:
                listing.pushed_at = outcome.at
                listing.failed = False
                alerts[listing.id] = None
            elif not is_stale(outcome):
                refused.append((listing, outcome))
        moved = await relocate(conn, [listing for listing, _ in refused])
        alerts |= {each.id: None if each.id in moved else self._refused(book, each, why) for each, why in refused}
        for caused_at, at in await land(conn, landed):
            if caused_at is not None:
                self._metrics.oversell_window.observe(max(0.0, (at - caused_at).total_seconds()))
        await raise_alerts(conn, [each for each in alerts.values() if each is not None], now)
        mended = [listings[id] for id, alert in alerts.items() if alert is None]
        await drop_alerts(conn, [(each.org_id, PUSH_FAILED, str(each.id)) for each in mended])

    @staticmethod
    def _refused(book: Book, listing: StoreListing, outcome: CommandOutcome) -> Alert | None:
        """Told again at the next change: what refuses now would refuse at once again."""
        level = book.levels[listing.variant_id]
        book.held.add(listing.id)
        if listing.pending or push_of(listing, level) is None:
            return None
        listing.failed = True
        return _alert(listing, level.sku, outcome)


def _alert(listing: StoreListing, sku: str, outcome: CommandOutcome) -> Alert:
    why = "unknown" if outcome.error is None else f"{outcome.error.code}: {outcome.error.detail}"
    return Alert(
        listing.org_id,
        PUSH_FAILED,
        str(listing.id),
        f"The store did not take the stock of {sku} ({why}).",
        sku=sku,
        variant_id=listing.variant_id,
        integration_id=listing.integration_id,
        quantity=listing.pushed_quantity,
    )
