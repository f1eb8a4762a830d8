"""Reports of the stores: kept as they come, compared with what we expect, and counted when they go on differing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.commands import command_message
from longshore.contracts import Origin, StockLevel
from longshore.db import unit_of_work
from longshore_inventory.database import SCHEMA
from longshore_inventory.listings.locks import share_catalogues
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.pushes.rules import Asked, lost_of, nearest
from longshore_inventory.pushes.store import land, unanswered
from longshore_inventory.stock.book import Book, Movement, report_movement
from longshore_inventory.stock.closing import close_book, fetch_command
from longshore_inventory.stock.linking import take_reports
from longshore_inventory.stock.rules import (
    ANSWER_S,
    CLOCKS_DIFFER_S,
    Certainty,
    Heard,
    InDoubt,
    Stated,
    StoreListing,
    agree,
    certainty,
    heard_before,
    holds_as_of,
    is_mature,
    is_our_doing,
    restart_impossible,
    unexplained,
)
from longshore_inventory.stock.store import ItemKey, Wanted, counted_as_lost, known_movements, load_book, sold_since

log = structlog.get_logger(__name__)

MATURE_BATCH = 200

TAKEN_LATELY = timedelta(days=1)
"""So long an order may be late that a difference was counted for."""

# As rules.heard_before.
_EARLIER = """(CASE WHEN EXCLUDED.first_partition = r.first_partition AND EXCLUDED.first_offset <> r.first_offset
    THEN EXCLUDED.first_offset < r.first_offset ELSE EXCLUDED.first_observed_at < r.first_observed_at END)"""
_NEWER = """((EXCLUDED.updated_at, EXCLUDED.observed_at, EXCLUDED.raw_offset)
    > (r.updated_at, r.observed_at, r.raw_offset))"""
_OF_FIRST = ("first_quantity", "first_as_of", "first_observed_at", "first_partition", "first_offset")
_OF_NEWEST = ("quantity", "as_of", "updated_at", "observed_at", "raw_offset", "stocked", "fetched")

_TAKE = text(
    f"""
    INSERT INTO inventory.reports AS r (integration_id, inventory_external_id, location, org_id, first_quantity,
        first_as_of, first_observed_at, first_partition, first_offset, quantity, as_of, updated_at, observed_at,
        raw_offset, stocked, fetched)
    SELECT n.integration, n.item, n.location, n.org, n.first, n.first_as_of, n.first_observed, n.first_partition,
        n.first_offset, n.quantity, n.as_of, n.updated, n.observed, n.raw_offset,
        n.stocked, n.fetched
    FROM unnest(CAST(:integrations AS uuid[]), CAST(:items AS text[]), CAST(:locations AS text[]),
        CAST(:orgs AS uuid[]), CAST(:firsts AS bigint[]), CAST(:first_as_of AS timestamptz[]),
        CAST(:first_observed AS timestamptz[]), CAST(:first_partitions AS int[]), CAST(:first_offsets AS bigint[]),
        CAST(:quantities AS bigint[]), CAST(:as_of AS timestamptz[]), CAST(:updated AS timestamptz[]),
        CAST(:observed AS timestamptz[]), CAST(:offsets AS bigint[]), CAST(:stocked AS boolean[]),
        CAST(:fetched AS boolean[]), CAST(:ever AS boolean[]))
        AS n (integration, item, location, org, first, first_as_of, first_observed, first_partition, first_offset,
            quantity, as_of, updated, observed, raw_offset, stocked, fetched, ever)
    -- Where an item was never stocked there is nothing to sell, and nothing to push to.
    WHERE n.ever OR EXISTS (SELECT FROM inventory.reports k WHERE k.org_id = n.org
        AND (k.integration_id, k.inventory_external_id, k.location) = (n.integration, n.item, n.location))
    ON CONFLICT (integration_id, inventory_external_id, location) DO UPDATE SET
        {", ".join(f"{name} = CASE WHEN {_EARLIER} THEN EXCLUDED.{name} ELSE r.{name} END" for name in _OF_FIRST)},
        {", ".join(f"{name} = CASE WHEN {_NEWER} THEN EXCLUDED.{name} ELSE r.{name} END" for name in _OF_NEWEST)}
    WHERE {_EARLIER} OR {_NEWER}
    RETURNING r.integration_id, r.inventory_external_id, r.first_quantity, (xmax = 0) AS is_new
    """  # noqa: S608  (our own constants)
)

# unscoped: by canonical ids, each of one organisation
_LISTED = text(
    """
    SELECT l.id, l.variant_id, l.org_id, l.sku FROM inventory.listings l
    JOIN unnest(CAST(:integrations AS uuid[]), CAST(:items AS text[])) AS q (integration_id, item)
        ON l.integration_id = q.integration_id AND l.inventory_external_id = q.item
    WHERE l.variant_id IS NOT NULL
    """
)

# unscoped: a look for all that is due; each row says whose it is
_DIFFERING = text(
    """
    SELECT l.id, l.variant_id, l.org_id, l.sku
    FROM inventory.store_levels s JOIN inventory.listings l ON l.id = s.listing_id
    WHERE (s.differs_since <= :horizon OR s.differs_since > :impossible)
        AND s.acked >= s.sequence AND l.variant_id IS NOT NULL
        AND (s.asked_at IS NULL OR s.asked_at <= :unanswered OR s.asked_at > :impossible)
    ORDER BY s.differs_since LIMIT :limit
    """
)


@dataclass(slots=True)
class _Told:
    """The reports of one item at one location within a batch: observed first, and newest; whether it was ever stocked
    there."""

    first: StockLevel
    newest: StockLevel
    stocked: bool


class Reports:
    """What stores say of their stock."""

    def __init__(self, engine: AsyncEngine, metrics: InventoryMetrics, settle_s: float, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._metrics = metrics
        self._settle_s = settle_s
        self._clock = clock
        self._known: set[UUID] = set()

    async def apply(self, given: Iterable[StockLevel]) -> None:
        """Take in reports, any number per item, in any order."""
        told: dict[tuple[UUID, str, str], _Told] = {}
        for level in given:
            key = (level.integration_id, level.inventory_external_id, level.location_external_id or "")
            known = told.get(key)
            if known is None:
                told[key] = _Told(level, level, level.stocked)
                continue
            known.stocked |= level.stocked
            if heard_before(_heard(level), _heard(known.first)):
                known.first = level
            if level.version.key() > known.newest.version.key():
                known.newest = level
        if not told:
            return
        async with unit_of_work(self._engine, SCHEMA) as work:
            await share_catalogues(work.conn, {key[0] for key in told})
            added = await _take(work.conn, told)
            rows = (await work.conn.execute(_LISTED, _items(added))).all()
            if not rows:
                return
            wanted = {row.variant_id: Wanted(row.org_id, row.sku) for row in rows}
            book = await load_book(work.conn, wanted, self._known)
            ids = {row.id for row in rows}
            found = [each for listings in book.listings.values() for each in listings if each.id in ids]
            now = self._clock()
            await take_reports(work.conn, book, found, now, added)
            book.touched.update(each.variant_id for each in found if each.changed)
            await close_book(work, book, now, self._metrics)

    async def settle_due(self) -> int:
        """Count the differences that have outlived the settle window; answers how many there were."""
        now = self._clock()
        async with unit_of_work(self._engine, SCHEMA) as work:
            horizon = now - timedelta(seconds=self._settle_s)
            impossible = now + timedelta(seconds=CLOCKS_DIFFER_S)
            unanswered = now - timedelta(seconds=ANSWER_S)
            values = {
                "horizon": horizon,
                "impossible": impossible,
                "unanswered": unanswered,
                "limit": MATURE_BATCH,
            }
            rows = (await work.conn.execute(_DIFFERING, values)).all()
            if not rows:
                return 0
            wanted = {row.variant_id: Wanted(row.org_id, row.sku) for row in rows}
            book = await load_book(work.conn, wanted, self._known)
            ids = {row.id for row in rows}
            found = [each for listings in book.listings.values() for each in listings if each.id in ids]
            for listing in found:
                if restart_impossible(listing, now):
                    # Saved with the book, which saves nothing of what is not touched.
                    book.touched.add(listing.variant_id)
                    book.held.add(listing.id)
            due = [each for each in found if is_mature(each, now, self._settle_s)]
            decisions, asked = await self._settle(work.conn, book, due, now)
            work.emit(*(command_message(fetch_command(each, now)) for each in asked))
            await close_book(work, book, now, self._metrics, decisions=decisions)
            return len(due)

    async def _settle(
        self, conn: AsyncConnection, book: Book, due: Sequence[StoreListing], now: datetime
    ) -> tuple[list[Movement], list[StoreListing]]:
        """Movements that are decided, and listings whose stores are to be asked first."""
        stated = [
            (each, Stated(each.reported, each.reported_as_of, now))
            for each in due
            if each.reported is not None and each.reported_as_of is not None
        ]
        sold = await sold_since(conn, [(each, said.as_of) for each, said in stated])
        entered = await known_movements(conn, [report_movement(each, said) for each, said in stated])
        pushes = await unanswered(conn, [each.id for each, _ in stated])
        told = await _told_by(conn, stated, pushes)
        lost = lost_of(pushes)
        doubts = await _doubts(conn, due, now)
        landed: list[tuple[UUID, int, datetime]] = []
        decisions: list[Movement] = []
        asked: list[StoreListing] = []
        for (listing, said), pieces in zip(stated, sold, strict=True):
            difference = unexplained(listing, said, pieces)
            if difference and listing.id in told:
                # No stranger's doing: a push of ours took effect, and before that was known a newer one replaced it.
                book.confirm(listing, said.quantity - listing.elsewhere, pieces, said.as_of)
                agree(listing)
                landed.append((listing.id, told[listing.id], said.as_of))
                continue
            explained = nearest(listing, said.quantity - pieces, difference, lost.get(listing.id, ()))
            if explained is not None:
                push, difference = explained
                book.land(listing, push.quantity, push.sold or 0, said.as_of)
                landed.append((listing.id, push.sequence, said.as_of))
            if is_our_doing(difference, doubts[listing.id]):
                book.confirm(listing, said.quantity - listing.elsewhere, pieces, said.as_of)
                agree(listing)
                continue
            sure = certainty(listing, now, self._settle_s) if difference else Certainty.COUNTS
            if sure is not Certainty.COUNTS:
                book.held.add(listing.id)
                if sure is Certainty.ASK:
                    book.ask(listing, now)
                    asked.append(listing)
                continue
            movement = book.settle(listing, said, difference, now, entered)
            if difference:
                self._metrics.drift.labels(listing.mode.value).inc()
                log.info(
                    "a store's stock differs from what we expect",
                    listing_id=str(listing.id),
                    integration_id=str(listing.integration_id),
                    difference=difference,
                    mode=listing.mode.value,
                )
            if movement is not None:
                decisions.append(movement)
        await land(conn, landed)
        return decisions, asked


async def _told_by(
    conn: AsyncConnection, stated: Sequence[tuple[StoreListing, Stated]], pushes: Sequence[Asked]
) -> dict[UUID, int]:
    """Of listings whose store has something else than we expect: the newest push of ours that explains it, if one does.

    It told just what the store has; or, if it was sent for certain and its answer was lost, just that less what the
    store has sold itself between the two, by the clock.
    """
    told = {listing.id: (listing, said) for listing, said in stated}
    before = await sold_since(conn, [(told[each.listing_id][0], each.created_at) for each in pushes])
    after = await sold_since(conn, [(told[each.listing_id][0], told[each.listing_id][1].as_of) for each in pushes])
    found: dict[UUID, int] = {}
    for push, since_push, since_report in zip(pushes, before, after, strict=True):
        listing, said = told[push.listing_id]
        sold = since_push - since_report if push.answer_lost else 0
        if said.quantity - listing.elsewhere in (push.quantity, push.quantity - sold):
            found.setdefault(listing.id, push.sequence)
    return found


async def _doubts(conn: AsyncConnection, listings: Sequence[StoreListing], now: datetime) -> dict[UUID, InDoubt]:
    after = await _sold_in_second(conn, [(each, each.anchored_at) for each in listings])
    before = await _sold_in_second(conn, [(each, each.confirmed_at) for each in listings])
    taken = await counted_as_lost(conn, [each.id for each in listings], now - TAKEN_LATELY)
    return {each.id: InDoubt(after[each.id], before[each.id], taken.get(each.id, 0)) for each in listings}


async def _sold_in_second(
    conn: AsyncConnection, asked: Sequence[tuple[StoreListing, datetime | None]]
) -> dict[UUID, int]:
    """Pieces that each listing's store sold in the second of the time beside it, up to that.

    Stores date orders to the second: any of these may have been sold before or after it.
    """
    times = [(each, at) for each, at in asked if at is not None]
    until = await sold_since(conn, times)
    since = await sold_since(
        conn, [(each, at.replace(microsecond=0) - timedelta(microseconds=1)) for each, at in times]
    )
    found = {each.id: 0 for each, _ in asked}
    return found | {each.id: more - less for (each, _), more, less in zip(times, since, until, strict=True)}


def _heard(level: StockLevel) -> Heard:
    return Heard(level.raw.partition, level.raw.offset, level.version.observed_at)


async def _take(conn: AsyncConnection, told: dict[tuple[UUID, str, str], _Told]) -> dict[ItemKey, int]:
    """Write reports; answers the items of which something is new, with the quantity at locations heard of first now."""
    keys = sorted(told)

    def as_of(level: StockLevel) -> datetime:
        return holds_as_of(level.platform, level.raw.origin, level.updated_at, level.version.observed_at)

    firsts = [told[key].first for key in keys]
    newest = [told[key].newest for key in keys]
    rows = await conn.execute(
        _TAKE,
        {
            "integrations": [key[0] for key in keys],
            "items": [key[1] for key in keys],
            "locations": [key[2] for key in keys],
            "orgs": [each.org_id for each in newest],
            "firsts": [each.quantity for each in firsts],
            "first_as_of": [as_of(each) for each in firsts],
            "first_observed": [each.version.observed_at for each in firsts],
            "first_partitions": [each.raw.partition for each in firsts],
            "first_offsets": [each.raw.offset for each in firsts],
            "quantities": [each.quantity for each in newest],
            "as_of": [as_of(each) for each in newest],
            "updated": [each.version.updated_at for each in newest],
            "observed": [each.version.observed_at for each in newest],
            "offsets": [each.version.offset for each in newest],
            "stocked": [each.stocked for each in newest],
            "fetched": [each.raw.origin is Origin.FETCH for each in newest],
            "ever": [told[key].stocked for key in keys],
        },
    )
    added: dict[ItemKey, int] = {}
    for row in rows:
        key = (row.integration_id, row.inventory_external_id)
        added[key] = added.get(key, 0) + (row.first_quantity if row.is_new else 0)
    return added


def _items(added: Iterable[ItemKey]) -> dict[str, list[object]]:
    keys = list(added)
    return {"integrations": [key[0] for key in keys], "items": [key[1] for key in keys]}
