"""Who is asking: API keys, checked against their digests."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.ids import OrgId
from longshore.problems import Problem
from longshore_gateway.accounts import store

FRESH_S = 30.0
# While PostgreSQL is away, whoever was let in within this time still is: somebody has to see what is wrong.
STALE_S = 3600.0
MOST_REMEMBERED = 1_000


class Accounts:
    """Authenticates; remembers good keys for half a minute, so that a read costs no query for it."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._monotonic = monotonic
        self._known: dict[str, tuple[OrgId, float]] = {}

    async def bootstrap(self, keys: Sequence[str]) -> None:
        """Make an organisation for each key that is new."""
        async with self._engine.begin() as conn:
            for key in keys:
                await store.add_organisation(conn, _digest(key), self._clock())

    async def authenticate(self, authorization: str | None) -> OrgId:
        """The organisation that an Authorization header speaks for. Raises Problem 401, or 503 without PostgreSQL."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise _refused("Send `Authorization: Bearer <API key>`.")
        # Looked up by digest: no comparison of secrets, so nothing to time.
        digest = _digest(key.strip())
        known = self._known.get(digest)
        if known is not None and self._monotonic() < known[1]:
            return known[0]
        try:
            async with self._engine.connect() as conn:
                org_id = await store.find_org(conn, digest)
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            if known is not None and self._monotonic() < known[1] + STALE_S:
                return known[0]
            raise Problem(
                503, "The database does not answer.", type="try-again", headers={"Retry-After": "5"}
            ) from error
        if org_id is None:
            raise _refused("This API key is not known.")
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = (org_id, self._monotonic() + FRESH_S)
        return org_id


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _refused(detail: str) -> Problem:
    return Problem(401, detail, type="not-authenticated", headers={"WWW-Authenticate": "Bearer"})
