"""Queries on requests that may be repeated: scoped to an organisation and to who has asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from longshore.ids import OrgId
from longshore.pruning import Past
from longshore_gateway.idempotency.models import idempotency_keys as table
from longshore_gateway.idempotency.rules import KEPT_FOR
from longshore_gateway.models import SCHEMA


@dataclass(frozen=True, slots=True)
class Place:
    """Whose key it is."""

    org_id: OrgId
    actor: str
    key: str


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a key that was used before. `answer` None: its request is under way."""

    request: str
    answer: bytes | None


async def claim(
    conn: AsyncConnection, place: Place, requests: Sequence[str], claim: UUID, now: datetime, until: datetime
) -> bool:
    """Begin a request, if nobody has: the primary key decides between two at once.

    A key that is too old is as good as new; one whose request was begun and never ended (a process died) may be begun
    again by the same request.
    """
    new = {"request": requests[0], "claim": claim, "claimed_until": until, "answer": None, "created_at": now}
    statement = insert(table).values(new | {"org_id": place.org_id, "actor": place.actor, "key": place.key})
    taken = await conn.execute(
        statement.on_conflict_do_update(
            index_elements=["org_id", "actor", "key"],
            set_=new,
            where=or_(
                table.c.created_at < now - KEPT_FOR,
                and_(table.c.answer.is_(None), table.c.claimed_until < now, table.c.request.in_(requests)),
            ),
        ).returning(table.c.claim)
    )
    return taken.one_or_none() is not None


async def find(conn: AsyncConnection, place: Place) -> Before | None:
    """What is known of a key."""
    row = (await conn.execute(select(table.c.request, table.c.answer).where(_is(place)))).one_or_none()
    return None if row is None else Before(row.request, row.answer)


async def finish(conn: AsyncConnection, place: Place, claim: UUID, answer: bytes) -> None:
    """Keep the answer of the request that this claim began."""
    await conn.execute(update(table).where(_is(place), table.c.claim == claim).values(answer=answer))


async def release(conn: AsyncConnection, place: Place, claim: UUID) -> None:
    """Nothing was done: the key is free again."""
    await conn.execute(delete(table).where(_is(place), table.c.claim == claim, table.c.answer.is_(None)))


def _is(place: Place) -> ColumnElement[bool]:
    return and_(table.c.org_id == place.org_id, table.c.actor == place.actor, table.c.key == place.key)


def past() -> list[Past]:
    """Keys that are too old to mean anything."""
    return [Past(f"{SCHEMA}.idempotency_keys", "created_at < :before", KEPT_FOR + timedelta(minutes=5))]
