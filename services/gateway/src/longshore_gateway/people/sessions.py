"""Queries on sessions and their refresh tokens, and on failed logins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.pruning import Past
from longshore_gateway.models import SCHEMA
from longshore_gateway.people.models import login_attempts, refresh_tokens, sessions, users
from longshore_gateway.people.rules import FORGOTTEN_AFTER, Token, User, pause_after
from longshore_gateway.people.store import FIELDS, user_of


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failed logins of one subject."""

    failures: int
    last_at: datetime


async def find_caller(conn: AsyncConnection, session_id: UUID, now: datetime) -> User | None:
    """Who is logged in by this session, if it goes on and they may. Not scoped: it finds the scope."""
    # unscoped: by a session or the digest of its token, which find the organisation
    statement = (
        select(*FIELDS)
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(
            sessions.c.id == session_id,
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > now,
            users.c.disabled_at.is_(None),
        )
    )
    row = (await conn.execute(statement)).one_or_none()
    return None if row is None else user_of(row)


async def add_session(conn: AsyncConnection, user: User, id: UUID, now: datetime, expires_at: datetime) -> None:
    """A new login."""
    values = {"id": id, "org_id": user.org_id, "user_id": user.id, "created_at": now, "expires_at": expires_at}
    await conn.execute(insert(sessions).values(values))


async def add_token(conn: AsyncConnection, user: User, session_id: UUID, digest: str, now: datetime) -> None:
    """A refresh token of a session."""
    values = {"digest": digest, "org_id": user.org_id, "session_id": session_id, "created_at": now}
    await conn.execute(insert(refresh_tokens).values(values))


async def lock_token(conn: AsyncConnection, digest: str) -> tuple[Token, User] | None:
    """A refresh token, its session and its person. Not scoped: it finds the scope. The session is locked."""
    # unscoped: by a session or the digest of its token, which find the organisation
    statement = (
        select(
            sessions.c.id.label("session_id"),
            sessions.c.created_at.label("session_created_at"),
            sessions.c.expires_at.label("session_expires_at"),
            sessions.c.ended_at.label("session_ended_at"),
            sessions.c.user_id,
        )
        .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.id)
        .where(refresh_tokens.c.digest == digest)
        .with_for_update(of=sessions)
    )
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        return None
    # After the lock: whoever held it may have used it.
    # unscoped: by a session or the digest of its token, which find the organisation
    used_at = await conn.scalar(select(refresh_tokens.c.used_at).where(refresh_tokens.c.digest == digest))
    # unscoped: by a session or the digest of its token, which find the organisation
    person = (await conn.execute(select(*FIELDS).where(users.c.id == row.user_id))).one()
    token = Token(row.session_id, row.session_created_at, row.session_expires_at, row.session_ended_at, used_at)
    return token, user_of(person)


async def use_token(conn: AsyncConnection, digest: str, session_id: UUID, now: datetime, expires_at: datetime) -> None:
    """A refresh token gave a new pair; its session goes on."""
    # unscoped: by a session or the digest of its token, which find the organisation
    await conn.execute(update(refresh_tokens).where(refresh_tokens.c.digest == digest).values(used_at=now))
    # unscoped: by a session or the digest of its token, which find the organisation
    await conn.execute(update(sessions).where(sessions.c.id == session_id).values(expires_at=expires_at))


async def end_session(conn: AsyncConnection, session_id: UUID, now: datetime) -> None:
    """Nobody is logged in by it any more."""
    # unscoped: by a session or the digest of its token, which find the organisation
    await conn.execute(
        update(sessions).where(sessions.c.id == session_id, sessions.c.ended_at.is_(None)).values(ended_at=now)
    )


async def end_sessions(conn: AsyncConnection, user: User, now: datetime, *, but: UUID | None = None) -> None:
    """All of a person's logins, but perhaps one."""
    statement = update(sessions).where(
        sessions.c.org_id == user.org_id, sessions.c.user_id == user.id, sessions.c.ended_at.is_(None)
    )
    if but is not None:
        statement = statement.where(sessions.c.id != but)
    await conn.execute(statement.values(ended_at=now))


async def count_attempt(conn: AsyncConnection, kind: str, subject: str, now: datetime) -> float:
    """Count a login as failed before it is tried, so that many at once do not slip through; answers for how many
    seconds it has to wait instead (0: it may be tried)."""
    first = upsert(login_attempts).values(subject=subject, failures=0, last_at=now)
    await conn.execute(first.on_conflict_do_nothing())
    row = (
        await conn.execute(
            select(login_attempts.c.failures, login_attempts.c.last_at)
            .where(login_attempts.c.subject == subject)
            .with_for_update()
        )
    ).one()
    failures = 0 if now - row.last_at > FORGOTTEN_AFTER else row.failures
    pause = pause_after(kind, failures)
    # Whoever held the lock may have come later than this one, so without a pause there is nothing to compare.
    if pause > 0:
        left: float = pause - (now - row.last_at).total_seconds()
        if left > 0:
            return left
    await conn.execute(
        update(login_attempts).where(login_attempts.c.subject == subject).values(failures=failures + 1, last_at=now)
    )
    return 0.0


async def take_back_attempts(conn: AsyncConnection, given: Sequence[str], cleared: Sequence[str]) -> None:
    """A login was good after all: its address is not blamed for it, and its account has a clean sheet."""
    await conn.execute(
        update(login_attempts)
        .where(login_attempts.c.subject.in_(given), login_attempts.c.failures > 0)
        .values(failures=login_attempts.c.failures - 1)
    )
    await conn.execute(delete(login_attempts).where(login_attempts.c.subject.in_(cleared)))


def past(history_days: int) -> list[Past]:
    """Sessions that were over so many days ago (their tokens go with them), and attempts that are forgotten."""
    return [
        Past(f"{SCHEMA}.sessions", "expires_at < :before", timedelta(days=history_days)),
        Past(f"{SCHEMA}.login_attempts", "last_at < :before", FORGOTTEN_AFTER),
    ]
