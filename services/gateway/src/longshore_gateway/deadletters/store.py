"""Queries on dead letters, each scoped to an organisation but for the count that ops see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.ids import OrgId
from longshore.paging import Place
from longshore.pruning import Past
from longshore_gateway.deadletters.rules import DeadLetter
from longshore_gateway.models import SCHEMA, dead_letters

_FIELDS = [dead_letters.c[name] for name in DeadLetter.__dataclass_fields__]


def _letter(row: Row[*tuple[Any, ...]]) -> DeadLetter:
    return DeadLetter(**row._mapping)


async def add_letters(conn: AsyncConnection, letters: Sequence[DeadLetter]) -> None:
    """Keep letters. One that died again after a replay is open again."""
    for letter in letters:
        values = {field: getattr(letter, field) for field in DeadLetter.__dataclass_fields__}
        statement = insert(dead_letters).values(values)
        await conn.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_={"replayed_at": None, "failed_at": letter.failed_at, "reason": letter.reason},
                where=dead_letters.c.failed_at < letter.failed_at,
            )
        )


async def list_letters(
    conn: AsyncConnection,
    org_id: OrgId,
    *,
    topic: str | None,
    replayed: bool,
    after: Place | None,
    limit: int,
) -> list[DeadLetter]:
    """Letters of an organisation, newest first."""
    statement = (
        select(*_FIELDS)
        .where(dead_letters.c.org_id == org_id)
        .order_by(dead_letters.c.failed_at.desc(), dead_letters.c.id.desc())
        .limit(limit)
    )
    if topic is not None:
        statement = statement.where(dead_letters.c.topic == topic)
    if not replayed:
        statement = statement.where(dead_letters.c.replayed_at.is_(None))
    if after is not None:
        statement = statement.where(tuple_(dead_letters.c.failed_at, dead_letters.c.id) < tuple_(*after))
    return [_letter(row) for row in await conn.execute(statement)]


async def get_letter(conn: AsyncConnection, org_id: OrgId, id: UUID) -> DeadLetter | None:
    """One letter of an organisation."""
    row = (
        await conn.execute(select(*_FIELDS).where(dead_letters.c.id == id, dead_letters.c.org_id == org_id))
    ).one_or_none()
    return _letter(row) if row else None


async def lock_open(
    conn: AsyncConnection, org_id: OrgId, *, wanted: Sequence[UUID] | None, topic: str | None, limit: int
) -> list[DeadLetter]:
    """Letters that are not replayed yet, locked, oldest first: of the records named, or of all of a topic.

    Whoever reads a topic reads a record that goes back to it: so a record comes with the letters of all groups that
    could not apply it, also if only one of them is named.
    """
    its_place = dead_letters.c.topic, dead_letters.c.partition, dead_letters.c.offset
    chosen = select(*its_place).where(dead_letters.c.org_id == org_id, dead_letters.c.replayed_at.is_(None))
    if wanted is not None:
        chosen = chosen.where(dead_letters.c.id.in_(wanted))
    if topic is not None:
        chosen = chosen.where(dead_letters.c.topic == topic)
    records = chosen.group_by(*its_place).order_by(func.min(dead_letters.c.failed_at), *its_place).limit(limit)
    statement = (
        select(*_FIELDS)
        .where(
            dead_letters.c.org_id == org_id,
            dead_letters.c.replayed_at.is_(None),
            tuple_(*its_place).in_(records),
        )
        .order_by(dead_letters.c.failed_at, dead_letters.c.id)
        .with_for_update()
    )
    return [_letter(row) for row in await conn.execute(statement)]


async def mark_replayed(conn: AsyncConnection, org_id: OrgId, replayed: Sequence[UUID], now: datetime) -> None:
    """These went back to their topics."""
    await conn.execute(
        update(dead_letters)
        .where(dead_letters.c.id.in_(replayed), dead_letters.c.org_id == org_id)
        .values(replayed_at=now)
    )


# A letter that nobody has replayed waits for a person; on Kafka it stays.
OPEN_DAYS = 365


def past(history_days: int) -> list[Past]:
    """Letters that may go: replayed ones after so many days, and what nobody has looked at for a year."""
    table = f"{SCHEMA}.dead_letters"
    return [
        Past(table, "replayed_at < :before", timedelta(days=history_days)),
        Past(table, "replayed_at IS NULL AND failed_at < :before", timedelta(days=max(OPEN_DAYS, history_days))),
    ]


async def count_open(conn: AsyncConnection) -> int:
    """How many letters of all organisations wait for a person."""
    # unscoped: a number for whoever runs the hub
    count = await conn.scalar(
        select(func.count()).select_from(dead_letters).where(dead_letters.c.replayed_at.is_(None))
    )
    return int(count or 0)
