"""Who may deliver, remembered in memory: secrets of connected stores, dropped when an integration changes.

The hot route asks here. A store that is remembered is served also while PostgreSQL is away: what a store delivers then
goes to the raw log all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker import EncodedHeaders, encode_headers
from longshore.clock import Clock, utc_now
from longshore.contracts import Origin, Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.raw import store_headers, stream_key
from longshore.vault import CHANNEL, Vault
from longshore_gateway.webhooks.rules import shopify_secrets, woocommerce_secrets

log = structlog.get_logger(__name__)

FRESH_S = 300.0
# A stranger's guesses are remembered shortly and in bounded number.
UNKNOWN_FRESH_S = 2.0
MOST_ENTRIES = 20_000
DATABASE_PAUSE_S = 1.0
DATABASE_WAIT_S = 2.5


class StoresUnavailable(Exception):
    """It is not known who may deliver: PostgreSQL is away and the store is not remembered."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A store that may deliver, the keys it may sign with, and what is the same for all its raw records."""

    integration_id: IntegrationId
    keys: tuple[bytes, ...]
    headers: EncodedHeaders
    # Of the partition keys of its records; the entity follows.
    key_prefix: bytes


def sender_of(platform: Platform, org_id: OrgId, integration_id: IntegrationId, keys: tuple[bytes, ...]) -> Sender:
    """A sender with its headers made once, not for each delivery."""
    headers = encode_headers(store_headers(platform, org_id, integration_id, Origin.WEBHOOK))
    return Sender(integration_id, keys, headers, stream_key(integration_id, "").encode())


_Name = tuple[Platform, str]
"""By what a delivery names its store: an integration's id, or a shop's domain in lower case."""


@dataclass(slots=True)
class _Entry:
    senders: tuple[Sender, ...]
    fresh_until: float


class Stores:
    """Look-ups by what a delivery names: an integration's id, or a shop's domain."""

    def __init__(
        self,
        engine: AsyncEngine,
        vault: Vault,
        shopify_app_secrets: Sequence[str],
        clock: Callable[[], float] = time.monotonic,
        now: Clock = utc_now,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._app_secrets = tuple(shopify_app_secrets)
        self._clock = clock
        self._now = now
        self._entries: dict[_Name, _Entry] = {}
        self._asking: dict[_Name, asyncio.Task[tuple[Sender, ...] | None]] = {}
        self._ask_again_at = 0.0
        self._generation = 0

    def remembered(self, platform: Platform, name: str) -> tuple[Sender, ...] | None:
        """The senders of a store that is remembered and fresh: the hot route's way, without a coroutine."""
        known = self._entries.get((platform, name))
        return known.senders if known is not None and self._clock() < known.fresh_until else None

    async def woocommerce(self, integration_id: str) -> tuple[Sender, ...]:
        """The store with this integration id, as text; empty if there is none. Raises StoresUnavailable."""
        known = self.remembered(Platform.WOOCOMMERCE, integration_id)
        if known is not None:
            return known
        try:
            UUID(integration_id)
        except ValueError:
            return ()
        return await self._find((Platform.WOOCOMMERCE, integration_id))

    async def shopify(self, shop: str) -> tuple[Sender, ...]:
        """The integrations of a shop domain (one, as a rule); empty if there is none. Raises StoresUnavailable."""
        return await self._find((Platform.SHOPIFY, shop.lower()))

    def forget(self) -> None:
        """Ask again for every store; what is remembered serves on while PostgreSQL cannot answer."""
        self._generation += 1
        for entry in self._entries.values():
            entry.fresh_until = 0.0

    async def listen(self) -> None:
        """Forget whenever an integration changes; runs until cancelled, through PostgreSQL's outages."""
        while True:
            try:
                await self._listen_once()
            except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("changes of integrations are not heard", error=type(error).__name__)
            self.forget()
            await asyncio.sleep(DATABASE_PAUSE_S)

    async def _listen_once(self) -> None:
        ended = asyncio.Event()

        def changed(*_: object) -> None:
            self.forget()

        def lost(*_: object) -> None:
            ended.set()

        async with self._engine.connect() as conn:
            raw = cast("asyncpg.Connection", (await conn.get_raw_connection()).driver_connection)
            raw.add_termination_listener(lost)
            try:
                await raw.add_listener(CHANNEL, changed)
                self.forget()
                await ended.wait()
            finally:
                raw.terminate()
                await conn.invalidate()

    async def _find(self, name: _Name) -> tuple[Sender, ...]:
        entry = self._entries.get(name)
        now = self._clock()
        if entry is not None and now < entry.fresh_until:
            return entry.senders
        if now < self._ask_again_at:
            return _remembered(entry)
        # One query for all deliveries that wait for the same answer: a change of a busy store is no stampede.
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._ask(name))
            asking.add_done_callback(lambda _: self._asking.pop(name, None))
        senders = await asyncio.shield(asking)
        return _remembered(entry) if senders is None else senders

    async def _ask(self, name: _Name) -> tuple[Sender, ...] | None:
        """Read who may deliver, and remember it; None when PostgreSQL does not answer."""
        generation = self._generation
        try:
            async with asyncio.timeout(DATABASE_WAIT_S):
                senders = await self._load(*name)
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            self._ask_again_at = self._clock() + DATABASE_PAUSE_S
            log.warning("integrations cannot be read", error=type(error).__name__)
            return None
        # What changed while we read is read again.
        fresh = 0.0 if generation != self._generation else FRESH_S if senders else UNKNOWN_FRESH_S
        self._remember(name, _Entry(senders, self._clock() + fresh))
        return senders

    def _remember(self, name: _Name, entry: _Entry) -> None:
        if name not in self._entries and len(self._entries) >= MOST_ENTRIES:
            unknown = [each for each, known in self._entries.items() if not known.senders]
            for each in unknown or list(self._entries)[: MOST_ENTRIES // 2]:
                with contextlib.suppress(KeyError):
                    del self._entries[each]
        self._entries[name] = entry

    async def _load(self, platform: Platform, name: str) -> tuple[Sender, ...]:
        async with self._engine.connect() as conn:
            if platform is Platform.SHOPIFY:
                shops = await self._vault.open_by_store(conn, Platform.SHOPIFY, name)
                return tuple(
                    sender_of(
                        Platform.SHOPIFY, each.org_id, each.id, shopify_secrets(each.credentials, self._app_secrets)
                    )
                    for each in shops
                )
            found = await self._vault.open(conn, UUID(name))
        if found is None or found[0].platform is not Platform.WOOCOMMERCE:
            return ()
        store = found[0]
        keys = woocommerce_secrets(store.credentials, self._now())
        return (sender_of(Platform.WOOCOMMERCE, store.org_id, store.id, keys),)


def _remembered(entry: _Entry | None) -> tuple[Sender, ...]:
    """What was known before PostgreSQL went away. Raises StoresUnavailable when nothing was."""
    if entry is None:
        raise StoresUnavailable
    return entry.senders
