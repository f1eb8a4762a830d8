"""Queries on the audit log, each scoped to an organisation. Nothing changes an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.ids import OrgId
from longshore.paging import Place
from longshore.pruning import Past
from longshore_gateway.audit.models import audit_log
from longshore_gateway.models import SCHEMA


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody did something."""

    id: UUID
    org_id: OrgId
    at: datetime
    actor: str
    actor_name: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    trace_id: str | None


_FIELDS = [audit_log.c[name] for name in Entry.__dataclass_fields__]


async def add_entry(conn: AsyncConnection, entry: Entry) -> None:
    """Write it down."""
    await conn.execute(insert(audit_log).values(asdict(entry)))


async def list_entries(
    conn: AsyncConnection,
    org_id: OrgId,
    *,
    actor: str | None,
    action: str | None,
    subject: str | None,
    after: Place | None,
    limit: int,
) -> Sequence[Entry]:
    """Entries of an organisation, newest first."""
    statement = (
        select(*_FIELDS)
        .where(audit_log.c.org_id == org_id)
        .order_by(audit_log.c.at.desc(), audit_log.c.id.desc())
        .limit(limit)
    )
    for column, wanted in ((audit_log.c.actor, actor), (audit_log.c.action, action), (audit_log.c.subject, subject)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if after is not None:
        statement = statement.where(tuple_(audit_log.c.at, audit_log.c.id) < tuple_(*after))
    return [Entry(**row._asdict()) for row in await conn.execute(statement)]


def past(days: int) -> list[Past]:
    """Entries that are older than so many days."""
    return [Past(f"{SCHEMA}.audit_log", "at < :before", timedelta(days=days))]
