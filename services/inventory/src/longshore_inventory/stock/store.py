"""The ledger's SQL: loading a book under its locks, saving it, sales and reports of stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import Platform
from longshore_inventory.stock.book import Book, Movement
from longshore_inventory.stock.rules import LOCATION, Level, Mode, Report, StoreListing

_INSERT_LEVELS = text(
    """
    INSERT INTO inventory.levels (variant_id, location, org_id, sku, on_hand, reserved, base_quantity)
    SELECT variant_id, :location, org_id, sku, 0, 0, 0
    FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:skus AS text[])) AS new (variant_id, org_id, sku)
    ORDER BY variant_id
    ON CONFLICT DO NOTHING
    """
)

# unscoped: by canonical ids, each of one organisation
_LOCK_LEVELS = text(
    """
    SELECT org_id, variant_id, sku, on_hand, reserved, base_listing_id, base_observed_at, base_quantity, decided_at
    FROM inventory.levels
    WHERE variant_id = ANY(CAST(:ids AS uuid[])) AND location = :location
    ORDER BY variant_id
    FOR UPDATE
    """
)

LISTING_COLUMNS = """
    l.id, l.org_id, l.integration_id, l.platform, l.variant_id, l.product_external_id, l.parent_external_id,
    l.variant_external_id, l.inventory_external_id,
    l.active AND l.tracked AND NOT coalesce(c.deleted, false) AS sellable,
    c.mode, c.buffer, s.linked_at, s.linked_observed_at, s.believed, s.confirmed_at, s.pushed_at, s.pushed_quantity,
    s.sequence, s.acked, s.location, s.elsewhere, s.reported, s.reported_as_of, s.differs_since, s.failed,
    s.sold, s.anchored_at, s.refuted, s.fetched, s.asked_at, s.waiting_since
"""

LISTING_TABLES = """
    inventory.listings l
    LEFT JOIN inventory.store_levels s ON s.listing_id = l.id
    LEFT JOIN inventory.channels c ON c.integration_id = l.integration_id
"""

# unscoped: by canonical ids, each of one organisation
_LISTINGS = text(
    f"SELECT {LISTING_COLUMNS} FROM {LISTING_TABLES}"  # noqa: S608  (our own constants)
    " WHERE l.variant_id = ANY(CAST(:ids AS uuid[])) ORDER BY l.variant_id, l.id"
)

# unscoped: by canonical ids, each of one organisation
_UPDATE_LEVELS = text(
    """
    UPDATE inventory.levels l
    SET on_hand = n.on_hand, reserved = n.reserved, base_listing_id = n.base_listing_id,
        base_observed_at = n.base_observed_at, base_quantity = n.base_quantity, decided_at = n.decided_at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:on_hand AS bigint[]), CAST(:reserved AS bigint[]),
        CAST(:base_listings AS uuid[]), CAST(:base_observed AS timestamptz[]), CAST(:base_quantities AS bigint[]),
        CAST(:decided AS timestamptz[]))
        AS n (variant_id, on_hand, reserved, base_listing_id, base_observed_at, base_quantity, decided_at)
    WHERE l.variant_id = n.variant_id AND l.location = :location
    """
)

_INSERT_MOVEMENTS = text(
    """
    INSERT INTO inventory.movements (id, org_id, variant_id, location, kind, source, delta, reason, at)
    SELECT id, org_id, variant_id, :location, kind, source, delta, reason, at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:variants AS uuid[]), CAST(:kinds AS text[]),
        CAST(:sources AS text[]), CAST(:deltas AS bigint[]), CAST(:reasons AS text[]), CAST(:ats AS timestamptz[]))
        WITH ORDINALITY AS n (id, org_id, variant_id, kind, source, delta, reason, at, number)
    ORDER BY number
    """
)

_SAVE_STORE_LEVELS = text(
    """
    INSERT INTO inventory.store_levels AS s (listing_id, org_id, linked_at, linked_observed_at, believed, confirmed_at,
        pushed_at, pushed_quantity, sequence, acked, location, elsewhere, reported, reported_as_of, differs_since,
        failed, sold, anchored_at, refuted, fetched, asked_at, waiting_since)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:linked_at AS timestamptz[]),
        CAST(:linked_observed AS timestamptz[]), CAST(:believed AS bigint[]), CAST(:confirmed AS timestamptz[]),
        CAST(:pushed_at AS timestamptz[]), CAST(:pushed AS bigint[]), CAST(:sequence AS bigint[]),
        CAST(:acked AS bigint[]), CAST(:location AS text[]), CAST(:elsewhere AS bigint[]),
        CAST(:reported AS bigint[]), CAST(:reported_as_of AS timestamptz[]), CAST(:differs AS timestamptz[]),
        CAST(:failed AS boolean[]), CAST(:sold AS bigint[]), CAST(:anchored AS timestamptz[]),
        CAST(:refuted AS bigint[]), CAST(:fetched AS boolean[]), CAST(:asked AS timestamptz[]),
        CAST(:waiting AS timestamptz[])) AS n
    ON CONFLICT (listing_id) DO UPDATE SET linked_at = EXCLUDED.linked_at,
        linked_observed_at = EXCLUDED.linked_observed_at, believed = EXCLUDED.believed,
        confirmed_at = EXCLUDED.confirmed_at, pushed_at = EXCLUDED.pushed_at,
        pushed_quantity = EXCLUDED.pushed_quantity, sequence = EXCLUDED.sequence, acked = EXCLUDED.acked,
        location = EXCLUDED.location, elsewhere = EXCLUDED.elsewhere, reported = EXCLUDED.reported,
        reported_as_of = EXCLUDED.reported_as_of, differs_since = EXCLUDED.differs_since, failed = EXCLUDED.failed,
        sold = EXCLUDED.sold, anchored_at = EXCLUDED.anchored_at, refuted = EXCLUDED.refuted,
        fetched = EXCLUDED.fetched, asked_at = EXCLUDED.asked_at,
        waiting_since = EXCLUDED.waiting_since
    """
)

# unscoped: by canonical ids, each of one organisation
_SOLD_SINCE = text(
    """
    SELECT q.number, sum(l.reserved + l.shipped - l.restocked) AS pieces
    FROM unnest(CAST(:variants AS uuid[]), CAST(:integrations AS uuid[]), CAST(:externals AS text[]),
        CAST(:sinces AS timestamptz[])) WITH ORDINALITY AS q (variant_id, integration_id, external_id, since, number)
    JOIN inventory.order_lines l ON l.variant_id = q.variant_id AND l.integration_id = q.integration_id
        AND l.placed_at > q.since AND coalesce(l.variant_external_id, q.external_id) = q.external_id
    GROUP BY q.number
    """
)


class Wanted(NamedTuple):
    """A variant to load: its level is made when there is none."""

    org_id: UUID
    sku: str


async def load_book(conn: AsyncConnection, wanted: Mapping[UUID, Wanted], known: set[UUID]) -> Book:
    """Lock the levels of these variants, in the order of their ids, and load them with their listings.

    `known`: variants that had a level when last seen; kept by the caller to save an insert. Levels are made before any
    is locked, so two transactions never wait for each other in a circle.
    """
    if not wanted:
        return Book()
    await _make_levels(conn, {id: each for id, each in wanted.items() if id not in known})
    ids = sorted(wanted)
    rows = (await conn.execute(_LOCK_LEVELS, {"ids": ids, "location": LOCATION})).all()
    if len(rows) < len(ids):
        # `known` told of a level whose transaction failed.
        there = {row.variant_id for row in rows}
        await _make_levels(conn, {id: each for id, each in wanted.items() if id not in there})
        rows = (await conn.execute(_LOCK_LEVELS, {"ids": ids, "location": LOCATION})).all()
    if len(known) > 500_000:
        known.clear()
    known.update(ids)
    return Book.of([Level(*row) for row in rows], await listings_of(conn, ids))


async def _make_levels(conn: AsyncConnection, wanted: Mapping[UUID, Wanted]) -> None:
    if wanted:
        await conn.execute(
            _INSERT_LEVELS,
            {
                "ids": list(wanted),
                "orgs": [each.org_id for each in wanted.values()],
                "skus": [each.sku for each in wanted.values()],
                "location": LOCATION,
            },
        )


async def listings_of(conn: AsyncConnection, variant_ids: Sequence[UUID]) -> list[StoreListing]:
    """All listings of these variants."""
    return [store_listing(row) for row in await conn.execute(_LISTINGS, {"ids": list(variant_ids)})]


def store_listing(row: Any) -> StoreListing:
    """A listing from a row of LISTING_COLUMNS."""
    return StoreListing(
        row.id,
        row.org_id,
        row.integration_id,
        Platform(row.platform),
        row.variant_id,
        row.product_external_id,
        row.parent_external_id,
        row.variant_external_id,
        row.inventory_external_id,
        row.sellable,
        Mode.SHARED if row.mode is None else Mode(row.mode),
        row.buffer or 0,
        row.linked_at,
        row.linked_observed_at,
        row.believed,
        row.confirmed_at,
        row.pushed_at,
        row.pushed_quantity,
        row.sequence or 0,
        row.acked or 0,
        row.location,
        row.elsewhere or 0,
        row.reported,
        row.reported_as_of,
        row.differs_since,
        row.failed or False,
        row.sold or 0,
        row.anchored_at,
        row.refuted,
        row.fetched or False,
        row.asked_at,
        row.waiting_since,
    )


async def save_book(conn: AsyncConnection, book: Book) -> None:
    """Write levels, movements and what stores are believed to have."""
    levels = [book.levels[id] for id in sorted(book.touched)]
    if levels:
        await conn.execute(
            _UPDATE_LEVELS,
            {
                "ids": [each.variant_id for each in levels],
                "on_hand": [each.on_hand for each in levels],
                "reserved": [each.reserved for each in levels],
                "base_listings": [each.base_listing_id for each in levels],
                "base_observed": [each.base_observed_at for each in levels],
                "base_quantities": [each.base_quantity for each in levels],
                "decided": [each.decided_at for each in levels],
                "location": LOCATION,
            },
        )
    if book.movements:
        await _insert_movements(conn, book.movements)
    changed = [each for listings in book.listings.values() for each in listings if each.changed]
    if changed:
        await _save_store_levels(conn, changed)


async def _insert_movements(conn: AsyncConnection, movements: Sequence[Movement]) -> None:
    await conn.execute(
        _INSERT_MOVEMENTS,
        {
            "ids": [each.id for each in movements],
            "orgs": [each.org_id for each in movements],
            "variants": [each.variant_id for each in movements],
            "kinds": [each.kind.value for each in movements],
            "sources": [each.source for each in movements],
            "deltas": [each.delta for each in movements],
            "reasons": [each.reason for each in movements],
            "ats": [each.at for each in movements],
            "location": LOCATION,
        },
    )


async def _save_store_levels(conn: AsyncConnection, changed: Sequence[StoreListing]) -> None:
    await conn.execute(
        _SAVE_STORE_LEVELS,
        {
            "ids": [each.id for each in changed],
            "orgs": [each.org_id for each in changed],
            "linked_at": [each.linked_at for each in changed],
            "linked_observed": [each.linked_observed_at for each in changed],
            "believed": [each.believed for each in changed],
            "confirmed": [each.confirmed_at for each in changed],
            "pushed_at": [each.pushed_at for each in changed],
            "pushed": [each.pushed_quantity for each in changed],
            "sequence": [each.sequence for each in changed],
            "acked": [each.acked for each in changed],
            "location": [each.location for each in changed],
            "elsewhere": [each.elsewhere for each in changed],
            "reported": [each.reported for each in changed],
            "reported_as_of": [each.reported_as_of for each in changed],
            "differs": [each.differs_since for each in changed],
            "failed": [each.failed for each in changed],
            "sold": [each.sold for each in changed],
            "anchored": [each.anchored_at for each in changed],
            "refuted": [each.refuted for each in changed],
            "fetched": [each.fetched for each in changed],
            "asked": [each.asked_at for each in changed],
            "waiting": [each.waiting_since for each in changed],
        },
    )


async def sold_since(conn: AsyncConnection, asked: Sequence[tuple[StoreListing, datetime]]) -> list[int]:
    """Pieces that each listing's own orders, placed after the time beside it, hold now."""
    if not asked:
        return []
    rows = await conn.execute(
        _SOLD_SINCE,
        {
            "variants": [listing.variant_id for listing, _ in asked],
            "integrations": [listing.integration_id for listing, _ in asked],
            "externals": [listing.variant_external_id for listing, _ in asked],
            "sinces": [since for _, since in asked],
        },
    )
    pieces = {row.number: int(row.pieces) for row in rows}
    return [pieces.get(number, 0) for number in range(1, len(asked) + 1)]


async def counted_as_lost(conn: AsyncConnection, listing_ids: Sequence[UUID], since: datetime) -> dict[UUID, int]:
    """Pieces that movements of these listings' own reports have taken off the ledger since, on balance."""
    rows = await conn.execute(
        text(
            """
            SELECT m.source, -sum(m.delta) AS pieces FROM inventory.listings l
            JOIN inventory.movements m ON m.org_id = l.org_id AND m.variant_id = l.variant_id
                AND m.kind = 'report' AND m.source = CAST(l.id AS text) AND m.at >= :since
            WHERE l.id = ANY(CAST(:ids AS uuid[])) GROUP BY m.source
            """
        ),
        {"ids": list(listing_ids), "since": since},
    )
    return {UUID(row.source): max(0, int(row.pieces)) for row in rows}


async def known_movements(conn: AsyncConnection, ids: Iterable[UUID]) -> set[UUID]:
    """Which of these movements the ledger has."""
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text("SELECT id FROM inventory.movements WHERE id = ANY(CAST(:ids AS uuid[]))"), {"ids": list(ids)}
    )
    return {row.id for row in rows}


ItemKey = tuple[UUID, str]


async def reports_of(conn: AsyncConnection, items: Iterable[ItemKey]) -> dict[ItemKey, list[Report]]:
    """What stores have said of these inventory items, (integration, item), location by location."""
    keys = sorted(set(items))
    if not keys:
        return {}
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text(
            """
            SELECT r.* FROM inventory.reports r
            JOIN unnest(CAST(:integrations AS uuid[]), CAST(:items AS text[])) AS q (integration_id, item)
                ON r.integration_id = q.integration_id AND r.inventory_external_id = q.item
            ORDER BY r.integration_id, r.inventory_external_id, r.location
            """
        ),
        {"integrations": [key[0] for key in keys], "items": [key[1] for key in keys]},
    )
    found: dict[ItemKey, list[Report]] = {}
    for row in rows:
        report = Report(
            row.location,
            row.first_quantity,
            row.first_as_of,
            row.first_observed_at,
            row.quantity,
            row.as_of,
            row.observed_at,
            row.raw_offset,
            row.stocked,
            row.fetched,
        )
        found.setdefault((row.integration_id, row.inventory_external_id), []).append(report)
    return found
