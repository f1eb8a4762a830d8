"""Stores in trouble: down, slow, lying, rate limiting, hanging up after the write, shutting us out.

Each hurts itself alone, each command is carried out once (counted at the store), nothing is given up that would succeed
later, and the API names the likely cause meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest

from longshore_devkit.stores.common import Faults
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.testing import eventually

pytestmark = pytest.mark.e2e

STOCK = 100
PIECES = {"0001": 1, "0003": 2}
"""What each order holds."""

SLOWER_BY_S = 5.0
"""So much later than in calm a healthy store may hear of a sale while others are in trouble: the machine is shared."""

CALM = Faults().as_dict()


@dataclass(frozen=True)
class Trouble:
    """What a store does, and how the API names it. Without `codes` its commands go through all the same; with them,
    those that `wait` do not."""

    name: str
    faults: Mapping[str, float]
    codes: frozenset[str] = frozenset()
    wait: frozenset[str] = frozenset({"fulfillment.create", "stock.set"})


def trouble(name: str, *codes: str, **faults: float) -> Trouble:
    return Trouble(name, faults, frozenset(codes))


OF_WOO = (
    trouble("down", "connection-lost", down_rate=1),
    trouble("slow", latency_ms=1_500),
    trouble("a page", "maintenance", html_rate=1),
    trouble("a warning before the JSON", warning_rate=1),
    trouble("half of the JSON", "broken-json", truncated_rate=1),
    trouble("a wrong content type", wrong_type_rate=1),
    trouble("other JSON", "unexpected-json", wrong_json_rate=1),
    trouble("429 with Retry-After", "throttled", error_rate_429=1, retry_after_s=1),
    trouble("429 without", "throttled", error_rate_429=1, retry_after_s=0),
    trouble("5xx", "http-500", "http-502", "http-503", error_rate_5xx=1, retry_after_s=0),
    # What was written is found by the next try.
    trouble("hangs up after the write", drop_after_write_rate=1),
)
OF_SHOPIFY = (
    # One request in a while is let through, and stock goes first.
    Trouble("throttled on a 200", {"error_rate_429": 1.0}, frozenset({"throttled"}), frozenset({"stock.set"})),
    # A fulfilment that was written is found by the next try; that stock was set is never heard of.
    Trouble(
        "hangs up after the write",
        {"drop_after_write_rate": 1.0},
        frozenset({"connection-lost"}),
        frozenset({"stock.set"}),
    ),
    trouble("a page", "not-json", html_rate=1),
    trouble("down", "connection-lost", down_rate=1),
    trouble("half of the JSON", "not-json", truncated_rate=1),
    trouble("other JSON", "no-data", wrong_json_rate=1),
    trouble("5xx", "store-error", error_rate_5xx=1),
)
SHORT_OF_WOO = ("down", "a page", "429 without", "hangs up after the write")
SHORT_OF_SHOPIFY = ("throttled on a 200", "hangs up after the write")


@dataclass
class Shop:
    """A connected store, and what was asked of it."""

    store: Any
    integration: dict[str, Any]
    orders: dict[str, str] = field(default_factory=dict)
    """Ids of its orders, each with the tracking number that it gets."""

    @property
    def id(self) -> str:
        return str(self.integration["id"])

    @property
    def is_woo(self) -> bool:
        return isinstance(self.store, SimulatedWoo)

    async def call(self, path: str, method: str = "GET", body: object = None) -> Any:
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.request(method, f"{self.store.url}/_sim/{path}", json=body)
            answer.raise_for_status()
            return answer.json()

    async def buy(self, prefix: str, count: int) -> None:
        """Buyers order, this many times."""
        lines = [{"sku": prefix + sku, "quantity": quantity} for sku, quantity in PIECES.items()]
        more = {"status": "processing"} if self.is_woo else {"plain": True}
        placed = (await self.call("orders", "POST", {"n": count, "lines": lines} | more))["orders"]
        self.orders |= {str(order["id"]): f"TRACK-{order['id']}" for order in placed}

    async def shelf(self, sku: str) -> int:
        return int((await self.call("state"))["stock"][sku])

    async def assert_shipped_once(self) -> None:
        """Counted at the store: each order one shipment, with its number."""
        if self.is_woo:
            state = await self.call("fulfilments")
            assert (state["twice"], state["shipped"]) == ([], len(self.orders)), state
            for external_id, number in self.orders.items():
                found = state["orders"][external_id]
                assert (found["tracking_numbers"], found["completed_count"]) == ([number], 1), found
                assert len([note for note in found["customer_notes"] if number in note]) == 1, found
        else:
            state = await self.call("fulfillments")
            assert state["count"] == len(self.orders), state
            for external_id, number in self.orders.items():
                (shipment,) = state["by_order"][external_id]
                assert number in str(shipment)


class Hubful:
    """The hub with its shops."""

    def __init__(self, hub: Any, shops: Sequence[Shop], prefix: str) -> None:
        self.hub = hub
        self.shops = shops
        self.prefix = prefix

    async def ship(self, shop: Shop) -> None:
        """Ask for the shipment of each order that has none yet, with a key: to ask again is to ask once."""
        for order in await self.hub.all("orders", integration_id=shop.id):
            number = shop.orders[order["external_id"]]
            answer = await self.hub.client.post(
                f"/api/v1/orders/{order['id']}/fulfillments",
                json={"tracking": {"number": number, "carrier": "DHL", "url": f"https://track.example/{number}"}},
                headers={"Idempotency-Key": f"{order['id']} {number}"},
            )
            assert answer.status_code == 202, answer.text

    async def shipped(self, shop: Shop) -> bool:
        found = await self.hub.all("orders", integration_id=shop.id)
        assert {order["external_id"] for order in found} == set(shop.orders)
        waiting = [order["external_id"] for order in found if order["status"] != "fulfilled"]
        assert not waiting, (shop.integration["name"], waiting)
        return True

    async def carried_out(self, shop: Shop) -> bool:
        """The order is shipped as soon as the store says so; the command ends when the buyer was told, too."""
        open_ones = [
            each
            for each in await self.commands(shop)
            if each["type"] == "fulfillment.create" and each["status"] != "succeeded"
        ]
        assert open_ones == []
        return True

    async def sale_to_shelf(self, seller: Shop, other: Shop) -> float:
        """Seconds from an order at one store to the new quantity on the other's shelf."""
        sku = self.prefix + "0001"
        before = await other.shelf(sku)
        began = time.monotonic()
        await seller.buy(self.prefix, 1)

        async def told() -> bool:
            return await other.shelf(sku) == before - PIECES["0001"]

        await eventually(told, timeout=60, interval=0.02)
        return time.monotonic() - began

    async def commands(self, shop: Shop, **which: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.hub.all("commands", integration_id=shop.id, **which)
        return found

    async def assert_waits_for_a_reason(self, shop: Shop, trouble: Trouble) -> bool:
        """What was asked of it is under way and says why; nothing is given up."""
        commands = await self.commands(shop, status="running")
        said = {(each["type"], each["error"]["code"]) for each in commands if each["error"]}
        assert {code for _, code in said} <= trouble.codes, (trouble.name, said)
        assert {type for type, _ in said} >= trouble.wait, (trouble.name, said)
        assert all(each["error"]["detail"] for each in commands if each["error"])
        await self.assert_none_failed(shop)
        return True

    async def assert_none_failed(self, shop: Shop) -> None:
        """But for pushes that a sale overtook: by design."""
        failed = await self.commands(shop, status="failed")
        assert [each for each in failed if each["error"]["code"] != "stale"] == []

    async def on_all_shelves(self, sku: str, quantity: int) -> bool:
        shelves = {shop.integration["name"]: await shop.shelf(sku) for shop in self.shops}
        assert shelves == dict.fromkeys(shelves, quantity)
        return True

    async def assert_all_well(self) -> None:
        """Everybody's orders are shipped once, and all shelves hold what is left."""
        for shop in self.shops:
            await self.ship(shop)
        for shop in self.shops:
            await eventually(partial(self.shipped, shop), timeout=120, interval=0.25)
            await eventually(partial(self.carried_out, shop), timeout=120, interval=0.25)
            await shop.assert_shipped_once()
            await self.assert_none_failed(shop)
        sold = sum(len(shop.orders) for shop in self.shops)
        for sku, pieces in PIECES.items():
            left = STOCK - sold * pieces

            await eventually(partial(self.on_all_shelves, self.prefix + sku, left), timeout=120, interval=0.25)
        state = await self.hub.settled(timeout=120)
        assert state["halted"] == []


@pytest.fixture
async def woos(stores: Any, hub: Any, long_form: bool) -> AsyncIterator[list[Shop]]:
    """For each trouble a WooCommerce store that sells the same goods."""
    prefix = stores.woo.shop.config.sku_prefix
    names = [each.name for each in OF_WOO if long_form or each.name in SHORT_OF_WOO]
    async with contextlib.AsyncExitStack() as stack:
        made = [await stack.enter_async_context(SimulatedWoo(WooConfig(products=10, sku_prefix=prefix))) for _ in names]
        integrations = await asyncio.gather(
            *[
                hub.connect(
                    {
                        "platform": "woocommerce",
                        "name": name,
                        "store_url": store.url,
                        "credentials": {
                            "consumer_key": store.config.consumer_key,
                            "consumer_secret": store.config.consumer_secret,
                        },
                    }
                )
                for name, store in zip(names, made, strict=True)
            ]
        )
        yield [Shop(store, integration) for store, integration in zip(made, integrations, strict=True)]
        for integration in integrations:
            await hub.client.delete(f"/api/v1/integrations/{integration['id']}")
        await hub.settled(timeout=60)


def healthy(stores: Any) -> list[Shop]:
    return [Shop(stores.woo, stores.woo_integration), Shop(stores.shopify, stores.shopify_integration)]


class TestTroubled:
    async def test_woocommerce_stores_hurt_themselves_alone(
        self, hub: Any, stores: Any, woos: list[Shop], long_form: bool
    ) -> None:
        woo, shopify = healthy(stores)
        world = Hubful(hub, [woo, shopify, *woos], stores.woo.shop.config.sku_prefix)
        await hub.settled(timeout=60)
        calm = await world.sale_to_shelf(shopify, woo)
        for shop in world.shops:
            await shop.buy(world.prefix, 1)
        await hub.settled(timeout=60)

        troubles = {shop.id: next(each for each in OF_WOO if each.name == shop.integration["name"]) for shop in woos}
        for shop in woos:
            await shop.call("faults", "PUT", troubles[shop.id].faults)
        await asyncio.gather(*[world.ship(shop) for shop in world.shops])
        windows = [await world.sale_to_shelf(shopify, woo)]
        for shop in woos:
            await eventually(
                partial(world.assert_waits_for_a_reason, shop, troubles[shop.id])
                if troubles[shop.id].codes
                else partial(world.shipped, shop),
                timeout=60,
                interval=0.25,
            )
        # There is enough on the shelves for that.
        for _ in range(15 if long_form else 1):
            windows += [await world.sale_to_shelf(woo, shopify), await world.sale_to_shelf(shopify, woo)]
        for shop in (woo, shopify):
            await world.ship(shop)
            await eventually(partial(world.shipped, shop), timeout=60)
        for shop in woos:
            await world.assert_none_failed(shop)
        print(f"sale to shelf: calm {calm:.2f} s, beside {len(woos)} stores in trouble {max(windows):.2f} s")  # noqa: T201
        assert max(windows) < calm + SLOWER_BY_S

        for shop in woos:
            await shop.call("faults", "PUT", CALM)
        await world.assert_all_well()

    async def test_a_shopify_store_hurts_itself_alone(self, hub: Any, stores: Any, long_form: bool) -> None:
        woo, shopify = healthy(stores)
        world = Hubful(hub, [woo, shopify], stores.woo.shop.config.sku_prefix)
        for trouble in OF_SHOPIFY if long_form else [each for each in OF_SHOPIFY if each.name in SHORT_OF_SHOPIFY]:
            for shop in world.shops:
                await shop.buy(world.prefix, 1)
            await hub.settled(timeout=60)
            await shopify.call("faults", "PUT", dict(trouble.faults))
            try:
                await woo.buy(world.prefix, 1)
                for shop in world.shops:
                    await world.ship(shop)
                await eventually(partial(world.assert_waits_for_a_reason, shopify, trouble), timeout=60, interval=0.25)

                async def woo_goes_on() -> bool:
                    await world.ship(woo)
                    return await world.shipped(woo)

                await eventually(woo_goes_on, timeout=60, interval=0.25)
            finally:
                await shopify.call("faults", "PUT", CALM)
            await world.assert_all_well()

    async def test_a_store_that_shuts_us_out_shows_it_and_comes_back(self, hub: Any, stores: Any) -> None:
        woo, shopify = healthy(stores)
        world = Hubful(hub, [woo, shopify], stores.woo.shop.config.sku_prefix)
        for shop in world.shops:
            await shop.buy(world.prefix, 3)
        await hub.settled(timeout=60)
        await woo.call("faults", "PUT", {"unauthorized_rate": 1})
        await world.ship(woo)
        await world.ship(shopify)

        async def standing() -> dict[str, Any]:
            found: dict[str, Any] = await hub.get(f"integrations/{woo.id}")
            return found

        async def in_error() -> bool:
            return (await standing())["status"] == "error"

        await eventually(in_error, timeout=60)
        assert "does not let us in" in (await standing())["status_reason"]
        await eventually(lambda: world.shipped(shopify), timeout=60)

        # What was asked meanwhile has failed for good, with the store's own reason.
        async def ended() -> list[dict[str, Any]] | None:
            found = [each for each in await world.commands(woo) if each["type"] == "fulfillment.create"]
            return found if found and all(each["finished_at"] for each in found) else None

        failed: list[dict[str, Any]] = await eventually(ended, timeout=60)
        assert {(each["status"], each["error"]["code"]) for each in failed} == {("failed", "bad-key")}
        assert (await woo.call("fulfilments"))["shipped"] == 0

        await woo.call("faults", "PUT", CALM)
        await shopify.buy(world.prefix, 1)

        async def active() -> bool:
            return (await standing())["status"] == "active"

        await eventually(active, timeout=60)
        assert (await standing())["status_reason"] is None
