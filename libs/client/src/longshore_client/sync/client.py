# Made of aio/client.py: see the package.
"""The client: a hub's API, grouped by what its routes are about."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import httpx

from longshore_client.retries import Retries
from longshore_client.sync.accounts import ApiKeys
from longshore_client.sync.ingest import Ingest
from longshore_client.sync.integrations import Integrations
from longshore_client.sync.operations import DeadLetters, System
from longshore_client.sync.orders import Commands, Customers, Orders
from longshore_client.sync.people import Audit, Me, Users
from longshore_client.sync.privacy import Privacy
from longshore_client.sync.stock import Inventory, Listings, Products
from longshore_client.sync.transport import Connection
from longshore_client.version import USER_AGENT

TIMEOUT_S = 30.0


class Longshore:
    """A hub, on behalf of the organisation that `api_key` speaks for. Use it as a context manager, or close it.

    `timeout` in seconds, per try. `transport` is httpx's: for a proxy, for a private certificate authority
    (`httpx.HTTPTransport(verify=...)`), or to reach an application in this process.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        retries: Retries | None = None,
        timeout: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        http = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {api_key}", "User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )
        connection = self._connection = Connection(http, retries or Retries(), sleep)
        self.api_keys = ApiKeys(connection)
        self.audit = Audit(connection)
        self.commands = Commands(connection)
        self.customers = Customers(connection)
        self.dead_letters = DeadLetters(connection)
        self.ingest = Ingest(connection)
        self.integrations = Integrations(connection)
        self.inventory = Inventory(connection)
        self.listings = Listings(connection)
        self.me = Me(connection)
        self.orders = Orders(connection)
        self.privacy = Privacy(connection)
        self.products = Products(connection)
        self.system = System(connection)
        self.users = Users(connection)

    def close(self) -> None:
        """Close the connections to the hub."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
