"""`demo`: the stack with two simulated stores, buyers in both and a warehouse that ships."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from longshore_devkit.data_dir import DataDir
from longshore_devkit.demo_table import DemoTable
from longshore_devkit.errors import DevkitError
from longshore_devkit.ports import HOST, free_port
from longshore_devkit.processes import ProcessSpec
from longshore_devkit.stack import Stack
from longshore_devkit.terminal import say

PRODUCTS = 50
STOCK = 500
ORDERS_PER_MINUTE = 30.0
"""In each store."""
SHIPMENTS_PER_ROUND = 1
_CONSUMER_KEY, _CONSUMER_SECRET = "ck_" + "d" * 40, "cs_" + "d" * 40
_ACCESS_TOKEN, _API_SECRET = "shpat_" + "d" * 32, "shpss_" + "d" * 32
_NAMES = {"woocommerce": "Demo WooCommerce", "shopify": "Demo Shopify"}
_CONNECT_TIMEOUT_S = 30.0
_ROUND_S = 2.0


@dataclass(frozen=True)
class DemoStores:
    """The two simulated stores of one run: where they are and how they are started.

    Both sell the same SKUs. The stores forget everything when they end, Longshore does not: so each run has new ones,
    with addresses and SKUs of their own (`run` is part of them), and old orders neither mix with the new ones nor
    reserve their goods."""

    woo_port: int
    shopify_port: int
    run: str

    @classmethod
    def new(cls) -> DemoStores:
        woo_port = free_port()
        return cls(woo_port, free_port(frozenset({woo_port})), f"{int(time.time()) % 0xFFFFFF:06x}")

    @property
    def shop(self) -> str:
        """The Shopify store's domain."""
        return f"demo-{self.run}.myshopify.com"

    @property
    def woo_url(self) -> str:
        return f"http://{HOST}:{self.woo_port}"

    @property
    def shopify_url(self) -> str:
        return f"http://{HOST}:{self.shopify_port}"

    @property
    def environ(self) -> dict[str, str]:
        """What lets Longshore reach stores on loopback."""
        return {"LONGSHORE_ALLOW_PRIVATE_STORES": "1", "LONGSHORE_SHOPIFY_ADMIN_ORIGIN": self.shopify_url}

    def specs(self, data_dir: DataDir, environ: Mapping[str, str]) -> list[ProcessSpec]:
        """The processes of the two stores; their buyers wait until they are told to come."""
        common = ("--products", str(PRODUCTS), "--sku-prefix", f"D{self.run.upper()}-")
        woo = ("--initial-stock", str(STOCK), "--consumer-key", _CONSUMER_KEY, "--consumer-secret", _CONSUMER_SECRET)
        shopify = (
            "--stock",
            str(STOCK),
            "--shop",
            self.shop,
            "--access-token",
            _ACCESS_TOKEN,
            "--api-secret",
            _API_SECRET,
        )
        return [
            _store_spec("store-woo", "woo", self.woo_port, (*common, *woo), data_dir, environ),
            _store_spec("store-shopify", "shopify", self.shopify_port, (*common, *shopify), data_dir, environ),
        ]

    def integrations(self) -> list[dict[str, Any]]:
        """What is posted to connect them."""
        settings = {"manage_webhooks": True, "stock": {"mode": "shared"}}
        return [
            {
                "platform": "woocommerce",
                "name": _NAMES["woocommerce"],
                "store_url": self.woo_url,
                "credentials": {"consumer_key": _CONSUMER_KEY, "consumer_secret": _CONSUMER_SECRET},
                "settings": settings,
            },
            {
                "platform": "shopify",
                "name": _NAMES["shopify"],
                "store_url": f"https://{self.shop}",
                "credentials": {"access_token": _ACCESS_TOKEN, "api_secret": _API_SECRET},
                "settings": settings,
            },
        ]


class Demo:
    """Connects the stores through the public API, sends in the buyers, ships, and shows what happens."""

    def __init__(self, stack: Stack, stores: DemoStores, orders_per_minute: float) -> None:
        self._stack = stack
        self._stores = stores
        self._orders_per_minute = orders_per_minute
        self._integrations: list[str] = []
        self._shipped: set[str] = set()
        self._api = httpx.AsyncClient(
            base_url=stack.url, headers={"Authorization": f"Bearer {stack.api_key}"}, timeout=10
        )

    async def connect(self) -> None:
        """Connect both stores and wait until they are active. Raises DevkitError with the store's reason."""
        await self._forget_earlier_runs()
        for body in self._stores.integrations():
            self._integrations.append((await self._call("POST", "/api/v1/integrations", body))["id"])
        for integration_id in self._integrations:
            await self._wait_active(integration_id)

    async def open_doors(self) -> None:
        """From here on buyers order in both stores."""
        async with httpx.AsyncClient(timeout=5) as client:
            for url in (self._stores.woo_url, self._stores.shopify_url):
                answer = await client.put(f"{url}/_sim/traffic", json={"orders_per_minute": self._orders_per_minute})
                answer.raise_for_status()

    async def show(self) -> None:
        """A line of figures every two seconds, and some shipments in between; runs until it is cancelled."""
        table = DemoTable(self._api, self._stack.urls)
        try:
            while True:
                with contextlib.suppress(httpx.HTTPError, DevkitError):  # a restart shows in the status lines
                    await self._ship()
                say(await table.line())
                await asyncio.sleep(_ROUND_S)
        finally:
            await self._api.aclose()

    async def _forget_earlier_runs(self) -> None:
        """Their stores are gone; nobody should go on asking for them."""
        for integration in (await self._call("GET", "/api/v1/integrations?limit=200"))["items"]:
            if integration["name"] in _NAMES.values():
                await self._call("DELETE", f"/api/v1/integrations/{integration['id']}")

    async def _wait_active(self, integration_id: str) -> None:
        deadline = time.monotonic() + _CONNECT_TIMEOUT_S
        while True:
            integration = await self._call("GET", f"/api/v1/integrations/{integration_id}")
            if integration["status"] == "active":
                return
            if integration["status"] == "error" or time.monotonic() > deadline:
                reason = integration.get("status_reason") or integration.get("error") or integration["status"]
                raise DevkitError(f"{integration['name']} could not be connected: {reason}")
            await asyncio.sleep(0.1)

    async def _ship(self) -> None:
        """The warehouse: ships a few of the newest orders that wait, through the public API."""
        for integration_id in self._integrations:
            path = f"/api/v1/orders?status=processing&limit=20&integration_id={integration_id}"
            waiting = (await self._call("GET", path))["items"]
            fresh = [order for order in waiting if order["id"] not in self._shipped]
            for order in fresh[:SHIPMENTS_PER_ROUND]:
                await self._ship_order(order)

    async def _ship_order(self, order: dict[str, Any]) -> None:
        left = {
            line["id"]: line["quantity"] - line["fulfilled_quantity"] - line["refunded_quantity"]
            for line in order["lines"]
        }
        self._shipped.add(order["id"])
        lines = [{"line_id": line_id, "quantity": quantity} for line_id, quantity in left.items() if quantity > 0]
        if lines:
            tracking = {"number": f"LS{order['external_id']}", "carrier": "DHL", "url": None}
            body = {"lines": lines, "tracking": tracking, "notify_customer": False}
            await self._call("POST", f"/api/v1/orders/{order['id']}/fulfillments", body)

    async def _call(self, method: str, path: str, body: object = None) -> Any:
        answer = await self._api.request(method, path, json=body)
        if answer.is_error:
            raise DevkitError(f"{method} {path} was answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None


def _store_spec(
    name: str, module: str, port: int, arguments: tuple[str, ...], data_dir: DataDir, environ: Mapping[str, str]
) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-m", f"longshore_devkit.stores.{module}", "--port", str(port), *arguments),
        env=dict(environ) | {"PYTHONUNBUFFERED": "1"},
        ready=f"http://{HOST}:{port}/_sim/stock",
        stop_timeout=5.0,
        log_file=data_dir.logs / f"{name}.log",
    )
