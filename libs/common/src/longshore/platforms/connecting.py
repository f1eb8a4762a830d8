"""Connecting a store: check it, register webhooks, import its catalogue; and taking a connection down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import outbox
from longshore.broker import Producer
from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationStatus, Platform
from longshore.ids import uuid7
from longshore.platforms.access import NEEDS_REAUTH
from longshore.platforms.clients import Clients
from longshore.platforms.diagnosis import lack_of
from longshore.platforms.jobs import RetryLater
from longshore.platforms.outcomes import changed, integration_message
from longshore.platforms.protocols import Integration, StoreError, StoreRefused, StoreUnavailable
from longshore.platforms.raw import fetched_message
from longshore.platforms.sync.rules import OVERLAP
from longshore.vault import Vault

log = structlog.get_logger(__name__)

# What follows a connection; the time from which on the store's products and stock are to be read again (None: all).
Connected = Callable[[Integration, datetime | None], Awaitable[None]]


class ConnectStore:
    """What the jobs of the `connect` lane do. Each step may be repeated."""

    def __init__(
        self,
        *,
        platform: Platform,
        schema: str,
        engine: AsyncEngine,
        producer: Producer,
        vault: Vault,
        clients: Clients,
        public_url: str,
        connected: Connected,
        clock: Clock = utc_now,
    ) -> None:
        self._platform = platform
        self._schema = schema
        self._engine = engine
        self._producer = producer
        self._vault = vault
        self._clients = clients
        self._public_url = public_url.rstrip("/")
        self._connected = connected
        self._clock = clock

    def callback_url(self, integration: Integration) -> str:
        """Where the store shall deliver its webhooks."""
        base = f"{self._public_url}/webhooks/{self._platform.value}"
        return base if self._platform is Platform.SHOPIFY else f"{base}/{integration.id}"

    async def connect(self, integration: Integration) -> None:
        """Bring a store from `connecting` to `active`, or to `error` with a reason that a person can act on. What it
        may do without stands in the reason, too.

        Raises StoreUnavailable when it is to be tried again; until then the status stays `connecting`, with the reason.
        """
        try:
            async with self._clients.calling(integration) as client:
                info = await client.check()
                if info.missing:
                    raise StoreRefused("missing-permissions", lack_of(info.missing))
                if integration.settings.get("manage_webhooks", True):
                    await client.ensure_webhooks(self.callback_url(integration))
        except StoreUnavailable as error:
            await self._set_status(integration, IntegrationStatus.CONNECTING, error.detail, tell=False)
            raise
        except StoreError as error:
            if error.code != NEEDS_REAUTH:  # that has been said already, with more of a reason
                await self._set_status(integration, IntegrationStatus.ERROR, error.detail)
            return
        lacking = ", ".join(info.lacking)
        reason = f"Less is known of the store: its key lacks {lacking}." if lacking else None
        await self._set_status(integration, IntegrationStatus.ACTIVE, reason)
        began = self._clock()
        read = await self._import(integration)
        # After the catalogue: the ledger begins with the store's stock, and its orders of before come on top of that.
        await self._connected(integration, self._clients.at_store(integration, began) - OVERLAP if read else None)

    async def give_up(self, integration: Integration, error: StoreError) -> None:
        """A store that could not be reached for so long is in error: somebody has to look, and connect it anew."""
        await self._set_status(integration, IntegrationStatus.ERROR, error.detail)

    async def disconnect(self, integration: Integration, *, last: bool = False) -> None:
        """Remove our webhooks at the store; then forget the credentials, whether the store let us or not.

        Raises StoreUnavailable or RetryLater when it is to be tried again, unless this is the `last` try.
        """
        try:
            async with self._clients.calling(integration) as client:
                await client.remove_webhooks(self.callback_url(integration))
        except StoreRefused as error:
            log.warning("webhooks could not be removed", code=error.code, integration_id=str(integration.id))
        except (StoreUnavailable, RetryLater):
            if not last:
                raise
            log.warning("the store is away for good: its webhooks stay", integration_id=str(integration.id))
        async with self._engine.begin() as conn:
            await self._vault.destroy_credentials(conn, integration.id)

    async def _import(self, integration: Integration) -> bool:
        """Read the whole catalogue into the raw log. A store that refuses it (False) is connected all the same."""
        count = 0
        try:
            async with self._clients.calling(integration) as client:
                async for page in client.import_catalogue():
                    now = self._clients.at_store(integration, self._clock())
                    await self._producer.send_many(
                        [
                            fetched_message(
                                self._platform, integration.org_id, integration.id, entity, now, str(uuid7())
                            )
                            for entity in page
                        ]
                    )
                    count += len(page)
        except StoreRefused as error:
            log.warning("the catalogue was refused", code=error.code, integration_id=str(integration.id))
            return False
        log.info("the catalogue was read", integration_id=str(integration.id), entities=count)
        return True

    async def _set_status(
        self, integration: Integration, status: IntegrationStatus, reason: str | None, *, tell: bool = True
    ) -> None:
        now = self._clock()
        event = changed(integration, status, reason, now)
        async with self._engine.begin() as conn:
            news = await self._vault.set_status(conn, integration.id, status, reason, now)
            if news and tell:
                await outbox.add(conn, self._schema, [integration_message(event)])
