"""Sync runs: a store that has sold before it was connected."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.testing import eventually

pytestmark = pytest.mark.e2e

ORDERS = 410
REFUNDED = 5


async def sim(store: Any, path: str, method: str = "POST", body: object = None) -> Any:
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.request(method, f"{store.url}/_sim/{path}", json=body or {})
        answer.raise_for_status()
        return answer.json()


async def disconnect(hub: Any, integration: dict[str, Any]) -> None:
    await hub.client.delete(f"/api/v1/integrations/{integration['id']}")
    await hub.settled()


@pytest.fixture
async def old_shop() -> AsyncIterator[tuple[SimulatedWoo, dict[str, str]]]:
    """A shop with orders, some refunded, one in the trash; what each came to."""
    async with SimulatedWoo(WooConfig(products=10, sku_prefix="OLD-", initial_stock=5_000)) as store:
        placed = (await sim(store, "orders", body={"n": ORDERS}))["orders"]
        for each in placed[:REFUNDED]:
            await sim(store, f"orders/{each['id']}/refund")
        await sim(store, f"orders/{placed[-1]['id']}/trash")
        yield store, {str(each["id"]): str(each["total"]) for each in placed}


async def test_a_full_backfill_survives_a_kill_and_has_each_order_once_to_the_cent(
    hub: Any, stack: Any, old_shop: tuple[SimulatedWoo, dict[str, str]]
) -> None:
    store, totals = old_shop
    integration = await hub.connect_woo(store, backfill=False)
    await hub.settled()
    await sim(store, "faults", "PUT", {"latency_ms": 1000})
    asked = {"resources": ["orders"], "mode": "full"}
    (run,) = (await hub.post(f"integrations/{integration['id']}/sync", asked, 202))["items"]
    (again,) = (await hub.post(f"integrations/{integration['id']}/sync", asked, 202))["items"]
    assert again["id"] == run["id"]

    async def half_way() -> bool:
        seen = await hub.get(f"sync-runs/{run['id']}")
        return bool(seen["status"] == "running" and 0 < seen["progress"]["done"] < ORDERS)

    await eventually(half_way, timeout=30)
    stack.signal(signal.SIGKILL, "connector-woo")
    await sim(store, "faults", "PUT", {"latency_ms": 0})

    async def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = await hub.get(f"sync-runs/{run['id']}")
        return found if found["finished_at"] else None

    run = await eventually(ended, timeout=60) or {}
    assert (run["status"], run["failed_items"], run["error"]) == ("succeeded", [], None)
    assert (run["progress"]["done"], run["progress"]["total"]) == (ORDERS, ORDERS)
    listed = (await hub.get(f"integrations/{integration['id']}/sync-runs"))["items"]
    assert run["id"] in [each["id"] for each in listed]

    await hub.settled()
    orders = await hub.all("orders", integration_id=integration["id"])
    assert len(orders) == ORDERS
    for order in orders:
        assert order["reconciled"], order["discrepancies"]
        total = order["totals"]["total"]
        assert Decimal(total["amount"]).scaleb(-total["exponent"]) == Decimal(totals[order["external_id"]])
    assert sum(order["totals"]["refunded"]["amount"] > 0 for order in orders) == REFUNDED
    # The one in the trash.
    assert [each["external_id"] for each in orders if each["platform_status"] == "trash"] == [list(totals)[-1]]
    # A page that was read once more changes nothing.
    revisions = (await hub.get(f"orders/{orders[0]['id']}/revisions"))["items"]
    assert len(revisions) == 1
    await disconnect(hub, integration)


async def test_a_new_stores_orders_are_there_by_themselves_and_move_no_stock(
    hub: Any, woo: SimulatedWoo, shopify: SimulatedShopify
) -> None:
    """What they have taken, their store has taken out of the stock that it reports."""
    for store, connect in ((woo, hub.connect_woo), (shopify, hub.connect_shopify)):
        placed = (await sim(store, "orders", body={"n": 12}))["orders"]
        before = (await sim(store, "state", "GET"))["stock"]
        # Only this store's own stock: what another has pushes nothing to it.
        integration = await connect(store, stock={"mode": "off"})
        await hub.settled()
        orders = await hub.all("orders", integration_id=integration["id"])
        assert sorted(each["external_id"] for each in orders) == sorted(str(each["id"]) for each in placed)
        assert all(each["reconciled"] for each in orders)
        runs = (await hub.get(f"integrations/{integration['id']}/sync-runs"))["items"]
        assert {(each["resource"], each["mode"], each["trigger"]) for each in runs} == {
            (resource, "full", "connection") for resource in ("orders", "customers")
        }
        assert {each["status"] for each in runs} == {"succeeded"}
        assert (await sim(store, "state", "GET"))["stock"] == before
        await disconnect(hub, integration)


async def test_the_ledger_begins_with_what_a_store_has_left(hub: Any, woo: SimulatedWoo) -> None:
    await sim(woo, "orders", body={"n": 20})
    for order in woo.shop.orders.values():
        # What is sold in the second of the first report counts as sold after it (docs/adr/0016).
        order.created -= timedelta(hours=1)
        order.modified -= timedelta(hours=1)
    stock = (await sim(woo, "state", "GET"))["stock"]
    integration = await hub.connect_woo(woo)
    await hub.settled()
    for sku, quantity in stock.items():
        (level,) = (await hub.get("inventory", sku=sku))["items"]
        assert level["available"] == quantity, level
    assert (await sim(woo, "state", "GET"))["stock"] == stock
    await disconnect(hub, integration)


async def test_only_a_store_of_ones_own_can_be_read(hub: Any) -> None:
    stranger = "00000000-0000-4000-8000-000000000001"
    await hub.post(f"integrations/{stranger}/sync", {"resources": ["orders"]}, 404)
    answer = await hub.client.get(f"/api/v1/integrations/{stranger}/sync-runs")
    assert answer.status_code == 404
    assert (await hub.client.get(f"/api/v1/sync-runs/{stranger}")).status_code == 404
