"""A Longshore of its own for a benchmark: temporary data, free ports."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.database import connected
from longshore_devkit.data_dir import DataDir
from longshore_devkit.ports import free_port
from longshore_devkit.processes import ProcessSpec
from longshore_devkit.stack import SERVICES, Service, Stack

SECRET = "bench-secret"


@dataclass
class System:
    """The running stack, and a client with its key."""

    stack: Stack
    client: httpx.AsyncClient
    _next_id: int = 0

    def take_ids(self, count: int) -> int:
        """The first of `count` numbers that nobody has taken before."""
        first = self._next_id
        self._next_id += count
        return first

    async def applied(self, integration_id: str, orders: int, timeout_s: float = 300.0) -> float:
        """Wait until a store has so many canonical orders; how long that took, in seconds."""
        began = time.monotonic()
        query = "SELECT count(*) FROM order_sync.orders WHERE integration_id = $1::text::uuid"
        async with connected(self.stack.infra.database_url) as conn:
            while await conn.fetchval(query, integration_id) < orders:
                if time.monotonic() - began > timeout_s:
                    raise TimeoutError(f"fewer than {orders} orders after {timeout_s:.0f} s")
                await asyncio.sleep(0.1)
        return time.monotonic() - began

    async def connect_woocommerce(self, url: str = "http://127.0.0.1:9", **settings: Any) -> dict[str, Any]:
        """A WooCommerce store; by default one that delivers only what the load generator sends in its name."""
        answer = await self.client.post(
            "/api/v1/integrations",
            json={
                "platform": "woocommerce",
                "name": f"Bench {url}",
                "store_url": url,
                "credentials": {"consumer_key": "ck_b", "consumer_secret": "cs_b", "webhook_secret": SECRET},
                "settings": {"manage_webhooks": False} | settings,
            },
        )
        answer.raise_for_status()
        created: dict[str, Any] = answer.json()
        return created

    async def connect_shopify(self, shop: str = "bench.myshopify.com") -> dict[str, Any]:
        """A shop that delivers only what the load generator sends in its name."""
        answer = await self.client.post(
            "/api/v1/integrations",
            json={
                "platform": "shopify",
                "name": f"Bench {shop}",
                "store_url": f"https://{shop}",
                "credentials": {"access_token": "shpat_bench", "api_secret": SECRET},
                "settings": {"manage_webhooks": False},
            },
        )
        answer.raise_for_status()
        created: dict[str, Any] = answer.json()
        return created

    async def active(self, timeout_s: float = 60.0) -> None:
        """Wait until every store is connected."""
        deadline = time.monotonic() + timeout_s
        while True:
            items = (await self.client.get("/api/v1/integrations")).json()["items"]
            if all(item["status"] == "active" for item in items):
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the stores are not connected: {items}")
            await asyncio.sleep(0.2)

    @property
    def servers(self) -> str:
        """Kafka's address."""
        return self.stack.infra.bootstrap_servers

    async def state(self) -> dict[str, Any]:
        """GET /api/v1/system."""
        answer = await self.client.get("/api/v1/system")
        answer.raise_for_status()
        state: dict[str, Any] = answer.json()
        return state

    async def settle(self, timeout_s: float = 300.0) -> float:
        """Wait until the system says that nothing is under way; how long that took, in seconds."""
        began = time.monotonic()
        while True:
            state = await self.state()
            if state["settled"]:
                return time.monotonic() - began
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"not settled after {timeout_s:.0f} s: {state}")
            await asyncio.sleep(0.2)


@asynccontextmanager
async def running_system(
    environ: Mapping[str, str] | None = None,
    beside: tuple[ProcessSpec, ...] = (),
    services: Sequence[Service] = SERVICES,
) -> AsyncIterator[System]:
    """Start a stack of its own, stop it at the end, leave nothing."""
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
        os.chmod(folder, 0o711)  # noqa: S103  (PostgreSQL may run as another user)
        port = free_port()
        variables = (
            {name: value for name, value in os.environ.items() if not name.startswith("LONGSHORE_")}
            | {
                "LONGSHORE_HTTP_PORT": str(port),
                "LONGSHORE_ALLOW_PRIVATE_STORES": "1",
                # What the hub can do is measured, not what one caller may.
                "LONGSHORE_RATE_LIMIT_PER_S": "0",
                # Nobody listens there: shops that are but a name must not be called.
                "LONGSHORE_SHOPIFY_ADMIN_ORIGIN": "http://127.0.0.1:9",
            }
            | dict(environ or {})
        )
        stack = Stack(DataDir(Path(folder)), variables, beside=beside, services=services)
        await stack.start()
        try:
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=20.0) as client:
                yield System(stack, client)
        finally:
            await stack.stop()
