"""The client: a hub's API, grouped by what its routes are about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import httpx

from longshore_client.aio.accounts import AsyncApiKeys
from longshore_client.aio.ingest import AsyncIngest
from longshore_client.aio.integrations import AsyncIntegrations
from longshore_client.aio.operations import AsyncDeadLetters, AsyncSystem
from longshore_client.aio.orders import AsyncCommands, AsyncCustomers, AsyncOrders
from longshore_client.aio.people import AsyncAudit, AsyncMe, AsyncUsers
from longshore_client.aio.privacy import AsyncPrivacy
from longshore_client.aio.stock import AsyncInventory, AsyncListings, AsyncProducts
from longshore_client.aio.transport import AsyncConnection
from longshore_client.retries import Retries
from longshore_client.version import USER_AGENT

TIMEOUT_S = 30.0


class AsyncLongshore:
    """A hub, on behalf of the organisation that `api_key` speaks for. Use it as a context manager, or close it.

    `timeout` in seconds, per try. `transport` is httpx's: for a proxy, for a private certificate authority
    (`httpx.AsyncHTTPTransport(verify=...)`), or to reach an application in this process.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        retries: Retries | None = None,
        timeout: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {api_key}", "User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )
        connection = self._connection = AsyncConnection(http, retries or Retries(), sleep)
        self.api_keys = AsyncApiKeys(connection)
        self.audit = AsyncAudit(connection)
        self.commands = AsyncCommands(connection)
        self.customers = AsyncCustomers(connection)
        self.dead_letters = AsyncDeadLetters(connection)
        self.ingest = AsyncIngest(connection)
        self.integrations = AsyncIntegrations(connection)
        self.inventory = AsyncInventory(connection)
        self.listings = AsyncListings(connection)
        self.me = AsyncMe(connection)
        self.orders = AsyncOrders(connection)
        self.privacy = AsyncPrivacy(connection)
        self.products = AsyncProducts(connection)
        self.system = AsyncSystem(connection)
        self.users = AsyncUsers(connection)

    async def close(self) -> None:
        """Close the connections to the hub."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
