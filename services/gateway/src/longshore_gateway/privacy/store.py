"""Queries of privacy requests; each scoped to an organisation but for those that are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.broker import COMMERCE_CUSTOMERS, COMMERCE_ORDERS
from longshore.db import for_org
from longshore.ids import OrgId
from longshore.paging import Place
from longshore_gateway.models import dead_letters, privacy_requests
from longshore_gateway.privacy.rules import Kind, Subject


@dataclass(frozen=True, slots=True)
class Request:
    """A request, and what became of it (`outcome`, once it is done)."""

    id: UUID
    org_id: OrgId
    integration_id: UUID
    kind: Kind
    # The platform that passed it on, or `api`.
    source: str
    subject: Subject
    received_at: datetime
    done_at: datetime | None
    outcome: Mapping[str, Any] | None


async def add(conn: AsyncConnection, request: Request, delivery_id: str) -> bool:
    """Record a request; False when it is there already."""
    statement = (
        insert(privacy_requests)
        .values(
            id=request.id,
            org_id=request.org_id,
            integration_id=request.integration_id,
            kind=request.kind.value,
            source=request.source,
            delivery_id=delivery_id,
            customer_external_id=request.subject.customer_external_id,
            order_external_ids=list(request.subject.order_external_ids),
            received_at=request.received_at,
            done_at=request.done_at,
            outcome=request.outcome,
        )
        .on_conflict_do_nothing()
        .returning(privacy_requests.c.id)
    )
    return (await conn.execute(statement)).one_or_none() is not None


async def get(conn: AsyncConnection, org_id: OrgId, id: UUID) -> Request | None:
    """One request of an organisation."""
    query = for_org(select(privacy_requests).where(privacy_requests.c.id == id), privacy_requests, org_id)
    row = (await conn.execute(query)).one_or_none()
    return _request(row) if row else None


async def list_requests(conn: AsyncConnection, org_id: OrgId, after: Place | None, limit: int) -> list[Request]:
    """An organisation's requests, newest first."""
    query = for_org(select(privacy_requests), privacy_requests, org_id)
    if after is not None:
        query = query.where(tuple_(privacy_requests.c.received_at, privacy_requests.c.id) < tuple_(*after))
    query = query.order_by(privacy_requests.c.received_at.desc(), privacy_requests.c.id.desc()).limit(limit)
    return [_request(row) for row in await conn.execute(query)]


async def due(conn: AsyncConnection, limit: int) -> list[Request]:
    """Erasures of all organisations that are not done, oldest first."""
    # unscoped: the worker's own list, of all organisations
    query = (
        select(privacy_requests)
        .where(privacy_requests.c.done_at.is_(None), privacy_requests.c.kind != Kind.EXPORT.value)
        .order_by(privacy_requests.c.received_at)
        .limit(limit)
    )
    return [_request(row) for row in await conn.execute(query)]


async def oldest_open(conn: AsyncConnection) -> dict[Kind, datetime]:
    """When the oldest request of each kind that is not done came, of all organisations."""
    # unscoped: a measure of the whole hub
    query = (
        select(privacy_requests.c.kind, func.min(privacy_requests.c.received_at).label("since"))
        .where(privacy_requests.c.done_at.is_(None))
        .group_by(privacy_requests.c.kind)
    )
    return {Kind(row.kind): row.since for row in await conn.execute(query)}


async def finish(conn: AsyncConnection, request: Request, outcome: Mapping[str, Any], now: datetime) -> None:
    """It is done; what was recorded of it first stays."""
    await conn.execute(
        update(privacy_requests)
        .where(
            privacy_requests.c.id == request.id,
            privacy_requests.c.org_id == request.org_id,
            privacy_requests.c.done_at.is_(None),
        )
        .values(done_at=now, outcome=dict(outcome))
    )


async def forget_letters(
    conn: AsyncConnection, org_id: OrgId, integration_id: UUID, orders: Sequence[str], customers: Sequence[str]
) -> int:
    """Drop the dead letters of a buyer's orders and account; how many. Their keys are `<integration>:<id>`."""
    order_keys = [f"{integration_id}:{each}".encode() for each in orders]
    customer_keys = [f"{integration_id}:{each}".encode() for each in customers]
    raw = dead_letters.c.topic.startswith("raw.")
    # Customers' numbers are others' too: there the record has to say that it is one.
    says_customer = func.convert_from(dead_letters.c.headers, "UTF8").contains("customer")
    statement = delete(dead_letters).where(
        dead_letters.c.org_id == org_id,
        dead_letters.c.integration_id == integration_id,
        or_(
            dead_letters.c.key.in_(order_keys) & (raw | (dead_letters.c.topic == COMMERCE_ORDERS.name)),
            dead_letters.c.key.in_(customer_keys)
            & ((raw & says_customer) | (dead_letters.c.topic == COMMERCE_CUSTOMERS.name)),
        ),
    )
    return (await conn.execute(statement)).rowcount


async def forget_all_letters(conn: AsyncConnection, org_id: OrgId, integration_id: UUID) -> int:
    """Drop all dead letters of a store; how many."""
    statement = delete(dead_letters).where(
        dead_letters.c.org_id == org_id, dead_letters.c.integration_id == integration_id
    )
    return (await conn.execute(statement)).rowcount


def _request(row: Row[*tuple[Any, ...]]) -> Request:
    return Request(
        id=row.id,
        org_id=OrgId(row.org_id),
        integration_id=row.integration_id,
        kind=Kind(row.kind),
        source=row.source,
        subject=Subject(row.customer_external_id, tuple(row.order_external_ids)),
        received_at=row.received_at,
        done_at=row.done_at,
        outcome=row.outcome,
    )
