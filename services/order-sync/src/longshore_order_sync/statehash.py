"""GET /internal/state-hash: one SHA-256 over all orders, one over all customers.

Equal for equal store records, in whatever order and however often they came: it covers what stores said (by the digest
of each content) and what was shipped through the hub; no ids of commands, no times or offsets of ours, and not what
is oversold, which depends on which of two orders came first and is inventory's to say.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.internal import require_internal
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.fulfillments.store import get_hub_fulfillments
from longshore_order_sync.orders.canonical import HubFulfillment

CHUNK = 5_000


def state_hash_router(engine: AsyncEngine) -> APIRouter:
    """The internal route."""
    router = APIRouter(include_in_schema=False)

    @router.get("/internal/state-hash", dependencies=[Depends(require_internal)])
    async def get_state_hash(org_id: UUID | None = None) -> dict[str, str]:
        return await state_hash(engine, org_id)

    return router


async def state_hash(engine: AsyncEngine, org_id: UUID | None = None, chunk: int = CHUNK) -> dict[str, str]:
    """Hashes of one organisation's state, or of all; from one snapshot of the database."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    async with snapshot.connect() as conn, conn.begin():
        return {"orders": await _orders(conn, org_id, chunk), "customers": await _customers(conn, org_id, chunk)}


async def _orders(conn: AsyncConnection, org_id: UUID | None, chunk: int) -> str:
    digest = sha256()
    line = "concat_ws(' ', id, digest, extract(epoch FROM updated_at), status, deleted)"
    async for lines in _lines(conn, f"{SCHEMA}.orders", line, org_id, chunk):
        digest.update(lines)
    async for order_ids in _shipped(conn, org_id, chunk):
        fulfillments = await get_hub_fulfillments(conn, order_ids)
        for order_id in order_ids:
            content = [str(order_id), sorted(_content(each) for each in fulfillments[order_id])]
            digest.update(json.dumps(content, separators=(",", ":")).encode())
    return digest.hexdigest()


async def _customers(conn: AsyncConnection, org_id: UUID | None, chunk: int) -> str:
    digest = sha256()
    async for lines in _lines(conn, f"{SCHEMA}.customers", "concat_ws(' ', id, digest)", org_id, chunk):
        digest.update(lines)
    return digest.hexdigest()


async def _lines(conn: AsyncConnection, table: str, line: str, org_id: UUID | None, chunk: int) -> AsyncIterator[bytes]:
    """A line for each row, made by the database (a million in Python take half a minute), by id."""
    query = text(
        f"""
        SELECT string_agg({line}, E'\\n' ORDER BY id) AS lines, count(*) AS rows,
            (array_agg(id ORDER BY id DESC))[1] AS last
        FROM (SELECT * FROM {table} WHERE id > :after {_only(org_id)} ORDER BY id LIMIT :chunk) AS chunk
        """  # noqa: S608  (names of our own)
    )
    after = UUID(int=0)
    while True:
        row = (await conn.execute(query, _values(after, org_id, chunk))).one()
        if row.rows:
            yield row.lines.encode() + b"\n"
            after = row.last
        if row.rows < chunk:
            return


async def _shipped(conn: AsyncConnection, org_id: UUID | None, chunk: int) -> AsyncIterator[list[UUID]]:
    """The orders that were shipped through the hub, some at a time, by id."""
    # unscoped: `_only` compares org_id; without one it is of the whole hub
    query = text(
        f"SELECT DISTINCT order_id FROM {SCHEMA}.fulfillments WHERE order_id > :after {_only(org_id)}"  # noqa: S608
        f" ORDER BY order_id LIMIT :chunk"
    )
    after = UUID(int=0)
    while found := list((await conn.execute(query, _values(after, org_id, chunk))).scalars()):
        yield found
        after = found[-1]


def _only(org_id: UUID | None) -> str:
    return "" if org_id is None else "AND org_id = :org_id"


def _values(after: UUID, org_id: UUID | None, chunk: int) -> dict[str, UUID | int]:
    values: dict[str, UUID | int] = {"after": after, "chunk": chunk}
    return values if org_id is None else values | {"org_id": org_id}


def _content(fulfillment: HubFulfillment) -> list[Any]:
    number = fulfillment.tracking.number if fulfillment.tracking else None
    lines = sorted([str(line), quantity] for line, quantity in fulfillment.lines.items())
    return [fulfillment.status.value, fulfillment.external_id or "", number or "", lines]
