"""Flows that have begun, in the database: each may come back once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import Platform
from longshore.ids import OrgId
from longshore_gateway.models import oauth_states as states

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Flow:
    """What a flow is to connect. `restarts`: how often it was begun anew by itself."""

    org_id: OrgId
    platform: Platform
    store_url: str
    store_key: str
    name: str
    settings: Mapping[str, Any]
    restarts: int


async def add(
    conn: AsyncConnection,
    flow: Flow,
    *,
    state: str,
    browser: str,
    link: str | None,
    now: datetime,
    expires_at: datetime,
) -> bool:
    """Begin a flow; False when its link has begun one already. Digests, not secrets."""
    await conn.execute(delete(states).where(states.c.expires_at < now - KEPT))
    statement = (
        insert(states)
        .values(
            state=state,
            browser=browser,
            link=link,
            org_id=flow.org_id,
            platform=flow.platform.value,
            store_url=flow.store_url,
            store_key=flow.store_key,
            name=flow.name,
            settings=dict(flow.settings),
            restarts=flow.restarts,
            created_at=now,
            expires_at=expires_at,
        )
        .on_conflict_do_nothing()
        .returning(states.c.state)
    )
    return (await conn.execute(statement)).one_or_none() is not None


async def claim(
    conn: AsyncConnection, platform: Platform, state: str, now: datetime, *, browser: str | None
) -> Flow | None:
    """The flow of a state, which is used up by it: of two callers at once one gets it.

    `browser` None: whoever comes.
    """
    statement = (
        update(states)
        .where(
            states.c.state == state,
            states.c.platform == platform.value,
            states.c.used_at.is_(None),
            states.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(states)
    )
    if browser is not None:
        statement = statement.where(states.c.browser == browser)
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        return None
    return Flow(
        org_id=OrgId(row.org_id),
        platform=platform,
        store_url=row.store_url,
        store_key=row.store_key,
        name=row.name,
        settings=row.settings,
        restarts=row.restarts,
    )


async def note_done(conn: AsyncConnection, state: str, integration_id: UUID) -> None:
    """What a flow has led to."""
    await conn.execute(update(states).where(states.c.state == state).values(integration_id=integration_id))


async def look(conn: AsyncConnection, state: str, browser: str) -> tuple[datetime | None, UUID | None] | None:
    """When a flow was used and what it led to, for the browser that began it."""
    query = select(states.c.used_at, states.c.integration_id).where(
        states.c.state == state, states.c.browser == browser
    )
    row = (await conn.execute(query)).one_or_none()
    return (row.used_at, row.integration_id) if row else None
