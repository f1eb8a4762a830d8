"""Queries on people, each scoped to an organisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.ids import OrgId
from longshore.paging import Place
from longshore_gateway.accounts.rules import Role
from longshore_gateway.models import organisations
from longshore_gateway.people.models import invitations, users
from longshore_gateway.people.rules import User

FIELDS = [users.c[name] for name in User.__dataclass_fields__]


class EmailTaken(Exception):
    """Somebody has this address already, in this organisation or another."""


def user_of(row: Row[*tuple[Any, ...]]) -> User:
    """A row of FIELDS."""
    fields = row._asdict()
    return User(**{**fields, "role": Role(fields["role"])})


async def add_user(conn: AsyncConnection, user: User, password_hash: str | None) -> None:
    """Keep a new person. Raises EmailTaken."""
    values = {name: getattr(user, name) for name in User.__dataclass_fields__}
    try:
        async with conn.begin_nested():
            await conn.execute(insert(users).values(values | {"password_hash": password_hash}))
    except IntegrityError:
        raise EmailTaken from None


async def list_users(conn: AsyncConnection, org_id: OrgId, after: Place | None, limit: int) -> Sequence[User]:
    """People of an organisation, oldest first."""
    statement = select(*FIELDS).where(users.c.org_id == org_id).order_by(users.c.created_at, users.c.id).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(users.c.created_at, users.c.id) > tuple_(*after))
    return [user_of(row) for row in await conn.execute(statement)]


async def get_user(conn: AsyncConnection, org_id: OrgId, id: UUID, *, lock: bool = False) -> User | None:
    """One person of an organisation."""
    statement = select(*FIELDS).where(users.c.org_id == org_id, users.c.id == id)
    row = (await conn.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else user_of(row)


async def lock_owners(conn: AsyncConnection, org_id: OrgId) -> Sequence[UUID]:
    """The owners who can log in; two who demote each other at once wait for one another."""
    statement = (
        select(users.c.id)
        .where(users.c.org_id == org_id, users.c.role == Role.OWNER.value, users.c.disabled_at.is_(None))
        .order_by(users.c.id)
        .with_for_update()
    )
    return list(await conn.scalars(statement))


async def change_user(conn: AsyncConnection, org_id: OrgId, id: UUID, **values: Any) -> User:
    """Change a person who is locked."""
    statement = update(users).where(users.c.org_id == org_id, users.c.id == id).values(**values).returning(*FIELDS)
    return user_of((await conn.execute(statement)).one())


async def put_invitation(conn: AsyncConnection, user: User, digest: str, expires_at: datetime) -> None:
    """Invite somebody; an invitation of before is good no more."""
    new = {"digest": digest, "org_id": user.org_id, "expires_at": expires_at}
    statement = upsert(invitations).values(new | {"user_id": user.id})
    await conn.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=new))


async def take_invitation(conn: AsyncConnection, digest: str, now: datetime) -> tuple[OrgId, UUID] | None:
    """Use an invitation, once: whose it is. Not scoped: it finds the scope."""
    # unscoped: by the digest of an invitation, which finds the organisation
    statement = (
        delete(invitations)
        .where(invitations.c.digest == digest, invitations.c.expires_at > now)
        .returning(invitations.c.org_id, invitations.c.user_id)
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else (OrgId(row.org_id), row.user_id)


async def invited_email(conn: AsyncConnection, digest: str, now: datetime) -> str | None:
    """Whom an invitation is for. Not scoped: it finds the scope."""
    # unscoped: by the digest of an invitation, which finds the organisation
    statement = (
        select(users.c.email)
        .join(invitations, invitations.c.user_id == users.c.id)
        .where(invitations.c.digest == digest, invitations.c.expires_at > now)
    )
    return await conn.scalar(statement)


async def password_of(conn: AsyncConnection, org_id: OrgId, id: UUID) -> str | None:
    """The hash of somebody's password."""
    return await conn.scalar(select(users.c.password_hash).where(users.c.org_id == org_id, users.c.id == id))


async def find_login(conn: AsyncConnection, email: str, *, lock: bool = False) -> tuple[User, str | None] | None:
    """Who logs in with this address, and the hash of their password. Not scoped: it finds the scope."""
    # unscoped: by the address of a login, which finds the organisation
    statement = select(*FIELDS, users.c.password_hash).where(users.c.email == email)
    row = (await conn.execute(statement.with_for_update() if lock else statement)).one_or_none()
    if row is None:
        return None
    fields = row._asdict()
    password_hash = fields.pop("password_hash")
    return User(**{**fields, "role": Role(fields["role"])}), password_hash


async def list_organisations(conn: AsyncConnection) -> Sequence[UUID]:
    """Organisations, oldest first: for whoever has the machine, not for callers."""
    # unscoped: for whoever has the machine
    return list(await conn.scalars(select(organisations.c.org_id).order_by(organisations.c.created_at)))


async def add_organisation(conn: AsyncConnection, org_id: OrgId, now: datetime) -> None:
    """An organisation without a key."""
    await conn.execute(upsert(organisations).values(org_id=org_id, created_at=now).on_conflict_do_nothing())
