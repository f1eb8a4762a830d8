"""Use cases of logging in: a short access token, and a refresh token that is good once."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.ids import uuid7
from longshore.problems import Problem
from longshore_gateway.accounts.rules import digest_of
from longshore_gateway.accounts.service import Accounts, refused
from longshore_gateway.audit import trail
from longshore_gateway.people import sessions, store
from longshore_gateway.people.passwords import Passwords
from longshore_gateway.people.rules import IDLE_FOR, User, Verdict, judge, session_end, subjects
from longshore_gateway.people.tokens import Tokens

log = structlog.get_logger(__name__)

PREFIX = "lsr_"


@dataclass(frozen=True, slots=True)
class Login:
    """A person who is logged in: the access token for Authorization, the refresh token for the cookie."""

    user: User
    access_token: str
    refresh_token: str
    refresh_until: datetime


class Logins:
    """Logs in, refreshes, logs out."""

    def __init__(
        self,
        engine: AsyncEngine,
        accounts: Accounts,
        passwords: Passwords,
        tokens: Tokens,
        clock: Clock = utc_now,
        make_secret: Callable[[], str] = lambda: PREFIX + secrets.token_urlsafe(32),
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._make_secret = make_secret

    async def login(self, email: str, password: str, address: str) -> Login:
        """Begin a session. Raises Problem 401, the same for all that can be wrong, and 429 after too many of them."""
        counted = subjects(email, address)
        await self.count_attempt(counted)
        async with self._engine.connect() as conn:
            found = await store.find_login(conn, email)
        kept = found[1] if found is not None else None
        if not await self._passwords.verify(kept, password) or found is None or found[0].disabled_at is not None:
            raise _wrong()
        user, now = found[0], self._clock()
        anew = await self._passwords.hash(password) if kept is not None and self._passwords.is_outdated(kept) else kept
        async with self._engine.begin() as conn:
            # The password may have changed meanwhile, or the person been disabled: as if this had come after it.
            again = await store.find_login(conn, email, lock=True)
            if again is None or again[1] != kept or again[0].disabled_at is not None:
                raise _wrong()
            user = await store.change_user(conn, user.org_id, user.id, password_hash=anew)
            await sessions.take_back_attempts(conn, list(counted.values()), [counted["account"]])
            return await self.begin(conn, user, now, via="password")

    async def begin(self, conn: AsyncConnection, user: User, now: datetime, *, via: str) -> Login:
        """Begin a session of somebody who has proven who they are (`via`: how), and who is locked."""
        user = await store.change_user(conn, user.org_id, user.id, last_login_at=now)
        with trail.acting_as(f"user:{user.id}", user.email):
            await trail.record(conn, user.org_id, "user.logged_in", user.id, now, after={"via": via})
        session_id, until = uuid7(), now + IDLE_FOR
        await sessions.add_session(conn, user, session_id, now, until)
        return await self._issue(conn, user, session_id, now, until)

    async def refresh(self, refresh_token: str) -> Login:
        """A new pair for a refresh token that was not used yet. One that was ends its session: there is a copy of it.

        Raises Problem 401, or 409 for one that was used a moment ago (two tabs): use the newer cookie.
        """
        digest, now = digest_of(refresh_token), self._clock()
        async with self._engine.begin() as conn:
            found = await sessions.lock_token(conn, digest)
            if found is None:
                raise _over()
            token, user = found
            verdict = judge(token, now) if user.disabled_at is None else Verdict.OVER
            if verdict is Verdict.GOOD:
                until = session_end(token.session_created_at, now)
                await sessions.use_token(conn, digest, token.session_id, now, until)
                return await self._issue(conn, user, token.session_id, now, until)
            if verdict is Verdict.STOLEN:
                await sessions.end_session(conn, token.session_id, now)
                with trail.acting_as(trail.SYSTEM):
                    await trail.record(conn, user.org_id, "session.ended_for_reuse", user.id, now)
        if verdict is Verdict.AT_ONCE:
            raise Problem(
                409, "This session was just refreshed; use its newer cookie.", type="refreshed-at-once",
                headers={"Retry-After": "1"},
            )  # fmt: skip
        if verdict is Verdict.STOLEN:
            self._accounts.forget()
            log.warning("a used refresh token came again: its session is ended", user_id=str(user.id))
        raise _over()

    async def logout(self, refresh_token: str | None) -> None:
        """End the session of a refresh token; nothing to do without one, or for an unknown one."""
        if refresh_token is None:
            return
        async with self._engine.begin() as conn:
            found = await sessions.lock_token(conn, digest_of(refresh_token))
            if found is not None:
                await sessions.end_session(conn, found[0].session_id, self._clock())
        self._accounts.forget()

    async def count_attempt(self, counted: dict[str, str]) -> None:
        """Count a login before its password is looked at. Raises Problem 429."""
        async with self._engine.begin() as conn:
            # In one order, so that two do not wait for each other.
            waits = [
                await sessions.count_attempt(conn, kind, subject, self._clock())
                for kind, subject in sorted(counted.items())
            ]
        wait = math.ceil(max(waits))
        if wait > 0:
            raise Problem(
                429,
                f"Too many logins have failed; try again in {wait} s.",
                type="too-many-logins",
                headers={"Retry-After": str(wait)},
            )

    async def _issue(
        self, conn: AsyncConnection, user: User, session_id: UUID, now: datetime, until: datetime
    ) -> Login:
        secret = self._make_secret()
        await sessions.add_token(conn, user, session_id, digest_of(secret), now)
        return Login(user, self._tokens.issue(user.id, session_id, now), secret, until)


def _wrong() -> Problem:
    return refused("This address and this password do not belong together.")


def _over() -> Problem:
    return refused("The session is over; log in again.")
