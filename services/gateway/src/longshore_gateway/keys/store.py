"""Queries on API keys, each scoped to an organisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.ids import OrgId
from longshore.paging import Place
from longshore_gateway.accounts.store import KEY_FIELDS, KeyRow, key_row
from longshore_gateway.models import api_keys


async def add_key(conn: AsyncConnection, digest: str, key: KeyRow) -> None:
    """Keep a new key."""
    values = {name: getattr(key, name) for name in KeyRow.__dataclass_fields__}
    scopes = None if key.scopes is None else list(key.scopes)
    await conn.execute(insert(api_keys).values(values | {"digest": digest, "scopes": scopes}))


async def list_keys(conn: AsyncConnection, org_id: OrgId, after: Place | None, limit: int) -> Sequence[KeyRow]:
    """Keys that are not revoked, oldest first; those that have expired are among them."""
    statement = (
        select(*KEY_FIELDS)
        .where(api_keys.c.org_id == org_id, api_keys.c.revoked_at.is_(None))
        .order_by(api_keys.c.created_at, api_keys.c.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(api_keys.c.created_at, api_keys.c.id) > tuple_(*after))
    return [key_row(row) for row in await conn.execute(statement)]


async def revoke_key(conn: AsyncConnection, org_id: OrgId, id: UUID, now: datetime) -> KeyRow | None:
    """End a key; None if there is none."""
    statement = (
        update(api_keys)
        .where(api_keys.c.org_id == org_id, api_keys.c.id == id, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(*KEY_FIELDS)
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else key_row(row)
