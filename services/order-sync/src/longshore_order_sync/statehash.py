"""GET /internal/state-hash: one SHA-256 over all orders, one over all customers.

Equal for equal store records, in whatever order and however often they came: it covers what stores said (by the digest
of each content) and what was shipped through the hub; no ids of commands, no times or offsets of ours, and not what
is oversold, which depends on which of two orders came first and is inventory's to say.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.internal import require_internal
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.store import get_hub_fulfillments
from longshore_order_sync.orders.canonical import HubFulfillment

CHUNK = 1_000


def state_hash_router(engine: AsyncEngine) -> APIRouter:
    """The internal route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/internal/state-hash", dependencies=[Depends(require_internal)])
    async def get_state_hash(org_id: UUID | None = None) -> dict[str, str]:
        return await state_hash(engine, org_id)

    return router


async def state_hash(engine: AsyncEngine, org_id: UUID | None = None) -> dict[str, str]:
    """Hashes of one organisation's state, or of all; from one snapshot of the database."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    async with snapshot.connect() as conn, conn.begin():
        return {"orders": await _orders(conn, org_id), "customers": await _customers(conn, org_id)}


async def _orders(conn: AsyncConnection, org_id: UUID | None) -> str:
    digest = sha256()
    query = f"""
        SELECT o.id, o.digest, o.updated_at, o.status, o.deleted, coalesce(f.has_fulfillments, false) AS ships
        FROM {SCHEMA}.orders o LEFT JOIN {SCHEMA}.order_facts f ON f.order_id = o.id
        WHERE o.id > :after {"AND o.org_id = :org_id" if org_id else ""}
        ORDER BY o.id LIMIT {CHUNK}
    """  # noqa: S608  (names of our own)
    async for rows in _chunks(conn, query, org_id):
        shipped = [row.id for row in rows if row.ships]
        fulfillments = await get_hub_fulfillments(conn, shipped) if shipped else {}
        for row in rows:
            line: list[Any] = [str(row.id), row.digest, row.updated_at.isoformat(), row.status, row.deleted]
            line.append(sorted(_content(each) for each in fulfillments.get(row.id, ())))
            digest.update(_canonical(line))
    return digest.hexdigest()


async def _customers(conn: AsyncConnection, org_id: UUID | None) -> str:
    digest = sha256()
    query = f"""
        SELECT id, digest FROM {SCHEMA}.customers
        WHERE id > :after {"AND org_id = :org_id" if org_id else ""}
        ORDER BY id LIMIT {CHUNK}
    """  # noqa: S608
    async for rows in _chunks(conn, query, org_id):
        for row in rows:
            digest.update(_canonical([str(row.id), row.digest]))
    return digest.hexdigest()


async def _chunks(conn: AsyncConnection, query: str, org_id: UUID | None) -> AsyncIterator[Sequence[Row[Any]]]:
    after = UUID(int=0)
    while True:
        values = {"after": after} | ({"org_id": org_id} if org_id else {})
        rows = (await conn.execute(text(query), values)).all()
        if rows:
            yield rows
            after = rows[-1].id
        if len(rows) < CHUNK:
            return


def _content(fulfillment: HubFulfillment) -> list[Any]:
    number = fulfillment.tracking.number if fulfillment.tracking else None
    lines = sorted([str(line), quantity] for line, quantity in fulfillment.lines.items())
    return [fulfillment.status.value, fulfillment.external_id or "", number or "", lines]


def _canonical(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
