"""Queries of erasures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, cast, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import CustomerSnapshot, OrderSnapshot
from longshore.db import for_org
from longshore_order_sync.customers.models import customers
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.orders.models import order_revisions, orders
from longshore_order_sync.privacy.models import erased_customers, erased_orders, erased_stores, erasures
from longshore_order_sync.privacy.rules import Erased

# The lock that goes with it lasts until the batch is written: an erasure waits for that, and batches for an erasure.
# unscoped: by ids of orders, customers and stores, which are one organisation's
_AMONG = """
    WITH one AS (SELECT {id} AS id FROM {schema}.{table} WHERE {id} = ANY(CAST(:ids AS uuid[])) FOR KEY SHARE)
    SELECT id, CAST(NULL AS timestamptz) AS erased_at FROM one
    UNION ALL SELECT integration_id, erased_at FROM {schema}.erased_stores
        WHERE integration_id = ANY(CAST(:stores AS uuid[]))
"""
_ORDERS_AMONG = text(_AMONG.format(schema=SCHEMA, table="erased_orders", id="order_id"))
_CUSTOMERS_AMONG = text(_AMONG.format(schema=SCHEMA, table="erased_customers", id="customer_id"))

# What hangs on an order, and the order last: a stop in between leaves what is found again.
_OF_ORDERS = (
    "order_revisions",
    "order_search",
    "order_facts",
    "fulfillments",
    "order_actions",
    "commands",
    "erased_orders",
)


async def erased_among_orders(conn: AsyncConnection, ids: Iterable[UUID], stores: Iterable[UUID]) -> Erased:
    """Which of these orders, and of these stores, were erased."""
    return await _among(conn, _ORDERS_AMONG, ids, stores)


async def erased_among_customers(conn: AsyncConnection, ids: Iterable[UUID], stores: Iterable[UUID]) -> Erased:
    """Which of these customers, and of these stores, were erased."""
    return await _among(conn, _CUSTOMERS_AMONG, ids, stores)


async def hold_batches(conn: AsyncConnection) -> None:
    """Let no batch be written between now and the end of this transaction that has not seen what it erases."""
    await conn.execute(text(f"LOCK TABLE {SCHEMA}.erased_orders, {SCHEMA}.erased_customers IN EXCLUSIVE MODE"))


async def add_erasure(
    conn: AsyncConnection, id: UUID, org_id: UUID, integration_id: UUID, scope: str, at: datetime
) -> bool:
    """Begin one; False when it is known already."""
    statement = (
        upsert(erasures)
        .values(
            id=id,
            org_id=org_id,
            integration_id=integration_id,
            scope=scope,
            requested_at=at,
            orders=0,
            revisions=0,
            customers=0,
        )
        .on_conflict_do_nothing()
        .returning(erasures.c.id)
    )
    return (await conn.execute(statement)).one_or_none() is not None


async def get_erasure(conn: AsyncConnection, org_id: UUID, id: UUID) -> Row[Any] | None:
    """The record of one."""
    query = for_org(select(erasures).where(erasures.c.id == id), erasures, org_id)
    row: Row[Any] | None = (await conn.execute(query)).one_or_none()
    return row


async def count_more(
    conn: AsyncConnection,
    id: UUID,
    *,
    orders: int = 0,
    revisions: int = 0,
    customers: int = 0,
    finished_at: datetime | None = None,
) -> None:
    """So much more was erased."""
    # unscoped: by the id of one erasure
    await conn.execute(
        update(erasures)
        .where(erasures.c.id == id)
        .values(
            orders=erasures.c.orders + orders,
            revisions=erasures.c.revisions + revisions,
            customers=erasures.c.customers + customers,
            finished_at=finished_at,
        )
    )


async def open_erasures(conn: AsyncConnection) -> Sequence[Row[Any]]:
    """Those that are not at their end, oldest first."""
    # unscoped: the worker's own list, of all organisations
    query = select(erasures).where(erasures.c.finished_at.is_(None)).order_by(erasures.c.requested_at)
    return (await conn.execute(query)).all()


async def mark_orders(conn: AsyncConnection, erasure_id: UUID, org_id: UUID, ids: Iterable[UUID]) -> None:
    """These orders' buyers do not come back."""
    if rows := [{"order_id": id, "org_id": org_id, "erasure_id": erasure_id} for id in ids]:
        await conn.execute(upsert(erased_orders).on_conflict_do_nothing(), rows)


async def mark_customers(conn: AsyncConnection, erasure_id: UUID, org_id: UUID, ids: Iterable[UUID]) -> None:
    """These customers do not come back."""
    if rows := [{"customer_id": id, "org_id": org_id, "erasure_id": erasure_id} for id in ids]:
        await conn.execute(upsert(erased_customers).on_conflict_do_nothing(), rows)


async def mark_store(conn: AsyncConnection, erasure_id: UUID, org_id: UUID, integration_id: UUID, at: datetime) -> None:
    """What was observed of this store until then does not come back."""
    values = {"erasure_id": erasure_id, "erased_at": at}
    await conn.execute(
        upsert(erased_stores)
        .values(integration_id=integration_id, org_id=org_id, **values)
        .on_conflict_do_update(
            index_elements=["integration_id"],
            set_=values,
            where=erased_stores.c.erased_at < at,
        )
    )


async def orders_with_terms(
    conn: AsyncConnection, org_id: UUID, integration_id: UUID, terms: Sequence[str], external_ids: Sequence[str]
) -> list[UUID]:
    """Orders of a store that one of these words finds, or that are named."""
    query = text(
        f"""
        SELECT o.id FROM {SCHEMA}.orders o
        WHERE o.org_id = :org_id AND o.integration_id = :integration_id AND (
            o.id IN (
                SELECT order_id FROM {SCHEMA}.order_search
                WHERE org_id = :org_id AND terms @@ CAST(:query AS tsquery)
            ) OR o.external_id = ANY(CAST(:external_ids AS text[]))
        ) ORDER BY o.id
        """  # noqa: S608  (names of our own)
    )
    words = " | ".join("'" + term.replace("\\", "\\\\").replace("'", "''") + "'" for term in terms)
    given = {"org_id": org_id, "integration_id": integration_id, "query": words, "external_ids": list(external_ids)}
    return list((await conn.execute(query, given)).scalars())


async def customers_like(
    conn: AsyncConnection, org_id: UUID, integration_id: UUID, ids: Sequence[UUID], emails: Sequence[str]
) -> dict[UUID, CustomerSnapshot]:
    """Customers of a store with these ids, or one of these e-mail addresses (folded)."""
    email = func.lower(cast(customers.c.body, JSONB)["email"].astext)
    query = for_org(
        select(customers.c.id, customers.c.body).where(
            customers.c.integration_id == integration_id, customers.c.id.in_(ids) | email.in_(emails)
        ),
        customers,
        org_id,
    )
    return {row.id: CustomerSnapshot.from_json(row.body) for row in await conn.execute(query)}


async def revisions_of(
    conn: AsyncConnection, ids: Sequence[UUID], *, lock: bool = False
) -> Sequence[tuple[UUID, datetime, str, OrderSnapshot]]:
    """All revisions of orders: id, store's time, digest, content."""
    # unscoped: by ids of orders that were found within their organisation
    query = (
        select(
            order_revisions.c.order_id,
            order_revisions.c.updated_at,
            order_revisions.c.digest,
            order_revisions.c.body,
        )
        .where(order_revisions.c.order_id.in_(ids))
        .order_by(order_revisions.c.order_id, order_revisions.c.updated_at, order_revisions.c.digest)
    )
    rows = await conn.execute(query.with_for_update() if lock else query)
    return [(row.order_id, row.updated_at, row.digest, OrderSnapshot.from_json(row.body)) for row in rows]


async def rewrite_revisions(
    conn: AsyncConnection, revisions: Sequence[tuple[UUID, datetime, str, OrderSnapshot]]
) -> None:
    """Other contents in the place of these revisions'."""
    # unscoped: by ids of orders that were found within their organisation
    await conn.execute(
        text(
            f"""
            UPDATE {SCHEMA}.order_revisions r SET body = n.body FROM unnest(
                CAST(:ids AS uuid[]), CAST(:updated AS timestamptz[]), CAST(:digests AS text[]), CAST(:bodies AS text[])
            ) AS n(id, updated_at, digest, body)
            WHERE r.order_id = n.id AND r.updated_at = n.updated_at AND r.digest = n.digest
            """  # noqa: S608
        ),
        {
            "ids": [each[0] for each in revisions],
            "updated": [each[1] for each in revisions],
            "digests": [each[2] for each in revisions],
            "bodies": [each[3].to_json().decode() for each in revisions],
        },
    )


async def bump_orders(conn: AsyncConnection, ids: Sequence[UUID]) -> None:
    """Let no write through that was computed from these orders as they were."""
    # unscoped: by ids of orders that were found within their organisation
    await conn.execute(update(orders).where(orders.c.id.in_(ids)).values(row_version=orders.c.row_version + 1))


async def rewrite_customers(conn: AsyncConnection, found: Mapping[UUID, CustomerSnapshot]) -> None:
    """Other contents in the place of these customers'."""
    for id, snapshot in found.items():
        body = snapshot.to_json().decode()
        # unscoped: by ids of customers that were found within their organisation
        await conn.execute(update(customers).where(customers.c.id == id).values(body=body))


async def delete_orders(conn: AsyncConnection, integration_id: UUID, until: datetime, limit: int) -> tuple[int, int]:
    """Delete some orders of a store with all that hangs on them; how many orders and revisions."""
    # unscoped: by a store, which is one organisation's
    ids = list(
        (
            await conn.execute(
                select(orders.c.id)
                .where(orders.c.integration_id == integration_id, orders.c.observed_at <= until)
                .order_by(orders.c.id)
                .limit(limit)
                .with_for_update()
            )
        ).scalars()
    )
    if not ids:
        return 0, 0
    revisions = 0
    for table in _OF_ORDERS:
        deleted = await conn.execute(
            text(f"DELETE FROM {SCHEMA}.{table} WHERE order_id = ANY(CAST(:ids AS uuid[]))"),  # noqa: S608
            {"ids": ids},
        )
        if table == "order_revisions":
            revisions = deleted.rowcount
    # unscoped: by canonical ids, each of one organisation
    await conn.execute(orders.delete().where(orders.c.id.in_(ids)))
    return len(ids), revisions


async def delete_customers(conn: AsyncConnection, integration_id: UUID, until: datetime, limit: int) -> int:
    """Delete some customers of a store; how many."""
    # unscoped: by a store, which is one organisation's
    some = (
        select(customers.c.id)
        .where(customers.c.integration_id == integration_id, customers.c.observed_at <= until)
        .limit(limit)
    )
    # unscoped: by the integration, which is one organisation's
    return (await conn.execute(customers.delete().where(customers.c.id.in_(some)))).rowcount


async def _among(conn: AsyncConnection, query: TextClause, ids: Iterable[UUID], stores: Iterable[UUID]) -> Erased:
    rows = (await conn.execute(query, {"ids": list(ids), "stores": list(stores)})).all()
    return Erased(
        frozenset(row.id for row in rows if row.erased_at is None),
        {row.id: row.erased_at for row in rows if row.erased_at is not None},
    )
