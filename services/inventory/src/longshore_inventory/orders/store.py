"""Queries of what orders hold of the stock."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore_inventory.orders.changes import OrderRow
from longshore_inventory.orders.rules import Claim, Detail, Rank, Target
from longshore_inventory.stock.book import Line
from longshore_inventory.stock.store import Wanted

_UNNEST = """
    SELECT id, org_id, integration_id, external_id, updated_at, observed_at, raw_offset, digest, gone_at, claim,
        placed_at, cancelled_at, string_to_array(void, E'\\x1f'), details::jsonb
    FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:integrations AS uuid[]), CAST(:externals AS text[]),
        CAST(:updated AS timestamptz[]), CAST(:observed AS timestamptz[]), CAST(:offsets AS bigint[]),
        CAST(:digests AS text[]), CAST(:gone AS timestamptz[]), CAST(:claims AS text[]), CAST(:placed AS timestamptz[]),
        CAST(:cancelled AS timestamptz[]), CAST(:voids AS text[]), CAST(:details AS text[]))
        AS n (id, org_id, integration_id, external_id, updated_at, observed_at, raw_offset, digest, gone_at, claim,
            placed_at, cancelled_at, void, details)
"""

_COLUMNS = """(id, org_id, integration_id, external_id, updated_at, observed_at, raw_offset, digest, gone_at, claim,
    placed_at, cancelled_at, void_fulfillments, details)"""

_INSERT_NEW = text(f"INSERT INTO inventory.orders {_COLUMNS} {_UNNEST} ORDER BY id ON CONFLICT DO NOTHING RETURNING id")

# unscoped: by canonical ids, each of one organisation
_LOCK = text("SELECT * FROM inventory.orders WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE")

# unscoped: by canonical ids, each of one organisation
_UPDATE = text(
    f"""
    UPDATE inventory.orders o
    SET updated_at = n.updated_at, observed_at = n.observed_at, raw_offset = n.raw_offset, digest = n.digest,
        gone_at = n.gone_at, claim = n.claim, placed_at = n.placed_at, cancelled_at = n.cancelled_at,
        void_fulfillments = n.void, details = n.details
    FROM ({_UNNEST}) AS n (id, org_id, integration_id, external_id, updated_at, observed_at, raw_offset, digest,
        gone_at, claim, placed_at, cancelled_at, void, details)
    WHERE o.id = n.id
    """  # noqa: S608
)

_SAVE_LINES = text(
    """
    INSERT INTO inventory.order_lines AS l (id, order_id, org_id, integration_id, variant_id, variant_external_id, sku,
        placed_at, quantity, fulfilled, refunded, returned, reserved, shipped, restocked, opening, moves, taken,
        oversold)
    SELECT n.*, 0 FROM unnest(CAST(:ids AS uuid[]), CAST(:orders AS uuid[]), CAST(:orgs AS uuid[]),
        CAST(:integrations AS uuid[]), CAST(:variants AS uuid[]), CAST(:externals AS text[]), CAST(:skus AS text[]),
        CAST(:placed AS timestamptz[]), CAST(:quantities AS int[]), CAST(:fulfilled AS int[]), CAST(:refunded AS int[]),
        CAST(:returned AS int[]), CAST(:reserved AS int[]), CAST(:shipped AS int[]), CAST(:restocked AS int[]),
        CAST(:openings AS int[]), CAST(:moves AS int[]), CAST(:takens AS int[])) AS n
    ON CONFLICT (order_id, id) DO UPDATE SET variant_id = EXCLUDED.variant_id,
        variant_external_id = EXCLUDED.variant_external_id, sku = EXCLUDED.sku,
        placed_at = EXCLUDED.placed_at, quantity = EXCLUDED.quantity,
        fulfilled = EXCLUDED.fulfilled, refunded = EXCLUDED.refunded, returned = EXCLUDED.returned,
        reserved = EXCLUDED.reserved, shipped = EXCLUDED.shipped, restocked = EXCLUDED.restocked,
        opening = EXCLUDED.opening, moves = EXCLUDED.moves, taken = EXCLUDED.taken
    """
)


async def insert_new(conn: AsyncConnection, rows: Sequence[OrderRow]) -> set[UUID]:
    """Write those that are not there; answers which were new."""
    found = await conn.execute(_INSERT_NEW, _parameters(rows))
    return {row.id for row in found}


async def lock_orders(conn: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, OrderRow]:
    """Lock orders in the order of their ids, and load them."""
    wanted = sorted(ids)
    if not wanted:
        return {}
    return {row.id: _order(row) for row in await conn.execute(_LOCK, {"ids": wanted})}


async def orders_of(conn: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, OrderRow]:
    """Load orders without locking them; their lines' variants are locked by the caller."""
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text("SELECT * FROM inventory.orders WHERE id = ANY(CAST(:ids AS uuid[]))"), {"ids": sorted(ids)}
    )
    return {row.id: _order(row) for row in rows}


async def update_orders(conn: AsyncConnection, rows: Sequence[OrderRow]) -> None:
    """Write orders that are locked."""
    if rows:
        await conn.execute(_UPDATE, _parameters(rows))


def _parameters(rows: Sequence[OrderRow]) -> dict[str, Any]:
    return {
        "ids": [each.id for each in rows],
        "orgs": [each.org_id for each in rows],
        "integrations": [each.integration_id for each in rows],
        "externals": [each.external_id for each in rows],
        "updated": [each.rank and each.rank.updated_at for each in rows],
        "observed": [each.rank and each.rank.observed_at for each in rows],
        "offsets": [each.rank and each.rank.offset for each in rows],
        "digests": ["" if each.rank is None else each.rank.digest for each in rows],
        "gone": [each.gone_at for each in rows],
        "claims": [each.claim.value for each in rows],
        "placed": [each.placed_at for each in rows],
        "cancelled": [each.cancelled_at for each in rows],
        # PostgreSQL has no arrays of arrays of different lengths.
        "voids": ["\x1f".join(each.void) for each in rows],
        "details": [_write_details(each.details) if each.details else None for each in rows],
    }


def _write_details(details: Mapping[str, Detail]) -> str:
    return json.dumps({base: [each[0].isoformat(), *each[1:]] for base, each in details.items()})


def _read_details(stored: Mapping[str, Any]) -> dict[str, Detail]:
    return {
        base: Detail(datetime.fromisoformat(at), digest, refunded) for base, (at, digest, refunded) in stored.items()
    }


def _order(row: Any) -> OrderRow:
    rank = None if row.updated_at is None else Rank(row.updated_at, row.observed_at, row.raw_offset, row.digest)
    return OrderRow(
        row.id,
        row.org_id,
        row.integration_id,
        row.external_id,
        rank,
        row.gone_at,
        Claim(row.claim),
        row.placed_at,
        row.cancelled_at,
        tuple(row.void_fulfillments),
        _read_details(row.details or {}),
    )


async def variants_of_orders(conn: AsyncConnection, order_ids: Iterable[UUID]) -> tuple[dict[UUID, Wanted], set[UUID]]:
    """The variants of these orders' lines, and the integrations of those lines that name no SKU."""
    ids = sorted(order_ids)
    wanted: dict[UUID, Wanted] = {}
    nameless: set[UUID] = set()
    if not ids:
        return wanted, nameless
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text(
            "SELECT DISTINCT variant_id, org_id, sku, CASE WHEN sku IS NULL THEN integration_id END AS nameless"
            " FROM inventory.order_lines WHERE order_id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"ids": ids},
    )
    for row in rows:
        if row.variant_id is not None:
            wanted[row.variant_id] = Wanted(row.org_id, row.sku or "")
        if row.nameless is not None:
            nameless.add(row.nameless)
    return wanted, nameless


async def lines_of_orders(conn: AsyncConnection, order_ids: Iterable[UUID]) -> list[Line]:
    """All lines of these orders."""
    ids = sorted(order_ids)
    if not ids:
        return []
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text("SELECT * FROM inventory.order_lines WHERE order_id = ANY(CAST(:ids AS uuid[]))"), {"ids": ids}
    )
    return [_line(row) for row in rows]


async def lines_of_listings(conn: AsyncConnection, wanted: Sequence[tuple[UUID, UUID, str, datetime]]) -> list[Line]:
    """Lines that a listing's first report may concern: for each (variant, integration, its external id, as of)."""
    if not wanted:
        return []
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text(
            """
            SELECT DISTINCT ON (l.order_id, l.id) l.* FROM inventory.order_lines l
            JOIN unnest(CAST(:variants AS uuid[]), CAST(:integrations AS uuid[]), CAST(:externals AS text[]),
                CAST(:as_of AS timestamptz[])) AS q (variant_id, integration_id, external_id, as_of)
                ON l.variant_id = q.variant_id AND l.integration_id = q.integration_id
                AND coalesce(l.variant_external_id, q.external_id) = q.external_id
                AND (l.placed_at <= q.as_of OR l.opening <> 0)
            ORDER BY l.order_id, l.id
            """
        ),
        {
            "variants": [each[0] for each in wanted],
            "integrations": [each[1] for each in wanted],
            "externals": [each[2] for each in wanted],
            "as_of": [each[3] for each in wanted],
        },
    )
    return [_line(row) for row in rows]


async def lines_without_sku(conn: AsyncConnection, listed: Sequence[tuple[UUID, str]]) -> list[Line]:
    """Lines that name no SKU, and so belong to whatever variant their listing does: (integration, external id)."""
    if not listed:
        return []
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text(
            """
            SELECT l.* FROM inventory.order_lines l
            JOIN unnest(CAST(:integrations AS uuid[]), CAST(:externals AS text[])) AS q (integration_id, external_id)
                ON l.integration_id = q.integration_id AND l.variant_external_id = q.external_id
            WHERE l.sku IS NULL ORDER BY l.id
            """
        ),
        {"integrations": [each[0] for each in listed], "externals": [each[1] for each in listed]},
    )
    return [_line(row) for row in rows]


def _line(row: Any) -> Line:
    return Line(
        row.id,
        row.order_id,
        row.org_id,
        row.integration_id,
        row.variant_id,
        row.variant_external_id,
        row.sku,
        row.placed_at,
        row.quantity,
        row.fulfilled,
        row.refunded,
        row.returned,
        row.taken,
        Target(row.reserved, row.shipped, row.restocked),
        row.opening,
        row.moves,
    )


async def save_lines(conn: AsyncConnection, lines: Sequence[Line]) -> None:
    """Write lines; the caller holds the locks of their variants."""
    if not lines:
        return
    await conn.execute(
        _SAVE_LINES,
        {
            "ids": [each.id for each in lines],
            "orders": [each.order_id for each in lines],
            "orgs": [each.org_id for each in lines],
            "integrations": [each.integration_id for each in lines],
            "variants": [each.variant_id for each in lines],
            "externals": [each.variant_external_id for each in lines],
            "skus": [each.sku for each in lines],
            "placed": [each.placed_at for each in lines],
            "quantities": [each.quantity for each in lines],
            "fulfilled": [each.fulfilled for each in lines],
            "refunded": [each.refunded for each in lines],
            "returned": [each.returned for each in lines],
            "reserved": [each.target.reserved for each in lines],
            "shipped": [each.target.shipped for each in lines],
            "restocked": [each.target.restocked for each in lines],
            "openings": [each.opening for each in lines],
            "moves": [each.moves for each in lines],
            "takens": [each.taken for each in lines],
        },
    )


async def save_fulfillments(
    conn: AsyncConnection,
    requested: Mapping[UUID, tuple[UUID, UUID, str]],
    settled: Mapping[UUID, tuple[UUID, UUID, bool, str | None]],
) -> None:
    """Write requests {id: (org, order, lines as JSON)} and settlements {id: (org, order, succeeded, external id)}."""
    ids = sorted({*requested, *settled})
    none = (None, None, None, None)
    await conn.execute(
        text(
            """
            INSERT INTO inventory.fulfillments AS f (id, org_id, order_id, lines, succeeded, external_id)
            SELECT id, org_id, order_id, CAST(lines AS jsonb), succeeded, external_id
            FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:orders AS uuid[]), CAST(:lines AS text[]),
                CAST(:succeeded AS boolean[]), CAST(:externals AS text[]))
                AS n (id, org_id, order_id, lines, succeeded, external_id)
            ON CONFLICT (id) DO UPDATE SET lines = coalesce(EXCLUDED.lines, f.lines),
                succeeded = coalesce(EXCLUDED.succeeded, f.succeeded),
                external_id = coalesce(EXCLUDED.external_id, f.external_id)
            """
        ),
        {
            "ids": ids,
            "orgs": [(requested.get(id) or settled[id])[0] for id in ids],
            "orders": [(requested.get(id) or settled[id])[1] for id in ids],
            "lines": [requested[id][2] if id in requested else None for id in ids],
            "succeeded": [settled.get(id, none)[2] for id in ids],
            "externals": [settled.get(id, none)[3] for id in ids],
        },
    )


async def settled_fulfillments(
    conn: AsyncConnection, order_ids: Iterable[UUID]
) -> dict[UUID, list[tuple[str | None, dict[UUID, int]]]]:
    """Fulfilments that stores took from us, per order: (external id, pieces per line)."""
    found: dict[UUID, list[tuple[str | None, dict[UUID, int]]]] = {}
    ids = sorted(order_ids)
    if not ids:
        return found
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text(
            "SELECT order_id, external_id, lines FROM inventory.fulfillments"
            " WHERE order_id = ANY(CAST(:ids AS uuid[])) AND succeeded AND lines IS NOT NULL"
        ),
        {"ids": ids},
    )
    for row in rows:
        pieces = {UUID(line): int(quantity) for line, quantity in row.lines.items()}
        found.setdefault(row.order_id, []).append((row.external_id, pieces))
    return found
