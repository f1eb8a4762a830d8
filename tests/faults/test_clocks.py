"""Clocks that are wrong by more than an hour, the services' or a store's: orders and stock are right all the same."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.testing import eventually, unique_prefix

from .shipping import ask, assert_shopify_shipped_once, assert_woo_shipped_once, each_of, place, sim

pytestmark = pytest.mark.e2e

OFF_S = 3_700
"""More than an hour: Kafka by itself refuses records that are from later than in an hour."""

AHEAD, BEHIND = {"clock_s": OFF_S}, {"clock_s": -OFF_S}
PARCELS = 5
PATIENCE_S = 300
"""More than the test takes until it looks at the clock."""


async def set_clocks(stack: Any, **by_service: dict[str, Any]) -> None:
    """Start the four services again, with these clocks; without any, with right ones.

    The connector of WooCommerce keeps its time: over plain http stores check it, as OAuth 1.0a wants."""
    stack.inject(**by_service)
    services = ("gateway", "order-sync", "inventory", "connector-shopify")
    await asyncio.to_thread(stack.signal, signal.SIGTERM, *services)
    await asyncio.to_thread(stack.wait_ready, *services)


def edited(body: bytes, n: int) -> bytes:
    """A WooCommerce order as it is after `n` changes of the buyer's note, one a second."""
    changed = datetime(2026, 11, 2, 9, tzinfo=UTC) + timedelta(seconds=n)
    note = {"customer_note": f"edit {n}", "date_modified_gmt": changed.strftime("%Y-%m-%dT%H:%M:%S")}
    return orjson.dumps(orjson.loads(body) | note)


class TestServices:
    @pytest.mark.long
    @pytest.mark.parametrize(("gateway", "inventory", "others"), [(AHEAD, AHEAD, BEHIND), (BEHIND, BEHIND, AHEAD)])
    async def test_with_clocks_an_hour_wrong_in_both_directions(
        self,
        hub: Any,
        stack: Any,
        stores: Any,
        mute: Any,
        plenty: Any,
        account: Any,
        rows: Any,
        gateway: dict[str, Any],
        inventory: dict[str, Any],
        others: dict[str, Any],
    ) -> None:
        store, edits = await mute("woocommerce", plenty), await mute("woocommerce", ("CLOCK-1",))
        first, second, third = (edited(edits.body(0), n) for n in (1, 2, 3))
        await store.deliver(range(50), copies=1)
        wrong = {"gateway": gateway, "inventory": inventory, "order_sync": others, "connector_shopify": others}
        try:
            await set_clocks(stack, **wrong)
            await store.deliver(range(50, 150), copies=1)
            assert (await edits.post(second)).status_code == 200
            parcel = await self.ship(hub, stores, account)
            wrong_sequences = await self.sequences(rows, stores)
            (heard,) = await rows(
                "SELECT observed_at FROM order_sync.orders WHERE integration_id = $1::uuid AND external_id = $2",
                store.id,
                str(store.order_id(149)),
            )
            off = heard["observed_at"] - datetime.now(UTC)
            assert off.total_seconds() == pytest.approx(gateway["clock_s"], abs=PATIENCE_S)
        finally:
            # For whoever was ahead time now runs backwards by more than an hour; and other tests share the stack.
            await set_clocks(stack)
        await store.deliver(range(150, 200), copies=1)
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(store, range(200))
        shipped = Counter({sku: 2 * PARCELS * pieces for sku, pieces in parcel.items()})
        await account.assert_stock(stores, store.pieces(range(200)), shipped)
        right_sequences = await self.sequences(rows, stores)
        assert right_sequences.keys() == wrong_sequences.keys()
        assert all(right_sequences[listing] > sequence for listing, sequence in wrong_sequences.items())

        # By the clocks of that time we heard of the second an hour from now, or ago: what counts is the store's word.
        for body, note in ((first, "edit 2"), (third, "edit 3")):
            assert (await edits.post(body)).status_code == 200
            await hub.settled()
            (order,) = await hub.all("orders", integration_id=edits.id)
            assert [each["text"] for each in order["notes"]] == [note], order["notes"]

    async def ship(self, hub: Any, stores: Any, account: Any) -> dict[str, int]:
        """Some orders at both stores, shipped through the hub once each; the SKUs of one."""
        wanted = {
            stores.woo_integration["id"]: await place(stores.woo, PARCELS, status="processing"),
            stores.shopify_integration["id"]: await place(stores.shopify, PARCELS),
        }
        await account.assert_nothing_lost_on_the_way()
        orders = {
            (integration, order["external_id"]): order
            for integration in wanted
            for order in await hub.all("orders", integration_id=integration)
        }
        await asyncio.gather(
            *[ask(hub, orders[integration, each], number) for integration, each, number in each_of(wanted)]
        )
        await account.assert_nothing_lost_on_the_way()
        await assert_woo_shipped_once(stores.woo, wanted[stores.woo_integration["id"]])
        await assert_shopify_shipped_once(stores.shopify, wanted[stores.shopify_integration["id"]])
        (order, *_) = orders.values()
        return {line["sku"]: line["quantity"] for line in order["lines"]}

    async def sequences(self, rows: Any, stores: Any) -> dict[Any, int]:
        """The newest push to each listing of both stores."""
        found = await rows(
            "SELECT listing_id, max(sequence) AS sequence FROM inventory.commands"
            " WHERE integration_id = ANY($1::uuid[]) GROUP BY listing_id",
            [stores.woo_integration["id"], stores.shopify_integration["id"]],
        )
        return {row["listing_id"]: row["sequence"] for row in found}


class TestStores:
    @pytest.mark.parametrize("off_s", [OFF_S, pytest.param(-OFF_S, marks=pytest.mark.long)])
    async def test_stores_whose_clock_is_an_hour_off(
        self, hub: Any, shopify_port: int, account: Any, off_s: int
    ) -> None:
        """One of the two ahead, the other behind."""

        def ahead() -> datetime:
            return datetime.now(UTC) + timedelta(seconds=off_s)

        def behind() -> datetime:
            return datetime.now(UTC) - timedelta(seconds=off_s)

        name = unique_prefix().rstrip(".").upper()
        config = ShopConfig(f"{name.lower()}.myshopify.com", products=10, sku_prefix=f"{name}-")
        woo_config = WooConfig(products=10, sku_prefix=f"{name}-")
        async with (
            SimulatedWoo(woo_config, now=ahead) as woo,
            SimulatedShopify(config, port=shopify_port, now=behind) as shopify,
        ):
            connected = [await hub.connect_woo(woo), await hub.connect_shopify(shopify)]
            await hub.settled()
            skus = {f"{name}-0001": 1, f"{name}-0003": 2}
            lines = [{"sku": sku, "quantity": quantity} for sku, quantity in skus.items()]
            for url, more in ((woo.url, {"status": "processing"}), (shopify.url, {})):
                await sim(url, "orders", "POST", {"n": 3, "lines": lines} | more)
            await account.assert_nothing_lost_on_the_way()

            async def sold() -> bool:
                for sku, pieces in skus.items():
                    (level,) = await hub.all("inventory", sku=sku)
                    assert (level["on_hand"], level["reserved"]) == (100, 6 * pieces), level
                    for url in (woo.url, shopify.url):
                        assert (await sim(url, "state"))["stock"][sku] == 100 - 6 * pieces
                return True

            await eventually(sold, timeout=30)
            for integration in connected:
                assert len(await hub.all("orders", integration_id=integration["id"])) == 3
                await hub.client.delete(f"/api/v1/integrations/{integration['id']}")
            await hub.settled()
