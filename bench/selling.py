"""A simulated WooCommerce store that lists what the load generator's orders are of: where stock is pushed to."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import httpx

from bench.system import System
from longshore_devkit.ports import HOST, free_port
from longshore_devkit.processes import ProcessSpec

PRODUCTS = 50
STOCK = 50_000_000
"""Of each: never short, however many orders come."""
_KEY, _SECRET = "ck_" + "b" * 40, "cs_" + "b" * 40


@dataclass(frozen=True)
class SecondStore:
    """Where it is, and how it is started beside a stack."""

    port: int

    @classmethod
    def new(cls) -> SecondStore:
        """On a free port."""
        return cls(free_port())

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    @property
    def spec(self) -> ProcessSpec:
        """Its process."""
        options = {
            "--port": self.port,
            "--products": PRODUCTS,
            "--initial-stock": STOCK,
            "--consumer-key": _KEY,
            "--consumer-secret": _SECRET,
        }
        words = [str(word) for option in options.items() for word in option]
        return ProcessSpec(
            name="store-woo",
            argv=(sys.executable, "-m", "longshore_devkit.stores.woo", *words),
            env=dict(os.environ),
            ready=f"{self.url}/_sim/state",
        )

    async def connect(self, system: System) -> tuple[str, ...]:
        """Connect it and wait until its catalogue is in; the SKUs that it sells."""
        answer = await system.client.post(
            "/api/v1/integrations",
            json={
                "platform": "woocommerce",
                "name": "Second store",
                "store_url": self.url,
                "credentials": {"consumer_key": _KEY, "consumer_secret": _SECRET},
                "settings": {"manage_webhooks": True, "stock": {"mode": "shared"}},
            },
        )
        answer.raise_for_status()
        await system.active()
        await system.settle()
        async with httpx.AsyncClient(base_url=self.url) as store:
            state = (await store.get("/_sim/state")).raise_for_status().json()
        return tuple(sorted(state["stock"]))
