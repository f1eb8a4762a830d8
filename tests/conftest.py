"""What tests across services share: a hub with its five services, and two simulated stores that it is connected to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from longshore_devkit.forms import LONG_FORM
from longshore_devkit.running import RunningStack
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.testing import eventually


@pytest.fixture(scope="session")
def long_form() -> bool:
    """Whether the long form runs (`make test-faults`): longer outages, more load, more rounds of the same test."""
    return LONG_FORM


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is marked `long` has no short form."""
    if item.get_closest_marker("long") is not None and not LONG_FORM:
        pytest.skip("long form only: make test-faults")


class Hub:
    """The public API of a running stack, as its user calls it."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.client = httpx.AsyncClient(
            base_url=stack.url, headers={"Authorization": f"Bearer {stack.api_key}"}, timeout=20
        )

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.client.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.json()

    async def post(self, path: str, body: object, status: int = 201) -> Any:
        answer = await self.client.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    async def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All pages of a list."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = await self.get(path, limit=200, **params, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    async def settled(self, timeout: float = 60) -> dict[str, Any]:
        """Wait until the hub says that nothing is under way; the state then."""

        async def state() -> dict[str, Any]:
            # A service that was killed may be away for a moment.
            try:
                found: dict[str, Any] = await self.get("system")
            except httpx.HTTPError as error:
                raise AssertionError(f"no answer: {error!r}") from error
            if not found["settled"]:
                # Whole, and not as pytest shortens it: what stands still is what matters.
                raise AssertionError(f"not settled: {under_way(found)}")
            return found

        # Each look asks all services and Kafka, which takes of them what would settle it sooner.
        return await eventually(state, timeout=timeout, interval=0.25)

    async def connect(self, body: dict[str, Any]) -> dict[str, Any]:
        """Connect a store and wait until it is active."""
        created: dict[str, Any] = await self.post("integrations", body)

        async def active() -> dict[str, Any] | None:
            found: dict[str, Any] = await self.get(f"integrations/{created['id']}")
            assert found["status"] != "error", found["status_reason"]
            return found if found["status"] == "active" else None

        return await eventually(active, timeout=30) or {}

    async def connect_woo(self, store: SimulatedWoo, **settings: Any) -> dict[str, Any]:
        """Connect a simulated WooCommerce store over plain http."""
        config = store.shop.config
        return await self.connect(
            {
                "platform": "woocommerce",
                "name": "Woo",
                "store_url": store.url,
                "credentials": {"consumer_key": config.consumer_key, "consumer_secret": config.consumer_secret},
                "settings": settings,
            }
        )

    async def connect_shopify(self, store: SimulatedShopify, **settings: Any) -> dict[str, Any]:
        """Connect the simulated shop."""
        config = store.shop().config
        return await self.connect(
            {
                "platform": "shopify",
                "name": "Shopify",
                "store_url": f"https://{config.domain}",
                "credentials": {"access_token": config.access_token, "api_secret": config.api_secret},
                "settings": settings,
            }
        )

    async def mute_store(self, number: int, **settings: Any) -> dict[str, Any]:
        """A WooCommerce store that is only its webhooks: the load generator delivers in its name."""
        created: dict[str, Any] = await self.post(
            "integrations",
            {
                "platform": "woocommerce",
                "name": f"Mute {number}",
                "store_url": f"http://127.0.0.1:{number}",
                "credentials": {"consumer_key": "ck", "consumer_secret": "cs", "webhook_secret": "mute-secret"},
                "settings": {"manage_webhooks": False} | settings,
            },
        )
        return created

    async def order(self, integration: dict[str, Any], external_id: object) -> dict[str, Any] | None:
        """A store's order, by the store's id of it."""
        for order in await self.all("orders", integration_id=integration["id"]):
            if order["external_id"] == str(external_id):
                return order
        return None


def under_way(state: dict[str, Any]) -> dict[str, Any]:
    """What of `/api/v1/system` says that something is under way, or missing."""
    counts = {name: {key: count for key, count in state[name].items() if count} for name in ("lag", "outbox", "jobs")}
    absent = [each for each in state["services"] if not each["ready"]]
    others = {name: state[name] for name in ("halted", "rebuilding", "refusing")} | {"no lag known": not state["lag"]}
    return {name: what for name, what in (counts | others | {"not ready": absent}).items() if what}


@dataclass(frozen=True)
class Stores:
    """Two connected stores that sell the same goods."""

    woo: SimulatedWoo
    shopify: SimulatedShopify
    woo_integration: dict[str, Any]
    shopify_integration: dict[str, Any]


@pytest.fixture
async def hub(stack: RunningStack) -> AsyncIterator[Hub]:
    hub = Hub(stack)
    yield hub
    await hub.client.aclose()


@pytest.fixture
async def woo(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedWoo]:
    """A simulated WooCommerce store with SKUs of this test's own."""
    async with SimulatedWoo(WooConfig(products=10, sku_prefix=sku_prefix(request))) as store:
        yield store


@pytest.fixture
async def shopify(request: pytest.FixtureRequest, shopify_port: int) -> AsyncIterator[SimulatedShopify]:
    """A simulated shop with the same SKUs; each has a domain of its own, or it would be the shop of an earlier test."""
    prefix = sku_prefix(request)
    config = ShopConfig(f"e2e-{prefix.lower()}shop.myshopify.com", products=10, sku_prefix=prefix)
    async with SimulatedShopify(config, port=shopify_port) as store:
        yield store


def sku_prefix(request: pytest.FixtureRequest) -> str:
    """Tests of a module share a hub, so each has SKUs of its own."""
    return f"{abs(hash(request.node.name)) % 0xFFFFFF:06X}-"


def first_sku(stores: Stores) -> str:
    """What both stores sell."""
    return f"{stores.woo.shop.config.sku_prefix}0001"


@pytest.fixture
async def stores(hub: Hub, woo: SimulatedWoo, shopify: SimulatedShopify) -> AsyncIterator[Stores]:
    async with connected_stores(hub, woo, shopify) as stores:
        yield stores


@asynccontextmanager
async def connected_stores(hub: Hub, woo: SimulatedWoo, shopify: SimulatedShopify) -> AsyncIterator[Stores]:
    """Both stores, connected and settled; disconnected at the end."""
    woo_integration = await hub.connect_woo(woo)
    shopify_integration = await hub.connect_shopify(shopify)
    await hub.settled()
    yield Stores(woo, shopify, woo_integration, shopify_integration)
    for integration in (woo_integration, shopify_integration):
        await hub.client.delete(f"/api/v1/integrations/{integration['id']}")
    await hub.settled()
