"""What of this service is rebuilt from the log, what is kept, and what is said when it is done.

Decisions that people made (fulfilments, and their commands) are kept, and with them what no event tells, such as the
keys of repeated requests. Where they are lost they come back from orders.events (fulfillments/restore.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore import outbox
from longshore.broker import COMMERCE_CUSTOMERS, COMMERCE_ORDERS, INVENTORY_EVENTS, ORDERS_EVENTS, Message
from longshore.clock import utc_now
from longshore.commands import command_message
from longshore.contracts import Command, OrderChanged, OrderStatus
from longshore.rebuild import RebuildPlan, set_aside
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.orders import store
from longshore_order_sync.orders.changes import changed
from longshore_order_sync.orders.messages import order_changed
from longshore_order_sync.orders.service import fetch_command
from longshore_order_sync.orders.state import Head, summary_of

REBUILT = ("orders", "order_revisions", "order_facts", "order_search", "stores", "customers", "gone_customers")
# What was erased stays erased: the log that is read again still holds it.
ERASURES = ("erasures", "erased_orders", "erased_customers", "erased_stores")
KEPT = ("fulfillments", "order_actions", "commands", "sync_runs", "outbox", *ERASURES)

CHUNK = 500

_TOLD = "id, digest, status, deleted, fetch_asked_for, row_version"


async def prepare(conn: AsyncConnection, aside: str) -> None:
    """Set aside what subscribers have been told of each order; empty the tables."""
    await set_aside(conn, aside, "orders", f"SELECT {_TOLD} FROM {SCHEMA}.orders", key="id")  # noqa: S608
    await conn.execute(text(f"TRUNCATE {', '.join(f'{SCHEMA}.{table}' for table in REBUILT)}"))
    await conn.execute(
        text(
            f"INSERT INTO {SCHEMA}.order_facts (order_id, org_id, has_fulfillments)"  # noqa: S608
            f" SELECT DISTINCT order_id, org_id, true FROM {SCHEMA}.fulfillments"
        )
    )


async def finish(conn: AsyncConnection, aside: str) -> None:
    """Tell subscribers of orders that are otherwise than they were told; ask stores what was not asked before."""
    # An event's id is made of it: a number that was used for something else would look like a repetition.
    await conn.execute(
        text(
            f"UPDATE {SCHEMA}.orders o SET row_version = b.row_version + 1 FROM {aside}.orders b"  # noqa: S608
            " WHERE b.id = o.id AND o.row_version <= b.row_version"
        )
    )
    query = text(
        f"""
        SELECT o.id, b.status AS status_before,
            b.id IS NULL OR (o.digest, o.status, o.deleted) IS DISTINCT FROM (b.digest, b.status, b.deleted) AS differs,
            o.fetch_asked_for IS NOT NULL AND o.fetch_asked_for IS DISTINCT FROM b.fetch_asked_for AS asks
        FROM {SCHEMA}.orders o LEFT JOIN {aside}.orders b ON b.id = o.id
        WHERE b.id IS NULL OR (o.digest, o.status, o.deleted, o.fetch_asked_for)
            IS DISTINCT FROM (b.digest, b.status, b.deleted, b.fetch_asked_for)
        ORDER BY o.id
        """  # noqa: S608
    )
    rows = (await conn.execute(query)).all()
    for start in range(0, len(rows), CHUNK):
        await outbox.add(conn, SCHEMA, await _news(conn, rows[start : start + CHUNK], utc_now()))


async def _news(conn: AsyncConnection, rows: Sequence[Row[Any]], now: datetime) -> list[Message]:
    known = await store.get_known(conn, [row.id for row in rows])
    heads: dict[UUID, Head] = {id: each.head for id, each in known.items() if each.head is not None}
    snapshots = await store.get_snapshots(conn, {id: head.content for id, head in heads.items()})
    messages: list[Message] = []
    for row in rows:
        head = heads[row.id]
        summary = summary_of(snapshots[row.id])
        if row.differs:
            before = None if row.status_before is None else replace(head, status=row.status_before)
            event = changed(summary, row.id, OrderStatus(head.status), head.newest, before)
            messages.append(order_changed(event, head.row_version, now))
        if row.asks:
            messages.append(command_message(fetch_command(head, head.newest, summary.platform, now)))
    return messages


PLAN = RebuildPlan(
    SCHEMA,
    {
        "order-sync.orders": (COMMERCE_ORDERS, "end"),
        "order-sync.customers": (COMMERCE_CUSTOMERS, "end"),
        "order-sync.inventory": (INVENTORY_EVENTS, "beginning"),
        "order-sync.decisions": (ORDERS_EVENTS, "beginning"),
    },
    withheld=frozenset({OrderChanged.event_type, Command.event_type}),
    prepare=prepare,
    finish=finish,
    locked=((f"{SCHEMA}.orders", "SHARE"),),
)
