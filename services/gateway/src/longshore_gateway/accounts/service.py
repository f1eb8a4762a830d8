"""Who is asking: API keys, checked against their digests, and access tokens of people who are logged in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker.errors import describe
from longshore.clock import Clock, utc_now
from longshore.problems import Problem, try_again
from longshore_gateway.accounts import store
from longshore_gateway.accounts.rules import ROLE_SCOPES, Caller, CallerKind, digest_of, read_scopes
from longshore_gateway.people import sessions
from longshore_gateway.people.tokens import Tokens, looks_like_token

log = structlog.get_logger(__name__)

FRESH_S = 30.0
# While PostgreSQL is away, whoever was let in within this time still is: somebody has to see what is wrong.
STALE_S = 3600.0
MOST_REMEMBERED = 1_000
SHOWN_PREFIX = 12
# A key so short would be told by its prefix.
SHORTEST_SHOWN = 24
_UNREACHABLE = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    # On the monotonic clock: asked again after `fresh_until`, useless after `ends`.
    fresh_until: float
    ends: float


class Accounts:
    """Authenticates; remembers whom it knows for half a minute, so that a read costs no query for it.

    So what another process has revoked ends within that time.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        tokens: Tokens,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._tokens = tokens
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[str, _Known] = {}
        self._used: dict[UUID, datetime] = {}

    async def bootstrap(self, keys: Sequence[str]) -> None:
        """Make an organisation for each key that is new."""
        async with self._engine.begin() as conn:
            for key in keys:
                await store.add_organisation(conn, digest_of(key), shown_prefix(key), self._clock())

    async def authenticate(self, authorization: str | None) -> Caller:
        """Whom an Authorization header speaks for. Raises Problem 401, or 503 without PostgreSQL."""
        scheme, _, given = (authorization or "").partition(" ")
        secret = given.strip()
        if scheme.lower() != "bearer" or not secret:
            raise refused("Send `Authorization: Bearer <API key or access token>`.")
        # Looked up by digest: no comparison of secrets, so nothing to time.
        digest = digest_of(secret)
        known = self._known.get(digest)
        now = self._monotonic()
        if known is not None and now < known.fresh_until:
            return known.caller
        try:
            found = await (self._find_person(secret) if looks_like_token(secret) else self._find_key(digest))
        except _UNREACHABLE as error:
            if known is not None and now < known.ends and now < known.fresh_until + STALE_S:
                return known.caller
            raise try_again("The database does not answer.") from error
        if found is None:
            self._known.pop(digest, None)
            raise refused("This API key or access token is not known, or it has expired or was revoked.")
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = found
        return found.caller

    def remembers(self, authorization: str | None) -> bool:
        """Whether this header was good lately: it costs no look-up to say so, and is not an answer by itself."""
        return digest_of((authorization or "").partition(" ")[2].strip()) in self._known

    def forget(self) -> None:
        """Ask again for everybody: somebody's rights have changed."""
        self._known.clear()

    async def watch_use(self) -> None:
        """Write down now and then which keys were used, until cancelled; not with each request."""
        while True:
            await asyncio.sleep(FRESH_S)
            await self.note_use()

    async def note_use(self) -> None:
        """Write down which keys were used since the last time."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with self._engine.begin() as conn:
                await store.mark_used(conn, used)
        except _UNREACHABLE as error:
            self._used = used | self._used
            log.warning("the use of keys is not written down yet", error=describe(error))

    async def _find_person(self, token: str) -> _Known | None:
        at, now = self._clock(), self._monotonic()
        claims = self._tokens.read(token, at)
        if claims is None:
            return None
        async with self._engine.connect() as conn:
            # The token says which session; that it goes on, and the role of today, the database does.
            user = await sessions.find_caller(conn, claims.session_id, at)
        if user is None:
            return None
        ends = now + claims.expires_at - at.timestamp()
        caller = Caller(user.org_id, CallerKind.USER, user.id, user.email, ROLE_SCOPES[user.role], user.role)
        return _Known(caller, min(now + FRESH_S, ends), ends)

    async def _find_key(self, digest: str) -> _Known | None:
        async with self._engine.connect() as conn:
            key = await store.find_key(conn, digest)
        at, now = self._clock(), self._monotonic()
        if key is None or (key.expires_at is not None and key.expires_at <= at):
            return None
        ends = float("inf") if key.expires_at is None else now + (key.expires_at - at).total_seconds()
        # Once in half a minute is as exact as anybody needs it.
        self._used[key.id] = at
        caller = Caller(key.org_id, CallerKind.API_KEY, key.id, key.name, read_scopes(key.scopes))
        return _Known(caller, min(now + FRESH_S, ends), ends)


def shown_prefix(key: str) -> str:
    """What people may see of a key."""
    return key[:SHOWN_PREFIX] if len(key) >= SHORTEST_SHOWN else ""


def refused(detail: str) -> Problem:
    """A 401."""
    return Problem(401, detail, type="not-authenticated", headers={"WWW-Authenticate": "Bearer"})
