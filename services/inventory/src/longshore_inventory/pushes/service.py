"""What became of stock pushes: what stores have now, whether they are in step, and how long that took."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.contracts import CommandOutcome, CommandStatus
from longshore.db import unit_of_work
from longshore_inventory.database import SCHEMA
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.pushes.rules import answers, is_stale, newest_per_command
from longshore_inventory.pushes.store import land, update_commands, variants_of
from longshore_inventory.stock.book import Book
from longshore_inventory.stock.closing import close_book
from longshore_inventory.stock.oversold import PUSH_FAILED, Alert, drop_alerts, raise_alerts
from longshore_inventory.stock.rules import StoreListing, push_of
from longshore_inventory.stock.store import Wanted, load_book, sold_since


class Pushes:
    """Outcomes of the pushes that this service asked for."""

    def __init__(self, engine: AsyncEngine, metrics: InventoryMetrics, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._known: set[UUID] = set()

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
                    self._metrics.pushes.labels(each.status.value).inc()
            now = self._clock()
            await self._acknowledge(work.conn, book, newest, now)
            await close_book(work, book, now, self._metrics)

    async def _acknowledge(
        self, conn: AsyncConnection, book: Book, outcomes: Sequence[CommandOutcome], now: datetime
    ) -> None:
        listings = {each.id: each for listings in book.listings.values() for each in listings}
        news: list[tuple[StoreListing, CommandOutcome]] = []
        for listing_id, outcome in answers(outcomes).items():
            listing = listings.get(listing_id)
            if listing is not None and (outcome.sequence or 0) > listing.acked:
                news.append((listing, outcome))
        sold = await sold_since(conn, [(listing, outcome.at) for listing, outcome in news])
        landed: list[tuple[UUID, int, datetime]] = []
        failed: list[Alert] = []
        mended: list[tuple[UUID, str, str]] = []
        for (listing, outcome), pieces in zip(news, sold, strict=True):
            sequence = outcome.sequence or 0
            listing.acked = sequence
            listing.changed = True
            book.touched.add(listing.variant_id)
            quantity = _quantity(listing, outcome)
            if quantity is not None:
                book.confirm(listing, quantity, pieces, outcome.at)
            level = book.levels[listing.variant_id]
            if outcome.status is CommandStatus.SUCCEEDED:
                listing.pushed_at = outcome.at
                listing.failed = False
                landed.append((listing.id, sequence, outcome.at))
                mended.append((listing.org_id, PUSH_FAILED, str(listing.id)))
            elif not listing.pending and push_of(listing, level) is not None and not is_stale(outcome):
                listing.failed = True
                failed.append(_alert(listing, level.sku, outcome))
                # Told again at the next change: what refuses now would refuse at once again.
                book.held.add(listing.id)
        for caused_at, at in await land(conn, landed):
            if caused_at is not None:
                self._metrics.oversell_window.observe(max(0.0, (at - caused_at).total_seconds()))
        await raise_alerts(conn, failed, now)
        await drop_alerts(conn, mended)


def _quantity(listing: StoreListing, outcome: CommandOutcome) -> int | None:
    """What the store has at the listing's location now; None when the outcome does not tell.

    A push that went through is taken at its word: a store that answers otherwise must not make us repeat it for ever.
    """
    if outcome.status is CommandStatus.SUCCEEDED and outcome.sequence == listing.sequence:
        return max(0, (listing.pushed_quantity or 0) - listing.elsewhere)
    return outcome.quantity


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
