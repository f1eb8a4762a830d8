"""Queries on organisations and API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore import ids
from longshore.ids import OrgId
from longshore_gateway.models import api_keys, organisations


async def add_organisation(conn: AsyncConnection, digest: str, now: datetime) -> OrgId:
    """The organisation of a bootstrap key; made when the key is new."""
    org_id = ids.org_id(digest)
    await conn.execute(insert(organisations).values(org_id=org_id, created_at=now).on_conflict_do_nothing())
    await conn.execute(insert(api_keys).values(digest=digest, org_id=org_id, created_at=now).on_conflict_do_nothing())
    return org_id


async def find_org(conn: AsyncConnection, digest: str) -> OrgId | None:
    """Whose key this is. The one query that is not scoped: it finds the scope."""
    found = await conn.scalar(select(api_keys.c.org_id).where(api_keys.c.digest == digest))
    return OrgId(found) if found else None
