"""A real store as people set it up: other decimals and taxes, fees that are deductions, plugins' statuses and payment
methods, stock of every kind, orders kept where they used to be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from longshore_devkit.stores.real_woo import RealWoo

from .conftest import amount, connected, until

pytestmark = pytest.mark.e2e

IN_NEW_YORK = {"first_name": "Anna", "country": "US", "state": "NY", "postcode": "10001", "email": "anna@example.com"}
TAXES: tuple[Mapping[str, Any], ...] = (
    {"country": "US", "state": "NY", "rate": "8.8750", "name": "State", "priority": 1, "shipping": True},
    {"country": "US", "state": "NY", "rate": "5.2500", "name": "On it", "priority": 2, "compound": True},
)
"""The second is on the sum of price and first."""

DECIMALS, INCLUDED, AT_SUBTOTAL = (
    "woocommerce_price_num_decimals",
    "woocommerce_prices_include_tax",
    "woocommerce_tax_round_at_subtotal",
)
SHOPS = (
    {DECIMALS: "2"},
    {DECIMALS: "0"},
    {DECIMALS: "3"},
    {DECIMALS: "4"},
    {DECIMALS: "2", AT_SUBTOTAL: "yes"},
    {DECIMALS: "2", INCLUDED: "yes"},
    {DECIMALS: "4", INCLUDED: "yes", AT_SUBTOTAL: "yes"},
    {DECIMALS: "0", INCLUDED: "yes"},
)
AS_BEFORE = {DECIMALS: "2", INCLUDED: "no", AT_SUBTOTAL: "no"}


@pytest.fixture
def sku() -> str:
    """Tests share a hub, and a SKU is one thing to it whatever store has it: each has its own."""
    return f"ODD-{token_hex(3).upper()}"


@pytest.fixture
async def shop(real: RealWoo, sku: str) -> RealWoo:
    """The store, emptied but for a product, with what plugins add."""
    await real.reset()
    real.add_plugin(Path(__file__).parent / "odd_shop.php")
    await real.api("POST", "/products", stocked(sku))
    return real


def stocked(sku: str, **more: Any) -> dict[str, Any]:
    """A product of fifty pieces."""
    return {"name": "Mug", "sku": sku, "regular_price": "9.99", "manage_stock": True, "stock_quantity": 50} | more


def asked(sku: str, **more: Any) -> dict[str, Any]:
    """An order with a deduction and two ways of shipping."""
    return {
        "set_paid": True,
        "payment_method": "bacs",
        "billing": IN_NEW_YORK,
        "shipping": {name: value for name, value in IN_NEW_YORK.items() if name != "email"},
        "line_items": [{"sku": sku, "quantity": 3}],
        "fee_lines": [{"name": "Loyal", "total": "-2.35", "tax_status": "taxable"}],
        "shipping_lines": [
            {"method_id": "flat_rate", "method_title": "Parcel", "total": "4.95"},
            {"method_id": "flat_rate", "method_title": "Bulky", "total": "3.33"},
        ],
    } | more


async def heard(hub: Any, integration: dict[str, Any], placed: dict[str, Any]) -> dict[str, Any]:
    """The order as the hub has it. (Ids of the store begin anew with each test.)"""

    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] | None = await hub.order(integration, placed["id"])
        skus = {each["sku"] for each in placed["line_items"]}
        return found if found is not None and skus <= {each["sku"] for each in found["lines"]} else None

    order: dict[str, Any] = await until(look)
    return order


async def test_every_shops_arithmetic_is_reconciled(hub: Any, shop: RealWoo, sku: str) -> None:
    for tax in TAXES:
        await shop.api("POST", "/taxes", dict(tax))
    unlike: list[Any] = []
    async with connected(hub, shop, shop.https_url) as integration:
        for settings in SHOPS:
            for name, value in (AS_BEFORE | settings).items():
                await shop.shop("option", name, value)
            placed = await shop.api("POST", "/orders", asked(sku))
            order = await heard(hub, integration, placed)
            if amount(order["totals"]["total"]) != Decimal(placed["total"]) or not order["reconciled"]:
                unlike.append((settings, placed["total"], order["totals"], order["discrepancies"]))
    assert unlike == []


async def test_a_plugins_status_is_kept_and_can_be_set(hub: Any, shop: RealWoo, sku: str) -> None:
    async with connected(hub, shop, shop.https_url) as integration:
        placed = await shop.api("POST", "/orders", asked(sku))
        order = await heard(hub, integration, placed)
        await hub.post(f"orders/{order['id']}/status", {"status": "picking"}, 202)

        async def picking() -> bool:
            found = await hub.get(f"orders/{order['id']}")
            return (found["platform_status"], found["status"]) == ("picking", "processing")

        await until(picking)
        assert (await shop.api("GET", f"/orders/{placed['id']}"))["status"] == "picking"


async def test_a_payment_provider_pays_back_or_refuses(hub: Any, shop: RealWoo, sku: str) -> None:
    async with connected(hub, shop, shop.https_url) as integration:
        placed = await shop.api("POST", "/orders", asked(sku, payment_method="pays-back"))
        order = await heard(hub, integration, placed)

        async def paid() -> bool:
            return bool((await hub.get(f"orders/{order['id']}"))["financial_status"] == "paid")

        await until(paid)

        async def pay_back(cents: int) -> dict[str, Any]:
            money = {"amount": cents, "currency": order["currency"], "exponent": 2}
            answer = await hub.post(f"orders/{order['id']}/refunds", {"amount": money, "reason": "Broken"}, 202)

            async def over() -> dict[str, Any] | None:
                commands = await hub.all("commands", order_id=order["id"])
                found = [each for each in commands if each["type"] == "order.refund" and each["finished_at"]]
                return next((each for each in found if each["id"] == answer["command"]["id"]), None)

            command: dict[str, Any] = await until(over)
            return command

        assert (await pay_back(500))["status"] == "succeeded"
        refused = await pay_back(1500)
        assert (refused["status"], refused["error"]["code"]) == ("failed", "refund-refused")
        assert "no more than 10" in refused["error"]["detail"]
        (made,) = await shop.api("GET", f"/orders/{placed['id']}/refunds")
        assert (made["amount"], made["refunded_payment"]) == ("5.00", True)

        async def refunded() -> bool:
            return bool(amount((await hub.get(f"orders/{order['id']}"))["totals"]["refunded"]) == 5)

        await until(refunded)


async def test_stock_of_every_kind(hub: Any, shop: RealWoo, sku: str) -> None:
    """Sold below zero; counted at a variation's product; not counted at all."""
    below = await shop.api("POST", "/products", stocked(f"{sku}-B", backorders="notify", stock_quantity=1))
    uncounted = await shop.api("POST", "/products", stocked(f"{sku}-U", manage_stock=False))
    size = {"name": "Size", "variation": True, "visible": True, "options": ["S", "M"]}
    parent = await shop.api(
        "POST", "/products", stocked(f"{sku}-P", type="variable", attributes=[size], stock_quantity=20)
    )
    variation = {"sku": f"{sku}-V", "regular_price": "5", "attributes": [{"name": "Size", "option": "M"}]}
    await shop.api("POST", f"/products/{parent['id']}/variations", variation)
    async with connected(hub, shop, shop.https_url) as integration:

        async def set_to(sku: str, pieces: int) -> None:
            await hub.post(
                "inventory/adjustments", {"sku": sku, "location": "default", "set": pieces, "reason": "counted"}, 201
            )

        async def known(sku: str, pieces: int) -> bool:
            found = (await hub.get("inventory", sku=sku))["items"]
            return bool(found) and found[0]["available"] == pieces

        async def has(product: dict[str, Any], pieces: int) -> bool:
            return bool((await shop.api("GET", f"/products/{product['id']}"))["stock_quantity"] == pieces)

        await until(lambda: known(f"{sku}-B", 1))
        placed = await shop.api("POST", "/orders", asked(f"{sku}-B"))
        assert await has(below, -2)
        await heard(hub, integration, placed)
        await until(lambda: known(f"{sku}-B", -2))
        await set_to(f"{sku}-B", 10)
        await until(lambda: has(below, 7))
        assert (await shop.api("GET", f"/products/{below['id']}"))["backorders"] == "notify"

        await until(lambda: known(f"{sku}-V", 20))
        await set_to(f"{sku}-V", 12)
        await until(lambda: has(parent, 12))
        children = await shop.api("GET", f"/products/{parent['id']}/variations")
        assert [each["manage_stock"] for each in children] == ["parent"]

        await hub.settled()
        (none,) = (await hub.get("inventory", sku=f"{sku}-U"))["items"]
        assert (none["on_hand"], none["channels"]) == (0, [])
        assert not (await shop.api("GET", f"/products/{uncounted['id']}"))["manage_stock"]
        pushes = [
            each for each in await hub.all("commands", integration_id=integration["id"]) if each["type"] == "stock.set"
        ]
        assert [each for each in pushes if each["status"] != "succeeded"] == []


async def test_a_store_that_keeps_orders_as_posts(hub: Any, shop: RealWoo, sku: str) -> None:
    await shop.shop("option", "woocommerce_custom_orders_table_enabled", "no")
    placed = await shop.api("POST", "/orders", asked(sku))
    async with connected(hub, shop, shop.https_url) as integration:
        # One by the first run, one by its webhook; then what changes, and the trash.
        first = await heard(hub, integration, placed)
        second = await heard(hub, integration, await shop.api("POST", "/orders", asked(sku)))
        assert first["reconciled"]
        assert second["reconciled"]
        await shop.shop("trash", str(placed["id"]))

        async def gone() -> bool:
            return bool((await hub.get(f"orders/{first['id']}"))["platform_status"] == "trash")

        await until(gone)


@pytest.fixture
async def own_fulfilments(shop: RealWoo) -> AsyncIterator[None]:
    """WooCommerce's own fulfilments, turned on: its settings do not show them."""
    name = "woocommerce_feature_fulfillments_enabled"
    await shop.shop("option", name, "yes")
    yield
    await shop.shop("option", name, "no")


async def test_shipments_become_the_stores_own_where_it_has_such(
    hub: Any, shop: RealWoo, sku: str, own_fulfilments: None
) -> None:
    async with connected(hub, shop, shop.https_url) as integration:
        checks = (await hub.post(f"integrations/{integration['id']}/test", {}, 200))["checks"]
        assert any("WooCommerce's own fulfilments" in each["detail"] for each in checks)
        placed = await shop.api("POST", "/orders", asked(sku))
        order = await heard(hub, integration, placed)
        path, line = f"orders/{order['id']}", order["lines"][0]["id"]
        parcel = {"lines": [{"line_id": line, "quantity": 2}], "tracking": {"number": "T-1", "carrier": "DHL"}}
        await hub.post(f"{path}/fulfillments", parcel, 202)

        async def own() -> list[dict[str, Any]]:
            listed = await shop.api("GET", f"/orders/{placed['id']}/fulfillments")
            return [{"id": each["id"]} | {meta["key"]: meta["value"] for meta in each["meta_data"]} for each in listed]

        async def followed_by(number: str) -> Any:
            found = await own()
            return [each["_tracking_number"] for each in found] == [number] and found

        async def known() -> Any:
            found = (await hub.get(path))["fulfillments"]
            return len(found) == 1 and found[0]["status"] == "success" and found[0]

        (made,) = await until(partial(followed_by, "T-1"))
        assert made["_items"] == [{"item_id": placed["line_items"][0]["id"], "qty": 2}]
        assert (made["_shipment_provider"], made["_provider_name"]) == ("other", "DHL")
        shipped = await until(known)
        assert [each["quantity"] for each in shipped["lines"]] == [2]
        # The store mails the buyer itself: no note besides.
        assert await shop.api("GET", f"/orders/{placed['id']}/notes", type="customer") == []

        await hub.post(f"{path}/fulfillments/{shipped['id']}/tracking", {"number": "T-2"}, 202)
        (followed,) = await until(partial(followed_by, "T-2"))
        assert (followed["id"], followed["_items"]) == (made["id"], made["_items"])
        await hub.post(f"{path}/fulfillments/{shipped['id']}/cancel", {}, 202)

        async def gone() -> bool:
            return await own() == []

        await until(gone)
