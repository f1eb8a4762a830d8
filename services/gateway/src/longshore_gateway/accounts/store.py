"""Queries on organisations and on who speaks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Row, Uuid, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore import ids
from longshore.ids import OrgId
from longshore_gateway.models import api_keys, organisations


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as it is kept: never the key itself. `scopes` None: all that an owner may do."""

    id: UUID
    org_id: OrgId
    name: str
    prefix: str
    scopes: tuple[str, ...] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


KEY_FIELDS = [api_keys.c[name] for name in KeyRow.__dataclass_fields__]


def key_row(row: Row[*tuple[Any, ...]]) -> KeyRow:
    """A row of KEY_FIELDS."""
    fields = row._asdict()
    scopes = fields["scopes"]
    return KeyRow(**{**fields, "scopes": None if scopes is None else tuple(scopes)})


async def add_organisation(conn: AsyncConnection, digest: str, prefix: str, now: datetime) -> OrgId:
    """The organisation of a bootstrap key; made when the key is new."""
    org_id = ids.org_id(digest)
    await conn.execute(insert(organisations).values(org_id=org_id, created_at=now).on_conflict_do_nothing())
    key = insert(api_keys).values(
        digest=digest, org_id=org_id, name="bootstrap", prefix=prefix, created_by="environment", created_at=now
    )
    # What is revoked stays so, also while the environment still names it.
    await conn.execute(key.on_conflict_do_nothing(index_elements=["digest"]))
    return org_id


async def find_key(conn: AsyncConnection, digest: str) -> KeyRow | None:
    """Whose key this is, unless it is revoked. A query that is not scoped: it finds the scope."""
    # unscoped: by the digest of a key, which finds the organisation
    statement = select(*KEY_FIELDS).where(api_keys.c.digest == digest, api_keys.c.revoked_at.is_(None))
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else key_row(row)


async def mark_used(conn: AsyncConnection, used: Mapping[UUID, datetime]) -> None:
    """These keys were used then; several processes may say so in any order."""
    given = select(
        func.unnest(bindparam("ids", list(used), ARRAY(Uuid))).label("id"),
        func.unnest(bindparam("times", list(used.values()), ARRAY(DateTime(timezone=True)))).label("at"),
    ).subquery()
    # unscoped: by ids of keys that have been let in
    await conn.execute(
        update(api_keys)
        .where(api_keys.c.id == given.c.id)
        .values(last_used_at=func.greatest(api_keys.c.last_used_at, given.c.at))
    )
