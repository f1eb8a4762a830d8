"""Access tokens that expire: refreshed in time and when a store refuses one, by one task of all processes at a time.

How the pair is never lost half-written:
- the attempt is committed before the platform is asked, the answer in one statement after it; between the two the row
  is locked, so that nobody asks twice;
- a process that dies in between leaves the old pair, which the platform takes once more until its replacement is used
  (Shopify since 2026-08-28; before, for an hour). Where it does not, the merchant is asked: `needs_reauth`;
- an answer that cannot be written, because PostgreSQL went away, is used, and written as soon as that is possible.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore import outbox
from longshore.broker.errors import describe, is_transient
from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationStatus
from longshore.platforms.outcomes import changed, integration_message
from longshore.platforms.protocols import Integration, StoreClient, StoreError, StoreUnauthorized, StoreUnavailable
from longshore.platforms.token_endpoint import GrantRefused
from longshore.vault import StoredTokens, TokenPair, TokenStore, Vault

log = structlog.get_logger(__name__)

# A token with less left than this is refreshed before it is used.
MARGIN = timedelta(minutes=5)
# A token that is refused so soon after it was given is no reason to ask for the next one, and the next one.
YOUNG = timedelta(seconds=10)
NEEDS_REAUTH = "needs-reauth"

Refresh = Callable[[Integration, str], Awaitable[TokenPair]]
"""Asks a store for the next pair, given its refresh token. Raises GrantRefused, or another StoreError."""

Result = Literal["refreshed", "refused", "failed"]
OnEnd = Callable[[Result], None]
"""Is told how each refresh ended, to count them."""


class AccessToken(Protocol):
    """Where a store client has its access token from."""

    async def current(self) -> str:
        """A token that is good as far as we know. Raises StoreError."""

    async def renew(self, refused: str) -> str | None:
        """Another, after the store has refused this one; None when there is none. Raises StoreError."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token that does not expire (a custom app's)."""

    token: str = field(repr=False)

    async def current(self) -> str:
        """The token."""
        return self.token

    async def renew(self, refused: str) -> str | None:
        """There is no other."""
        del refused
        return None


@dataclass(frozen=True, slots=True)
class GrantedClients:
    """How a platform's package takes part: how a token is refreshed, and the client that is given its tokens."""

    refresh: Refresh
    make_client: Callable[[Integration, AccessToken], StoreClient]


class GrantedTokens:
    """The tokens of all stores that were connected through OAuth. One for each process."""

    def __init__(
        self,
        *,
        schema: str,
        engine: AsyncEngine,
        vault: Vault,
        store: TokenStore,
        refresh: Refresh,
        clock: Clock = utc_now,
        on_end: OnEnd = lambda result: None,
    ) -> None:
        self._schema = schema
        self._engine = engine
        self._vault = vault
        self._store = store
        self._refresh = refresh
        self._clock = clock
        self._on_end = on_end
        self._known: dict[UUID, TokenPair] = {}
        # Pairs that could not be written, with the version that they follow.
        self._unwritten: dict[UUID, tuple[int, TokenPair]] = {}
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    def of(self, integration: Integration) -> AccessToken:
        """The tokens of one store."""
        return _OfStore(self, integration)

    async def get(self, integration: Integration, refused: str | None = None) -> str:
        """A token that is good as far as we know, and not the `refused` one. Raises StoreError."""
        pair = self._good(integration.id, refused)
        if pair is None or integration.id in self._unwritten:
            # Whoever waits for the same finds it done.
            async with self._turns[integration.id]:
                await self._write_late(integration.id)
                pair = self._good(integration.id, refused) or await self._newer(integration, refused)
        return pair.access_token

    def _good(self, id: UUID, refused: str | None) -> TokenPair | None:
        pair = self._known.get(id)
        return pair if pair is not None and self._is_good(pair, refused) else None

    def _is_good(self, pair: TokenPair, refused: str | None) -> bool:
        return pair.access_token != refused and pair.expires_at - self._clock() > MARGIN

    async def _newer(self, integration: Integration, refused: str | None) -> TokenPair:
        """The stored pair if it is good, else the next one."""
        async with self._engine.begin() as conn:
            stored = self._usable(await self._store.get(conn, integration.id, lock=True))
            if self._is_good(stored.pair, refused):
                self._known[integration.id] = stored.pair
                return stored.pair
            if stored.pair.access_token == refused and self._clock() - stored.stored_at < YOUNG:
                detail = "The store does not accept a token that it gave a moment ago."
                raise StoreUnavailable("token-refused", detail, YOUNG.total_seconds())
            await self._store.note_attempt(conn, integration.id, self._clock())
        try:
            return await self._refreshed(integration, refused, answer_lost=stored.attempted_at is not None)
        except StoreUnavailable:
            if stored.pair.access_token != refused and stored.pair.expires_at > self._clock():
                # Old, but still good: the next call tries again.
                return stored.pair
            raise

    async def _refreshed(self, integration: Integration, refused: str | None, *, answer_lost: bool) -> TokenPair:
        refusal: GrantRefused | None = None
        pair: TokenPair | None = None
        version = 0
        try:
            async with self._engine.begin() as conn:
                stored = self._usable(await self._store.get(conn, integration.id, lock=True))
                if self._is_good(stored.pair, refused):
                    # Another process was faster.
                    self._known[integration.id] = stored.pair
                    return stored.pair
                version = stored.version
                try:
                    pair = await self._refresh(integration, stored.pair.refresh_token)
                except GrantRefused as error:
                    refusal = error
                    self._on_end("refused")
                    await self._give_up(conn, integration, error, answer_lost=answer_lost)
                except StoreError:
                    self._on_end("failed")
                    raise
                else:
                    self._on_end("refreshed")
                    await self._store.replace(conn, integration.id, version, pair, self._clock())
        except Exception as error:
            if pair is None or not is_transient(error):
                raise
            log.error("new tokens cannot be written yet", error=describe(error), integration_id=str(integration.id))
            self._unwritten[integration.id] = (version, pair)
        if pair is None:
            self._known.pop(integration.id, None)
            raise _needs_reauth() from refusal
        self._known[integration.id] = pair
        return pair

    async def _write_late(self, id: UUID) -> None:
        """Write what could not be written when it came; it stays in use while that fails."""
        waiting = self._unwritten.get(id)
        if waiting is None:
            return
        version, pair = waiting
        try:
            async with self._engine.begin() as conn:
                written = await self._store.replace(conn, id, version, pair, self._clock())
        except Exception as error:
            if not is_transient(error):
                raise
            return
        del self._unwritten[id]
        if not written:
            # Somebody has refreshed meanwhile, or the merchant has granted anew: theirs is newer.
            self._known.pop(id, None)

    async def _give_up(
        self, conn: AsyncConnection, integration: Integration, error: GrantRefused, *, answer_lost: bool
    ) -> None:
        """Say that the merchant has to connect the store anew, in the transaction that notes the refusal."""
        now = self._clock()
        reason = f"{error.detail} Connect the store once more: its history goes on."
        if answer_lost:
            reason = f"The answer to an earlier refresh was lost. {reason}"
        await self._store.note_refusal(conn, integration.id, now)
        status = IntegrationStatus.NEEDS_REAUTH
        if await self._vault.set_status(conn, integration.id, status, reason, now):
            event = changed(integration, status, reason, now)
            await outbox.add(conn, self._schema, [integration_message(event)])
        log.error("a store must be connected anew", code=error.code, integration_id=str(integration.id))

    @staticmethod
    def _usable(stored: StoredTokens | None) -> StoredTokens:
        if stored is None or stored.refused_at is not None:
            raise _needs_reauth()
        return stored


def _needs_reauth() -> StoreUnauthorized:
    return StoreUnauthorized(NEEDS_REAUTH, "The store has taken our access back: connect it once more.")


@dataclass(frozen=True, slots=True)
class _OfStore:
    tokens: GrantedTokens
    integration: Integration

    async def current(self) -> str:
        return await self.tokens.get(self.integration)

    async def renew(self, refused: str) -> str | None:
        return await self.tokens.get(self.integration, refused)
