"""Use cases of API keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.ids import OrgId, uuid7
from longshore.paging import Place
from longshore.problems import Problem, not_found
from longshore_gateway.accounts.rules import Caller, Scope, digest_of, require_grantable
from longshore_gateway.accounts.service import Accounts, shown_prefix
from longshore_gateway.accounts.store import KeyRow
from longshore_gateway.audit import trail
from longshore_gateway.keys import store

PREFIX = "lsk_"


class ApiKeys:
    """Makes, lists and ends keys."""

    def __init__(
        self,
        engine: AsyncEngine,
        accounts: Accounts,
        clock: Clock = utc_now,
        make_secret: Callable[[], str] = lambda: PREFIX + secrets.token_urlsafe(32),
    ) -> None:
        self._engine = engine
        self._accounts = accounts
        self._clock = clock
        self._make_secret = make_secret

    async def create(
        self, caller: Caller, name: str, scopes: Sequence[Scope], expires_at: datetime | None
    ) -> tuple[KeyRow, str]:
        """A new key and its secret, which nobody can show again. Raises Problem 403 or 422."""
        require_grantable(caller, scopes)
        now = self._clock()
        if expires_at is not None and expires_at <= now:
            raise Problem(422, "/expires_at: it is past.", type="invalid-input")
        secret = self._make_secret()
        key = KeyRow(
            id=uuid7(),
            org_id=caller.org_id,
            name=name,
            prefix=shown_prefix(secret),
            scopes=tuple(sorted(frozenset(scopes))),
            created_by=caller.actor,
            created_at=now,
            expires_at=expires_at,
            last_used_at=None,
        )
        async with self._engine.begin() as conn:
            await store.add_key(conn, digest_of(secret), key)
            await trail.record(conn, key.org_id, "api_key.created", key.id, now, after=_told(key))
        return key, secret

    async def list(self, org_id: OrgId, after: Place | None, limit: int) -> Sequence[KeyRow]:
        """Keys that are not revoked, oldest first."""
        async with self._engine.connect() as conn:
            return await store.list_keys(conn, org_id, after, limit)

    async def revoke(self, caller: Caller, id: UUID) -> None:
        """End a key: here at once, in other processes within half a minute. Raises Problem 404."""
        async with self._engine.begin() as conn:
            now = self._clock()
            key = await store.revoke_key(conn, caller.org_id, id, now)
            if key is None:
                raise not_found("This API key")
            await trail.record(conn, key.org_id, "api_key.revoked", key.id, now, before=_told(key))
        self._accounts.forget()


def _told(key: KeyRow) -> dict[str, Any]:
    """What the audit log says of a key."""
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": None if key.scopes is None else list(key.scopes),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(),
    }
