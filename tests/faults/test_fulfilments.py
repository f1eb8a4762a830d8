"""Fulfilments while services are killed and stores hang up after the write: each ships exactly once, at the store."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

import httpx
import pytest

from longshore_devkit.testing import eventually

pytestmark = pytest.mark.e2e

EACH = 30
VICTIMS = ("connector-woo", "connector-shopify", "order-sync")
PIECES = {"0001": 1, "0003": 2}
"""What each order holds."""

CALM = {"latency_ms": 0, "drop_after_write_rate": 0.0}
ROUGH = {"latency_ms": 60, "drop_after_write_rate": 0.25}


async def sim(url: str, path: str, method: str = "GET", body: object = None) -> Any:
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.request(method, f"{url}/_sim/{path}", json=body)
        answer.raise_for_status()
        return answer.json()


async def place(store: Any, prefix: str, **more: Any) -> dict[str, str]:
    """Buyers order; the orders' ids, each with the tracking number that it will get."""
    lines = [{"sku": prefix + sku, "quantity": quantity} for sku, quantity in PIECES.items()]
    placed = await sim(store.url, "orders", "POST", {"n": EACH, "lines": lines} | more)
    return {str(order["id"]): f"TRACK-{order['id']}" for order in placed["orders"]}


async def shipped(stores: Any) -> int:
    """Shipments at the stores by now."""
    woo, shopify = await asyncio.gather(sim(stores.woo.url, "fulfilments"), sim(stores.shopify.url, "fulfillments"))
    return int(woo["shipped"] + shopify["count"])


async def ask(hub: Any, order: dict[str, Any], number: str) -> None:
    """Have an order shipped as a careful user does: with a key, and again for as long as there is no answer."""

    async def accepted() -> bool:
        try:
            answer = await hub.client.post(
                f"/api/v1/orders/{order['id']}/fulfillments",
                json={"tracking": {"number": number, "carrier": "DHL", "url": f"https://track.example/{number}"}},
                headers={"Idempotency-Key": number},
            )
        except httpx.HTTPError:
            return False
        assert answer.status_code in (202, 502, 503, 504), answer.text
        return bool(answer.status_code == 202)

    await eventually(accepted, timeout=120, interval=0.2)


class TestShipOnce:
    async def test_through_kill_9_and_answers_lost_after_the_write(
        self, hub: Any, stack: Any, stores: Any, account: Any, kill: Any, all_back: Any, seed: int
    ) -> None:
        chance = random.Random(seed)
        # Stores date orders to the second: one of the second in which the hub first heard of their stock would be
        # taken for part of what they had then.
        connected = int(time.time())
        await eventually(lambda: int(time.time()) > connected)
        prefix = stores.woo.shop.config.sku_prefix
        wanted = {
            stores.woo_integration["id"]: await place(stores.woo, prefix, status="processing"),
            stores.shopify_integration["id"]: await place(stores.shopify, prefix),
        }
        await hub.settled(timeout=120)
        orders = {
            (integration, order["external_id"]): order
            for integration in wanted
            for order in await hub.all("orders", integration_id=integration)
        }
        assert set(orders) == {(integration, each) for integration, ids in wanted.items() for each in ids}

        dead_letters = (await hub.get("system"))["dead_letters"]
        starts = {name: stack.starts(name) for name in VICTIMS}
        # Each once and two of them again; the moments are shipments at the stores, so that work is under way.
        victims = chance.sample(VICTIMS, 3) + chance.sample(VICTIMS, 2)
        moments = sorted(chance.sample(range(1, 2 * EACH - 10), len(victims)))

        async def kill_at_random() -> None:
            for name, moment in zip(victims, moments, strict=True):
                await eventually(lambda: reached(moment), timeout=120, interval=0.02)  # noqa: B023  (awaited here)
                await asyncio.to_thread(stack.wait_ready, name)
                await kill(name)

        async def reached(moment: int) -> bool:
            return await shipped(stores) >= moment

        for store in (stores.woo, stores.shopify):
            await sim(store.url, "faults", "PUT", ROUGH)
        try:
            asked = [ask(hub, orders[integration, each], number) for integration, each, number in _each(wanted)]
            await asyncio.gather(kill_at_random(), *asked)
            await all_back()
            assert {name: stack.starts(name) - starts[name] for name in VICTIMS} == {
                name: victims.count(name) for name in VICTIMS
            }

            async def all_fulfilled() -> bool:
                found = [each for integration in wanted for each in await hub.all("orders", integration_id=integration)]
                waiting = {
                    order["external_id"]: order["fulfillments"] for order in found if order["status"] != "fulfilled"
                }
                assert not waiting
                return True

            await eventually(all_fulfilled, timeout=180, interval=0.25)
        finally:
            for store in (stores.woo, stores.shopify):
                await sim(store.url, "faults", "PUT", CALM)
        state = await hub.settled(timeout=120)
        assert state["dead_letters"] == dead_letters

        await self.assert_woo_shipped_once(stores.woo, wanted[stores.woo_integration["id"]])
        await self.assert_shopify_shipped_once(stores.shopify, wanted[stores.shopify_integration["id"]])
        for integration, external_id, number in _each(wanted):
            order = await hub.get(f"orders/{orders[integration, external_id]['id']}")
            (fulfillment,) = order["fulfillments"]
            assert (fulfillment["status"], fulfillment["tracking"]["number"]) == ("success", number)
            parcel = [line for line in order["lines"] if line["requires_shipping"]]
            assert sum(line["quantity"] for line in parcel) == sum(PIECES.values())
            assert all(line["fulfilled_quantity"] == line["quantity"] for line in parcel)
            commands = (await hub.get("commands", order_id=order["id"]))["items"]
            assert [(each["type"], each["status"]) for each in commands] == [("fulfillment.create", "succeeded")]
        # Goods that shipped have left the shelf once; both stores know what is left.
        for sku, pieces in PIECES.items():
            (level,) = await hub.all("inventory", sku=prefix + sku)
            left = 100 - 2 * EACH * pieces
            assert (level["on_hand"], level["reserved"], level["available"]) == (left, 0, left)
            for store in (stores.woo, stores.shopify):
                assert (await sim(store.url, "state"))["stock"][prefix + sku] == max(left, 0)

    async def assert_woo_shipped_once(self, store: Any, wanted: dict[str, str]) -> None:
        state = await sim(store.url, "fulfilments")
        assert state["twice"] == []
        assert state["shipped"] == len(wanted)
        for external_id, number in wanted.items():
            found = state["orders"][external_id]
            assert (found["tracking_numbers"], found["completed_count"]) == ([number], 1), found
            assert len([note for note in found["customer_notes"] if number in note]) == 1, found

    async def assert_shopify_shipped_once(self, store: Any, wanted: dict[str, str]) -> None:
        state = await sim(store.url, "fulfillments")
        assert state["count"] == len(wanted)
        assert state["units"] == len(wanted) * sum(PIECES.values())
        for external_id, number in wanted.items():
            (shipment,) = state["by_order"][external_id]
            assert number in str(shipment)


def _each(wanted: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(integration, each, number) for integration, ids in wanted.items() for each, number in ids.items()]
