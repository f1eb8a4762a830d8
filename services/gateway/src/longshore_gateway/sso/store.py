"""Queries of single sign-on: logins that have begun, and who somebody is at the provider."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.pruning import Past
from longshore_gateway.models import SCHEMA
from longshore_gateway.people.models import users
from longshore_gateway.people.rules import User
from longshore_gateway.people.store import FIELDS, list_organisations, user_of
from longshore_gateway.sso.models import oidc_flows, oidc_identities
from longshore_gateway.sso.rules import Identity

KEPT = timedelta(days=1)


async def add_flow(
    conn: AsyncConnection, *, state: str, browser: str, return_to: str | None, expires_at: datetime
) -> None:
    """A login begins. Digests, not secrets."""
    await conn.execute(
        insert(oidc_flows).values(state=state, browser=browser, return_to=return_to, expires_at=expires_at)
    )


async def claim_flow(conn: AsyncConnection, state: str, browser: str, now: datetime) -> tuple[str | None] | None:
    """Where a login goes on, if it was begun in this browser; it is used up by it: of two at once one gets it."""
    statement = (
        update(oidc_flows)
        .where(
            oidc_flows.c.state == state,
            oidc_flows.c.browser == browser,
            oidc_flows.c.used_at.is_(None),
            oidc_flows.c.expires_at > now,
        )
        .values(used_at=now)
        .returning(oidc_flows.c.return_to)
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else (row.return_to,)


async def find_user(conn: AsyncConnection, identity: Identity) -> User | None:
    """Who this is here, by their subject. Not scoped: it finds the scope."""
    # unscoped: by what the provider has proven, which finds the organisation
    statement = (
        select(*FIELDS)
        .join(oidc_identities, oidc_identities.c.user_id == users.c.id)
        .where(oidc_identities.c.issuer == identity.issuer, oidc_identities.c.subject == identity.subject)
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else user_of(row)


async def add_identity(conn: AsyncConnection, identity: Identity, user: User, now: datetime) -> bool:
    """From now on this subject is that person; False if they are another one there, or somebody else is this one."""
    statement = (
        upsert(oidc_identities)
        .values(issuer=identity.issuer, subject=identity.subject, org_id=user.org_id, user_id=user.id, created_at=now)
        .on_conflict_do_nothing()
        .returning(oidc_identities.c.user_id)
    )
    return (await conn.scalar(statement)) is not None


async def subject_of(conn: AsyncConnection, user: User, issuer: str) -> str | None:
    """Who a person is at the provider."""
    return await conn.scalar(
        select(oidc_identities.c.subject).where(
            oidc_identities.c.org_id == user.org_id,
            oidc_identities.c.user_id == user.id,
            oidc_identities.c.issuer == issuer,
        )
    )


async def organisation_for(conn: AsyncConnection, wanted: UUID | None) -> UUID | None:
    """Where somebody new belongs: in the wanted organisation if it is there, else in the only one there is."""
    known = await list_organisations(conn)
    if wanted is not None:
        return wanted if wanted in known else None
    return known[0] if len(known) == 1 else None


def past() -> list[Past]:
    """Logins that are over."""
    return [Past(f"{SCHEMA}.oidc_flows", "expires_at < :before", KEPT)]
