"""The control API, the buyers and the command line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable

import httpx
import pytest

from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.stores.woo.__main__ import parse
from longshore_devkit.stores.woo.buyers import random_draft


class TestOrders:
    async def test_of_a_sku(self, sim: httpx.AsyncClient, woo: SimulatedWoo) -> None:
        answer = await sim.post("/orders", json={"sku": "LS-0007", "quantity": 3})
        (order,) = answer.json()["orders"]
        assert (order["status"], [(line["sku"], line["quantity"]) for line in order["lines"]]) == (
            "processing",
            [("LS-0007", 3)],
        )
        assert (await sim.get("/stock")).json()["LS-0007"] == 97

    async def test_out_of_stock_is_refused_unless_forced(self, sim: httpx.AsyncClient) -> None:
        await sim.put("/stock", json={"sku": "LS-0007", "quantity": 1})
        refused = await sim.post("/orders", json={"sku": "LS-0007", "quantity": 2})
        assert refused.status_code == 409
        forced = await sim.post("/orders", json={"sku": "LS-0007", "quantity": 2, "force": True})
        assert forced.status_code == 200
        assert (await sim.get("/stock")).json()["LS-0007"] == -1

    async def test_a_life(self, sim: httpx.AsyncClient) -> None:
        placed = await sim.post("/orders", json={"lines": [{"sku": "LS-0005", "quantity": 2}], "status": "on-hold"})
        (order,) = placed.json()["orders"]
        path = f"/orders/{order['id']}"
        assert (await sim.post(f"{path}/status", json={"status": "processing"})).json()["status"] == "processing"
        part = await sim.post(f"{path}/refund", json={"lines": [{"sku": "LS-0005", "quantity": 1}]})
        assert part.status_code == 200
        assert (await sim.get("/stock")).json()["LS-0005"] == 99
        rest = await sim.post(f"{path}/refund", json={})
        assert rest.json()["order"]["status"] == "refunded"
        assert (await sim.post(f"{path}/trash")).json()["status"] == "trash"
        assert (await sim.post(f"{path}/restore")).json()["status"] == "refunded"
        assert (await sim.post(f"{path}/delete")).json() == {"deleted": order["id"]}
        assert (await sim.post(f"{path}/trash")).status_code == 404

    @pytest.mark.parametrize(
        ("body", "status"), [({"sku": "NO-SUCH"}, 404), ({"sku": "LS-0005", "status": "gone"}, 400), ({"n": "x"}, 400)]
    )
    async def test_nonsense_is_refused(self, body: dict[str, object], status: int, sim: httpx.AsyncClient) -> None:
        assert (await sim.post("/orders", json=body)).status_code == status


class TestState:
    async def test_counts_calls_and_orders(self, sim: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
        await sim.post("/orders", json={"n": 3})
        await api.get("/orders")
        state = (await sim.get("/state")).json()
        assert (state["order_count"], len(state["orders"]), state["api_calls"]) == (3, 3, {"GET orders": 1})
        assert (await sim.get("/state", params={"orders": "0"})).json()["orders"] == {}

    async def test_shipping_twice_is_seen(self, sim: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
        (order,) = (await sim.post("/orders", json={"sku": "LS-0005"})).json()["orders"]
        for number in ("A", "A"):
            note = {"note": f"Shipped {number}", "customer_note": True}
            await api.post(f"/orders/{order['id']}/notes", json=note)
            await api.put(f"/orders/{order['id']}", json={"status": "completed"})
        assert (await sim.get("/fulfilments")).json()["twice"] == [str(order["id"])]


class TestTraffic:
    async def test_buyers_come_at_a_rate_that_can_be_changed(self, sim: httpx.AsyncClient, woo: SimulatedWoo) -> None:
        placed = asyncio.Event()
        woo.shop.on_event = lambda topic, _: placed.set() if len(woo.shop.orders) >= 20 else None
        await sim.put("/traffic", json={"orders_per_minute": 60_000})
        await asyncio.wait_for(placed.wait(), 10)
        await sim.put("/traffic", json={"orders_per_minute": 0})
        statuses = {order.status for order in woo.shop.orders.values()}
        assert "processing" in statuses

    async def test_an_empty_shop_sells_nothing(self, config: Callable[..., WooConfig]) -> None:
        woo = SimulatedWoo(config(initial_stock=0))
        for product in woo.shop.products.values():
            product.manage_stock, product.stock = True, 0
        assert random_draft(woo.shop, woo.shop.rng) is None
        woo.shop.config = config(backorders="yes")
        for product in woo.shop.products.values():
            product.backorders = "yes"
        assert random_draft(woo.shop, woo.shop.rng) is not None


class TestCommandLine:
    def test_defaults_and_settings(self) -> None:
        options = parse(["--port", "0", "--products", "7", "--decimals", "0", "--currency", "JPY"])
        assert (options.port, options.products, options.decimals, options.sku_prefix) == (0, 7, 0, "LS-")

    async def test_runs_until_it_is_told_to_stop(self) -> None:
        command = [sys.executable, "-m", "longshore_devkit.stores.woo", "--port", "0", "--https-port", "0"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(20):
                where = json.loads(await process.stdout.readline())
                async with httpx.AsyncClient(trust_env=False) as client:
                    assert (await client.get(f"{where['url']}/_sim/state")).status_code == 200
                process.terminate()
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
