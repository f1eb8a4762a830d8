"""Queries that answer the API: pages of orders, one order, its revisions.

A page is merged from a page of each of the organisation's stores, each read from an index in the order of the page.
So one index per ordering serves every combination of filters, and a page costs the same at a million orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import Order, OrderSnapshot, OrderStatus, Origin, Platform
from longshore.paging import Place, write_cursor
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.store import get_hub_fulfillments
from longshore_order_sync.orders.canonical import Facts, HubFulfillment, canonical
from longshore_order_sync.orders.rules import RevisionKey, Seen, content_of, place
from longshore_order_sync.orders.search import ts_query, words_of
from longshore_order_sync.orders.state import Known, facts_of


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders to list. With `updated_after` they come by (updated_at, id), oldest change first; else by
    (placed_at, id), newest order first."""

    integration_id: UUID | None = None
    platform: Platform | None = None
    status: OrderStatus | None = None
    query: str | None = None
    updated_after: datetime | None = None

    @property
    def by_change(self) -> bool:
        """Whether the list is for somebody who follows changes."""
        return self.updated_after is not None


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """A revision as it is kept, without its content."""

    seen: Seen
    status: OrderStatus
    origin: Origin
    raw_topic: str
    raw_partition: int
    recorded_at: datetime


# From so many orders on it is quicker to walk through a list until a page is full than to find and sort them all.
MANY_HITS = 2_000

# A plan made for any words at all collects all orders that have a common one from the index before it counts MANY_HITS.
_PLAN_FOR_THE_WORDS = text("SET LOCAL plan_cache_mode = force_custom_plan")

_COLUMNS = "o.id, o.org_id, o.updated_at, o.observed_at, o.raw_offset, o.content_at, o.digest, o.fetched, o.placed_at"
# unscoped: of a page that is the organisation's
_REST = f"""
    SELECT page.*, r.body, f.deleted_at, f.oversold, coalesce(f.has_fulfillments, false) AS has_fulfillments
    FROM page
    JOIN {SCHEMA}.order_revisions r
        ON r.order_id = page.id AND r.updated_at = page.content_at AND r.digest = page.digest
    LEFT JOIN {SCHEMA}.order_facts f ON f.order_id = page.id
"""  # noqa: S608  (names of our own)


async def list_orders(
    conn: AsyncConnection, org_id: UUID, wanted: OrderFilter, after: Place | None, limit: int
) -> list[Order]:
    """A page of an organisation's orders."""
    terms = ts_query(words_of(wanted.query or ""))
    if terms:
        await conn.execute(_PLAN_FOR_THE_WORDS)
    rare = bool(terms) and await _are_rare(conn, org_id, terms)
    query, values = _list_query(wanted, after, terms, rare)
    rows = await conn.execute(query, {"org_id": org_id, "limit": limit, **values})
    return await _orders(conn, rows.all())


def cursor_of(order: Order, wanted: OrderFilter) -> str:
    """An order's place in the list."""
    return write_cursor(order.updated_at if wanted.by_change else order.placed_at, order.id)


async def get_order(conn: AsyncConnection, org_id: UUID, order_id: UUID, as_of: datetime | None = None) -> Order | None:
    """One order, now or by what its store said up to a time; None when there is none (then) in the organisation."""
    page = f"WITH page AS (SELECT {_COLUMNS} FROM {SCHEMA}.orders o WHERE o.id = :id AND o.org_id = :org_id)"  # noqa: S608
    rows = (await conn.execute(text(page + _REST), {"id": order_id, "org_id": org_id})).all()
    if not rows or as_of is None:
        return next(iter(await _orders(conn, rows)), None)
    row = rows[0]
    revisions = [each.seen for each in await list_revisions(conn, order_id, _newest(row))]
    then = next((each for each in reversed(revisions) if each.updated_at <= as_of), None)
    if then is None:
        return None
    content = content_of(then, [each.revision for each in revisions])
    body = await get_bodies(conn, order_id, [content])
    fulfillments = await get_hub_fulfillments(conn, [order_id])
    facts = facts_of(_known(row), then, fulfillments.get(order_id, ()), as_of)
    return _order(body[content], facts, then)


async def get_newest(conn: AsyncConnection, org_id: UUID, order_id: UUID) -> Seen | None:
    """The newest delivery of an organisation's order."""
    query = text(f"SELECT {_COLUMNS} FROM {SCHEMA}.orders o WHERE o.id = :id AND o.org_id = :org_id")  # noqa: S608
    row = (await conn.execute(query, {"id": order_id, "org_id": org_id})).one_or_none()
    return None if row is None else _newest(row)


async def list_revisions(conn: AsyncConnection, order_id: UUID, newest: Seen) -> list[StoredRevision]:
    """All that is kept of an order, first to last, repeated contents among it."""
    columns = "updated_at, observed_at, raw_offset, digest, status, origin, raw_topic, raw_partition, recorded_at"
    # unscoped: of an order that was found in the organisation
    query = text(f"SELECT {columns} FROM {SCHEMA}.order_revisions WHERE order_id = :id")  # noqa: S608
    found = [
        StoredRevision(
            Seen(row.updated_at, row.observed_at, row.raw_offset, row.digest, row.origin == Origin.FETCH),
            OrderStatus(row.status),
            Origin(row.origin),
            row.raw_topic,
            row.raw_partition,
            row.recorded_at,
        )
        for row in await conn.execute(query, {"id": order_id})
    ]
    return sorted(found, key=lambda each: place(each.seen, newest))


async def get_bodies(conn: AsyncConnection, order_id: UUID, wanted: Sequence[RevisionKey]) -> dict[RevisionKey, str]:
    """The JSON of some of an order's revisions, by revision."""
    # unscoped: of an order that was found in the organisation
    query = text(
        f"""
        SELECT r.updated_at, r.digest, r.body
        FROM unnest(CAST(:updated AS timestamptz[]), CAST(:digests AS text[])) AS k(updated_at, digest)
        JOIN {SCHEMA}.order_revisions r
            ON r.order_id = :id AND r.updated_at = k.updated_at AND r.digest = k.digest
        """  # noqa: S608
    )
    values = {
        "id": order_id,
        "updated": [each[0] for each in wanted],
        "digests": [each[1] for each in wanted],
    }
    return {(row.updated_at, row.digest): row.body for row in await conn.execute(query, values)}


async def _are_rare(conn: AsyncConnection, org_id: UUID, terms: str) -> bool:
    """Whether so few orders have these terms that it is best to find them first and sort them then."""
    query = text(
        f"""
        SELECT count(*) FROM (
            SELECT 1 FROM {SCHEMA}.order_search WHERE org_id = :org_id AND terms @@ CAST(:terms AS tsquery) LIMIT :limit
        ) AS hits
        """  # noqa: S608
    )
    hits = await conn.scalar(query, {"org_id": org_id, "terms": terms, "limit": MANY_HITS})
    return int(hits or 0) < MANY_HITS


def _list_query(wanted: OrderFilter, after: Place | None, terms: str, rare: bool) -> tuple[TextClause, dict[str, Any]]:
    by, direction, beyond = ("o.updated_at", "ASC", ">") if wanted.by_change else ("o.placed_at", "DESC", "<")
    values: dict[str, Any] = {}
    where = ["o.org_id = :org_id"]
    if wanted.status is not None:
        where.append("o.status = :status")
        values["status"] = wanted.status.value
    if wanted.updated_after is not None:
        where.append("o.updated_at > :updated_after")
        values["updated_after"] = wanted.updated_after
    if after is not None:
        where.append(f"({by}, o.id) {beyond} (:after_at, :after_id)")
        values |= {"after_at": after.at, "after_id": after.id}
    stores = ["s.org_id = :org_id"]
    if wanted.integration_id is not None:
        stores.append("s.integration_id = :integration_id")
        values["integration_id"] = wanted.integration_id
    if wanted.platform is not None:
        stores.append("s.platform = :platform")
        values["platform"] = wanted.platform.value
    order = f"ORDER BY {by} {direction}, o.id {direction} LIMIT :limit"
    if terms:
        values["terms"] = terms
    if terms and not rare:
        where.append(
            f"EXISTS (SELECT 1 FROM {SCHEMA}.order_search t WHERE t.order_id = o.id"  # noqa: S608
            " AND t.terms @@ CAST(:terms AS tsquery) OFFSET 0)"
        )
    if rare:
        page = f"""
            WITH hits AS MATERIALIZED (
                SELECT order_id FROM {SCHEMA}.order_search
                WHERE org_id = :org_id AND terms @@ CAST(:terms AS tsquery)
            ), page AS (
                SELECT {_COLUMNS} FROM hits h
                JOIN {SCHEMA}.orders o ON o.id = h.order_id
                JOIN {SCHEMA}.stores s ON s.integration_id = o.integration_id
                WHERE {" AND ".join(stores + where)} {order}
            )
        """  # noqa: S608
    else:
        # unscoped: `stores` begins with the organisation
        page = f"""
            WITH page AS (
                SELECT o.* FROM {SCHEMA}.stores s CROSS JOIN LATERAL (
                    SELECT {_COLUMNS} FROM {SCHEMA}.orders o
                    WHERE o.integration_id = s.integration_id AND {" AND ".join(where)} {order}
                ) o
                WHERE {" AND ".join(stores)} {order}
            )
        """  # noqa: S608
    last = by.replace("o.", "page.")
    return text(f"{page} {_REST} ORDER BY {last} {direction}, page.id {direction}"), values


async def _orders(conn: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Order]:
    shipped = [row.id for row in rows if row.has_fulfillments]
    fulfillments: Mapping[UUID, Sequence[HubFulfillment]] = await get_hub_fulfillments(conn, shipped) if shipped else {}
    orders = []
    for row in rows:
        newest = _newest(row)
        orders.append(_order(row.body, facts_of(_known(row), newest, fulfillments.get(row.id, ())), newest))
    return orders


def _order(body: str, facts: Facts, newest: Seen) -> Order:
    order = canonical(OrderSnapshot.from_json(body), facts)
    # The store may have touched the order since, and changed nothing.
    order.updated_at = newest.updated_at
    return order


def _known(row: Row[Any]) -> Known:
    return Known(None, row.deleted_at, row.oversold or {}, row.has_fulfillments)


def _newest(row: Row[Any]) -> Seen:
    return Seen(row.updated_at, row.observed_at, row.raw_offset, row.digest, row.fetched)
