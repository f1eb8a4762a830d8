"""A simulated shop behind HTTP and a client of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import CommandLine, FulfillmentCreate, StockSet, Tracking
from longshore.ids import uuid7
from longshore_connector_shopify.client import ShopifyClient
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.syncing import BULK_FROM
from longshore_devkit.stores.shopify.model import Order, Variant
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig

DOMAIN = "demo-shop.myshopify.com"


class Store:
    """A simulated store and a client that talks to it; `again()` is the client of a process that has just started."""

    def __init__(self, sim: SimulatedShopify, stack: AsyncExitStack) -> None:
        self.sim = sim
        self.shop = sim.shop()
        self._stack = stack
        self.client = self.again()

    def again(self, token: str | None = None, bulk_from: Any = BULK_FROM, **options: Any) -> ShopifyClient:
        """Another client, which remembers nothing."""
        api = AdminApi(DOMAIN, token or self.shop.config.access_token, origin=self.sim.url, **options)
        client = ShopifyClient(api, bulk_from)
        self._stack.push_async_callback(client.close)
        return client

    def calls(self, name: str) -> int:
        """How often a root field was executed."""
        return self.sim.engine().calls[name]

    def ship(self, order: Order, pieces: dict[int, int], number: str | None = "1Z1", **more: Any) -> FulfillmentCreate:
        """A command to ship so many pieces of the lines at these places of the order."""
        lines = [
            CommandLine(line_id=uuid4(), external_id=str(order.lines[place].id), quantity=quantity)
            for place, quantity in pieces.items()
        ]
        tracking = Tracking(number=number, carrier="UPS", url=f"https://example.com/{number}") if number else None
        fields: dict[str, Any] = {"fulfillment_id": uuid7(), "order_id": uuid4(), "tracking": tracking} | more
        return FulfillmentCreate(order_external_id=str(order.id), lines=lines, **fields)

    def about(self, kind: type[Any], order: Order, **more: Any) -> Any:
        """A command about an order."""
        return kind(order_id=uuid4(), order_external_id=str(order.id), **more)

    def set_to(self, variant: Variant, quantity: int, **more: Any) -> StockSet:
        """A command to set a variant's stock."""
        fields: dict[str, Any] = {"listing_id": uuid4(), "sequence": 1} | more
        return StockSet(
            sku=variant.sku or "",
            variant_external_id=str(variant.id),
            inventory_external_id=str(variant.inventory_item_id),
            quantity=quantity,
            **fields,
        )


OpenStore = Callable[..., Awaitable[Store]]


@pytest.fixture
async def open_store() -> AsyncIterator[OpenStore]:
    """Starts simulated stores; the keywords are those of ShopConfig."""
    async with AsyncExitStack() as stack:

        async def start(**config: Any) -> Store:
            sim = await stack.enter_async_context(SimulatedShopify(ShopConfig(domain=DOMAIN, **config)))
            return Store(sim, stack)

        yield start


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    """A store with two locations; all stock lies at the first."""
    return await open_store(locations=2)
