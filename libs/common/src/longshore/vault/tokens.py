"""Tokens that a merchant has granted and that expire: one row for each store, beside the integration's own.

A row of its own: a refresh, which holds its lock while the platform is asked, keeps nobody from the integration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.ids import IntegrationId, OrgId
from longshore.vault.crypto import Sealer
from longshore.vault.models import tokens

# The credentials of an integration whose tokens lie here. They never change, so its client lives through a refresh.
GRANTED: Mapping[str, str] = {"grant": "oauth"}


def is_granted(credentials: Mapping[str, str]) -> bool:
    """Whether an integration's access was granted through OAuth, and its tokens expire."""
    return credentials.get("grant") == GRANTED["grant"]


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token and what gets the next one. Its repr shows neither. Times are aware UTC.

    `refresh_expires_at` None: the platform did not say.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    refresh_expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """A pair as it is stored, since `stored_at`. `version` counts pairs.

    `attempted_at`: a refresh of this pair began then, and no answer to it was stored. `refused_at`: the platform will
    not refresh it.
    """

    pair: TokenPair
    version: int
    stored_at: datetime
    attempted_at: datetime | None
    refused_at: datetime | None


class TokenStore:
    """Reads and writes pairs, sealed. A pair is written whole, in one statement."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def put(
        self, conn: AsyncConnection, id: IntegrationId, org_id: OrgId, pair: TokenPair, now: datetime
    ) -> None:
        """What a merchant has granted just now; it takes the place of whatever was there."""
        values = self._values(pair, now)
        await conn.execute(
            insert(tokens)
            .values(integration_id=id, org_id=org_id, version=1, **values)
            .on_conflict_do_update(index_elements=["integration_id"], set_=values | {"version": tokens.c.version + 1})
        )

    async def replace(self, conn: AsyncConnection, id: UUID, version: int, pair: TokenPair, now: datetime) -> bool:
        """The pair that a refresh of `version` gave; answers whether that was still the newest."""
        # unscoped: by the integration, for its connector
        done = await conn.execute(
            update(tokens)
            .where(tokens.c.integration_id == id, tokens.c.version == version)
            .values(**self._values(pair, now), version=version + 1)
            .returning(tokens.c.version)
        )
        return done.one_or_none() is not None

    async def get(self, conn: AsyncConnection, id: UUID, *, lock: bool = False) -> StoredTokens | None:
        """The newest pair; `lock`: nobody else gets it locked before this transaction ends. Raises InvalidKey."""
        # unscoped: by the integration, for its connector
        query = select(tokens).where(tokens.c.integration_id == id)
        row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
        return self._opened(row) if row else None

    async def note_attempt(self, conn: AsyncConnection, id: UUID, now: datetime) -> None:
        """A refresh begins. What is still noted when the next one begins tells that an answer was lost."""
        # unscoped: by the integration, for its connector
        await conn.execute(update(tokens).where(tokens.c.integration_id == id).values(attempted_at=now))

    async def note_refusal(self, conn: AsyncConnection, id: UUID, now: datetime) -> None:
        """The platform refuses to refresh this pair, for good."""
        # unscoped: by the integration, for its connector
        await conn.execute(update(tokens).where(tokens.c.integration_id == id).values(refused_at=now))

    async def destroy(self, conn: AsyncConnection, id: UUID) -> None:
        """Forget a store's pair."""
        # unscoped: by the integration, for its connector
        await conn.execute(delete(tokens).where(tokens.c.integration_id == id))

    def _values(self, pair: TokenPair, now: datetime) -> dict[str, Any]:
        secret = {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
        return {
            "sealed": self._sealer.seal(secret),
            "scopes": " ".join(pair.scopes),
            "expires_at": pair.expires_at,
            "refresh_expires_at": pair.refresh_expires_at,
            "attempted_at": None,
            "refused_at": None,
            "updated_at": now,
        }

    def _opened(self, row: Row[*tuple[Any, ...]]) -> StoredTokens:
        secret = self._sealer.open(row.sealed)
        pair = TokenPair(
            access_token=secret["access_token"],
            refresh_token=secret["refresh_token"],
            expires_at=row.expires_at,
            refresh_expires_at=row.refresh_expires_at,
            scopes=tuple(row.scopes.split()),
        )
        return StoredTokens(pair, row.version, row.updated_at, row.attempted_at, row.refused_at)
