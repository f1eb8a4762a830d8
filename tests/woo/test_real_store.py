"""The hub and a real WooCommerce store, from connection to stock, and 2,000 orders of every kind to the cent."""

from __future__ import annotations

import asyncio
import os
import signal
from decimal import Decimal
from secrets import token_hex
from typing import Any

import pytest

from longshore_devkit.stores.real_woo import RealWoo
from longshore_devkit.testing import eventually

from .conftest import amount, connected, until

pytestmark = pytest.mark.e2e

ORDERS = int(os.environ.get("REAL_WOO_ORDERS", "2000"))
STOCKED = {"manage_stock": True, "stock_quantity": 50, "regular_price": "19.99"}


@pytest.fixture
def sku() -> str:
    """Tests share a hub, and a SKU is one thing to it whatever store has it: each has its own."""
    return f"MUG-{token_hex(3).upper()}"


@pytest.fixture
async def shop(real: RealWoo, sku: str) -> RealWoo:
    """The store, emptied but for a product."""
    await real.reset()
    await real.api("POST", "/products", {"name": "Mug", "sku": sku, **STOCKED})
    return real


async def ended(hub: Any, integration: dict[str, Any], resource: str, trigger: str) -> dict[str, Any]:
    """A run that has ended."""

    async def look() -> dict[str, Any] | None:
        runs = (await hub.get(f"integrations/{integration['id']}/sync-runs"))["items"]
        such = [each for each in runs if (each["resource"], each["trigger"]) == (resource, trigger)]
        return next((each for each in such if each["finished_at"]), None)

    return await eventually(look, timeout=600) or {}


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_an_order_goes_all_the_way(hub: Any, shop: RealWoo, sku: str, scheme: str) -> None:
    url = shop.https_url if scheme == "https" else shop.http_url
    async with connected(hub, shop, url) as integration:
        report = await hub.post(f"integrations/{integration['id']}/test", {}, 200)
        assert {each["status"] for each in report["checks"]} <= {"ok", "warn"}, report
        webhooks = (await hub.get(f"integrations/{integration['id']}/webhooks"))["items"]
        assert {each["status"] for each in webhooks} == {"active"}

        # Checkout -> canonical, by webhook; its pieces are reserved.
        (placed,) = await shop.shop("order", "--sku", sku, "--qty", "2", "--email", "anna@example.com", "--paid")

        async def checked_out() -> dict[str, Any] | None:
            # The store tells of it more than once while it is being made: without shipping, without taxes.
            found: dict[str, Any] | None = await hub.order(integration, placed["id"])
            whole = found is not None and amount(found["totals"]["total"]) == Decimal(placed["total"])
            return found if whole else None

        order: dict[str, Any] = await until(checked_out)
        assert order["reconciled"], order["discrepancies"]
        assert order["platform_status"] == placed["status"] == "processing"

        # Shipped: the store completes the order and tells its buyer once.
        lines = [{"line_id": each["id"], "quantity": each["quantity"]} for each in order["lines"]]
        tracking = {"number": "REAL-1", "carrier": "UPS", "url": "https://parcels.example/REAL-1"}
        await hub.post(f"orders/{order['id']}/fulfillments", {"lines": lines, "tracking": tracking}, 202)

        async def completed() -> bool:
            return bool((await shop.api("GET", f"/orders/{placed['id']}"))["status"] == "completed")

        await until(completed)
        await hub.settled()
        notes = await shop.api("GET", f"/orders/{placed['id']}/notes", type="customer")
        assert sum("REAL-1" in each["note"] for each in notes) == 1

        async def shipped() -> bool:
            return bool((await hub.get(f"orders/{order['id']}"))["status"] == "fulfilled")

        await until(shipped)

        # Stock goes out once, and does not come back as news.
        await hub.settled()

        async def pushes() -> list[dict[str, Any]]:
            commands = await hub.all("commands", integration_id=integration["id"])
            return [each for each in commands if each["type"] == "stock.set"]

        before = len(await pushes())
        stock = (await hub.get("inventory", sku=sku))["items"]
        adjustment = {"sku": sku, "location": stock[0]["location"], "set": 31, "reason": "counted"}
        await hub.post("inventory/adjustments", adjustment, 201)

        async def pushed() -> bool:
            (said,) = await shop.shop("stock", sku)
            assert said["stock_quantity"] == 31, (said, await hub.get("inventory", sku=sku), await pushes())
            return True

        await until(pushed)
        await hub.settled()
        assert len(await pushes()) == before + 1, await pushes()
        assert (await hub.get("inventory", sku=sku))["items"][0]["on_hand"] == 31

        # What the merchant pays back arrives.
        await shop.shop("refund", str(placed["id"]), "--amount", "5.00")

        async def refunded() -> bool:
            found = await hub.get(f"orders/{order['id']}")
            return amount(found["totals"]["refunded"]) == Decimal("5.00") and found["reconciled"]

        await until(refunded)


async def test_webhooks_that_were_disabled_heal_and_what_they_missed_is_read(hub: Any, shop: RealWoo, sku: str) -> None:
    async with connected(hub, shop, shop.https_url) as integration:
        await ended(hub, integration, "orders", "connection")
        (heard,) = await shop.shop("order", "--sku", sku, "--email", "anna@example.com")
        await until(lambda: hub.order(integration, heard["id"]))
        await hub.settled()
        # As after seven failures; what is sold then is delivered to nobody.
        for each in await shop.all("/webhooks"):
            await shop.api("PUT", f"/webhooks/{each['id']}", {"status": "disabled"})
        (missed,) = await shop.shop("order", "--sku", sku, "--email", "berta@example.com")

        async def healed() -> bool:
            found = await shop.all("/webhooks")
            return {each["status"] for each in found} == {"active"}

        await until(healed)
        await ended(hub, integration, "orders", "repair")
        found = await until(lambda: hub.order(integration, missed["id"]))
        assert found["reconciled"]


async def test_a_backfill_survives_a_kill_while_orders_change_and_is_right_to_the_cent(
    hub: Any, stack: Any, real: RealWoo
) -> None:
    await real.reset()
    await real.seed(orders=ORDERS)
    before = [each for status in ("any", "trash") for each in await real.all("/orders", status=status)]
    assert len(before) >= ORDERS
    changing = [str(each["id"]) for each in before if each["status"] == "processing"][:: max(1, len(before) // 40)]
    # By another name: to the hub another store, and not the one that earlier tests have read.
    async with connected(hub, real, real.https_url.replace("127.0.0.1", "localhost")) as integration:

        async def half_way() -> bool:
            runs = (await hub.get(f"integrations/{integration['id']}/sync-runs"))["items"]
            return any(each["resource"] == "orders" and each["progress"]["done"] > 0 for each in runs)

        await eventually(half_way, timeout=300)
        # Some are changed, some go, one comes back, while the run reads; and its process dies.
        await asyncio.gather(*(real.shop("status", id, "completed") for id in changing[::2]))
        await real.shop("trash", changing[1])
        await real.shop("trash", changing[3])
        stack.signal(signal.SIGKILL, "connector-woo")
        await real.shop("restore", changing[1])
        run = await ended(hub, integration, "orders", "connection")
        assert (run["status"], run["failed_items"], run["error"]) == ("succeeded", [], None)
        await real.shop("wait", "120")
        await hub.settled(timeout=300)
        stated = {
            str(each["id"]): each for status in ("any", "trash") for each in await real.all("/orders", status=status)
        }
        orders = {each["external_id"]: each for each in await hub.all("orders", integration_id=integration["id"])}
        assert orders.keys() == stated.keys()
        unlike = {
            id: (each["totals"]["total"], stated[id]["total"], each["discrepancies"])
            for id, each in orders.items()
            if amount(each["totals"]["total"]) != Decimal(stated[id]["total"]) or not each["reconciled"]
        }
        assert unlike == {}
        assert {id: each["platform_status"] for id, each in orders.items()} == {
            id: each["status"] for id, each in stated.items()
        }
        customers = await hub.all("customers", integration_id=integration["id"])
        assert {each["external_id"] for each in customers} >= {
            str(each["id"]) for each in await real.all("/customers", role="all")
        }
