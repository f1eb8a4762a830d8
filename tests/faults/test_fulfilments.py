"""Fulfilments while services are killed and stores hang up after the write: each ships exactly once, at the store."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from longshore_devkit.testing import eventually

from .shipping import (
    PIECES,
    ask,
    assert_shopify_shipped_once,
    assert_woo_shipped_once,
    each_of,
    place,
    shipped,
    sim,
)

pytestmark = pytest.mark.e2e

EACH = 12
VICTIMS = ("connector-woo", "connector-shopify", "order-sync")
CALM = {"latency_ms": 0, "drop_after_write_rate": 0.0}
ROUGH = {"latency_ms": 60, "drop_after_write_rate": 0.25}


class TestShipOnce:
    async def test_through_kill_9_and_answers_lost_after_the_write(
        self, hub: Any, stack: Any, stores: Any, account: Any, kill: Any, all_back: Any, seed: int
    ) -> None:
        chance = random.Random(seed)
        prefix = stores.woo.shop.config.sku_prefix
        wanted = {
            stores.woo_integration["id"]: await place(stores.woo, EACH, status="processing"),
            stores.shopify_integration["id"]: await place(stores.shopify, EACH),
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
        # Each once and one of them again; the moments are shipments at the stores, so that work is under way.
        victims = chance.sample(VICTIMS, 3) + chance.sample(VICTIMS, 1)
        moments = sorted(chance.sample(range(1, 2 * EACH - 10), len(victims)))

        async def kill_at_random() -> None:
            for name, moment in zip(victims, moments, strict=True):
                await eventually(lambda: reached(moment), timeout=120, interval=0.05)  # noqa: B023  (awaited here)
                await asyncio.to_thread(stack.wait_ready, name)
                await kill(name)

        async def reached(moment: int) -> bool:
            return await shipped(stores) >= moment

        for store in (stores.woo, stores.shopify):
            await sim(store.url, "faults", "PUT", ROUGH)
        try:
            asked = [ask(hub, orders[integration, each], number) for integration, each, number in each_of(wanted)]
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

            async def all_told() -> bool:
                found = [
                    each for integration in wanted for each in await hub.all("commands", integration_id=integration)
                ]
                asked = {each["order_id"]: each["status"] for each in found if each["type"] == "fulfillment.create"}
                assert asked == {order["id"]: "succeeded" for order in orders.values()}
                assert len([each for each in found if each["order_id"] in asked]) == len(orders)
                return True

            await eventually(all_fulfilled, timeout=180, interval=0.25)
            # A store that shipped and hung up is asked again after a pause, in which nothing is due and all is settled.
            await eventually(all_told, timeout=180, interval=0.25)
        finally:
            for store in (stores.woo, stores.shopify):
                await sim(store.url, "faults", "PUT", CALM)
        state = await hub.settled(timeout=120)
        assert state["dead_letters"] == dead_letters

        await assert_woo_shipped_once(stores.woo, wanted[stores.woo_integration["id"]])
        await assert_shopify_shipped_once(stores.shopify, wanted[stores.shopify_integration["id"]])
        for integration, external_id, number in each_of(wanted):
            order = await hub.get(f"orders/{orders[integration, external_id]['id']}")
            (fulfillment,) = order["fulfillments"]
            assert (fulfillment["status"], fulfillment["tracking"]["number"]) == ("success", number)
            parcel = [line for line in order["lines"] if line["requires_shipping"]]
            assert sum(line["quantity"] for line in parcel) == sum(PIECES.values())
            assert all(line["fulfilled_quantity"] == line["quantity"] for line in parcel)
        # Goods that shipped have left the shelf once; both stores know what is left.
        for sku, pieces in PIECES.items():
            (level,) = await hub.all("inventory", sku=prefix + sku)
            left = 100 - 2 * EACH * pieces
            assert (level["on_hand"], level["reserved"], level["available"]) == (left, 0, left)
            for store in (stores.woo, stores.shopify):
                assert (await sim(store.url, "state"))["stock"][prefix + sku] == max(left, 0)
