"""Canonical state is a function of the log: dropped and rebuilt it is the same, and no store hears of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from longshore.broker.offsets import Offsets
from longshore.contracts import OrderChanged, StockAdjusted
from longshore_devkit import rebuild
from longshore_devkit.data_dir import DataDir
from longshore_devkit.errors import DevkitError
from longshore_devkit.forking import ForkServer
from longshore_devkit.ports import free_port
from longshore_devkit.processes import Spawn
from longshore_devkit.stack import BEHIND_GATEWAY, GATEWAY, Stack
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.testing import FEW_PARTITIONS, eventually, unique_prefix
from tests.conftest import Hub
from tests.e2e.test_stream import known, place, ship, sim, undelivered, whole_lines

pytestmark = pytest.mark.e2e

SKU_PREFIX = "RB-"

Events = dict[tuple[str, int, int], tuple[str, dict[str, Any]]]
"""(topic, partition, offset) -> (type, body)"""
UNDER_WAY = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%_rebuild'"
"""How many rebuilds have begun and not ended."""


class Life:
    """A hub that can be stopped and started again on what it has stored."""

    def __init__(self, path: Path, environ: dict[str, str], spawn: Spawn) -> None:
        self.data_dir = DataDir(path)
        self.environ = environ
        self.spawn = spawn
        self.stack: Any = None
        self.hub: Any = None

    async def start(self) -> Hub:
        self.stack = Stack(self.data_dir, self.environ, spawn=self.spawn)
        await self.stack.start()
        self.hub = Hub(self.stack)
        return self.hub

    async def stop(self) -> None:
        if self.hub is not None:
            await self.hub.client.aclose()
            await self.stack.stop()
            self.hub = None

    async def execute(self, *statements: str) -> None:
        conn = await asyncpg.connect(self.environ["LONGSHORE_DATABASE_URL"].replace("+asyncpg", ""))
        try:
            for statement in statements:
                await conn.execute(statement)
        finally:
            await conn.close()

    async def events(self) -> Events:
        """All that order-sync and inventory have said."""
        return {
            (each.topic, each.partition, each.offset): (dict(each.headers)["ce_type"].decode(), json.loads(each.value))
            for topic in ("orders.events", "inventory.events")
            for each in await self.records(topic)
        }

    async def records(self, topic: str) -> list[Any]:
        """All records of a topic."""
        servers = self.environ["LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"]
        found: list[Any] = []
        async with (
            Offsets(servers, self.environ["LONGSHORE_TOPIC_PREFIX"]) as offsets,
            AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest") as consumer,
        ):
            ends = await offsets.places(topic, "end")
            consumer.assign([TopicPartition(offsets.name(topic), number) for number in ends])
            while len(found) < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=1_000)).values():
                    found += records
        return found

    async def count(self, query: str) -> int:
        conn = await asyncpg.connect(self.environ["LONGSHORE_DATABASE_URL"].replace("+asyncpg", ""))
        try:
            found: int = await conn.fetchval(query)
        finally:
            await conn.close()
        return found


@pytest.fixture
async def woo() -> AsyncIterator[SimulatedWoo]:
    async with SimulatedWoo(WooConfig(products=10, sku_prefix=SKU_PREFIX)) as store:
        yield store


@pytest.fixture
async def shopify(shopify_port: int) -> AsyncIterator[SimulatedShopify]:
    config = ShopConfig("rebuild.myshopify.com", products=10, sku_prefix=SKU_PREFIX)
    async with SimulatedShopify(config, port=shopify_port) as store:
        yield store


@pytest.fixture
async def life(
    infra: Any, forks: ForkServer, database_url: str, stack_environ: dict[str, str], tmp_path: Path
) -> AsyncIterator[Life]:
    life = Life(
        tmp_path,
        dict(os.environ)
        | infra.environ
        | {
            "LONGSHORE_DATABASE_URL": database_url,
            "LONGSHORE_TOPIC_PREFIX": unique_prefix(),
            "LONGSHORE_HTTP_PORT": str(free_port()),
            "LONGSHORE_ALLOW_PRIVATE_STORES": "1",
            "LONGSHORE_TOPIC_PARTITIONS": FEW_PARTITIONS,
        }
        | stack_environ,
        forks.spawn,
    )
    yield life
    await life.stop()


async def traffic(hub: Hub, woo: SimulatedWoo, shopify: SimulatedShopify) -> None:
    """Something of everything: orders of both stores and of a custom channel, fulfilments, an adjustment, refunds, a
    merchant's own edit, a trashed order, one that is sold twice."""
    woo_store, shopify_store = await hub.connect_woo(woo), await hub.connect_shopify(shopify)
    await hub.settled()
    await asyncio.gather(place(woo.url, n=12, status="processing"), place(shopify.url, n=12))
    first = f"{SKU_PREFIX}0001"
    (shipped,) = await place(woo.url, sku=first, quantity=2, status="processing")
    (in_part,) = await place(shopify.url, sku=first, quantity=3, plain=True)
    (refunded,) = await place(woo.url, sku=first, quantity=1, status="processing")
    (trashed,) = await place(woo.url, sku=f"{SKU_PREFIX}0002", quantity=1, status="processing")
    whole = await known(hub, woo_store, shipped["id"])
    part = await known(hub, shopify_store, in_part["id"])
    await ship(hub, whole, "REBUILD-1", whole_lines(whole))
    await ship(hub, part, "REBUILD-2", [{"line_id": part["lines"][0]["id"], "quantity": 1}])
    await sell_over_the_counter(hub, first)
    await hub.post("inventory/adjustments", {"sku": first, "delta": 5, "reason": "found"})
    await sim(woo.url, f"orders/{refunded['id']}/refund", "POST", {})
    await sim(woo.url, f"orders/{trashed['id']}/trash", "POST", {})
    await sim(woo.url, "stock", "PUT", {"sku": f"{SKU_PREFIX}0003", "quantity": 7})
    await hub.post("inventory/adjustments", {"sku": f"{SKU_PREFIX}0004", "set": 1, "reason": "counted"})
    await hub.settled()
    await place(shopify.url, sku=f"{SKU_PREFIX}0004", quantity=1)
    await place(woo.url, sku=f"{SKU_PREFIX}0004", quantity=1, status="processing", force=True)

    async def in_step() -> bool:
        """The merchant's own edit has settled and is out, whatever buyers have taken meanwhile; and nothing waits
        at a store that would change what is compared."""
        assert await waiting_at_stores(woo, shopify) == 0
        await hub.settled()
        levels = await hub.all("inventory")
        assert await waiting_at_stores(woo, shopify) == 0
        return all(channel["in_sync"] for level in levels for channel in level["channels"])

    await eventually(in_step, timeout=60, interval=0.5)


async def waiting_at_stores(woo: SimulatedWoo, shopify: SimulatedShopify) -> int:
    """Deliveries that the stores have not made yet."""
    return sum([await undelivered(store.url) for store in (woo, shopify)])


async def sell_over_the_counter(hub: Hub, sku: str) -> None:
    """An order of a custom channel, sent twice as it went on, with a product and a customer of its own."""
    till = await hub.post("integrations", {"platform": "api", "name": "Till"})
    line = {"sku": sku, "quantity": 1, "unit_price": "9.90"}
    order = {"external_id": "T-1", "currency": "EUR", "placed_at": "2026-11-01T10:00:00Z", "lines": [line]}
    await hub.post(f"ingest/{till['id']}/orders", order, 202)
    await hub.post(f"ingest/{till['id']}/orders", order | {"tags": ["gift"]}, 202)
    product = {"external_id": "P-1", "title": "Mug", "variants": [{"sku": f"{SKU_PREFIX}MUG"}]}
    await hub.post(f"ingest/{till['id']}/products", product, 202)
    await hub.post(f"ingest/{till['id']}/stock", {"sku": f"{SKU_PREFIX}MUG", "quantity": 4}, 202)
    await hub.post(f"ingest/{till['id']}/customers", {"external_id": "C-1", "email": "c@example.com"}, 202)


async def erase_somebody(hub: Hub) -> str:
    """Erase the buyer of an order that was shipped; the order's id."""
    (order,) = [each for each in await hub.all("orders") if each["platform"] == "woocommerce" and each["fulfillments"]]
    assert buyer_of(order)[0]
    body = {"integration_id": order["integration_id"], "order_external_ids": [order["external_id"]]}
    await hub.post("privacy/erasures", body)
    await hub.settled()
    id: str = order["id"]
    assert buyer_of(await hub.get(f"orders/{id}")) == (None, None, [])
    return id


def buyer_of(order: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Who bought, as far as it is known: e-mail, street, notes."""
    customer, address = order["customer"] or {}, order["shipping_address"] or order["billing_address"] or {}
    return customer.get("email"), address.get("address1"), order["notes"]


async def writes(woo: SimulatedWoo, shopify: SimulatedShopify) -> dict[str, Any]:
    """All that was ever written at the stores."""
    return {
        "woo": ((await sim(woo.url, "state"))["stock_writes"], await sim(woo.url, "fulfilments")),
        "shopify": ((await sim(shopify.url, "state"))["stock"], await sim(shopify.url, "fulfillments")),
    }


async def shown_by(hub: Hub) -> dict[str, Any]:
    """What the API shows of it all, but times of the hub's own."""
    orders, levels = await hub.all("orders"), await hub.all("inventory")
    seen = ("status", "totals", "lines", "fulfillments", "refunds")
    return {
        "orders": {order["id"]: [order[each] for each in seen] for order in orders},
        "levels": {
            level["sku"]: [level[each] for each in ("on_hand", "reserved", "available")]
            + [channel["in_sync"] for channel in level["channels"]]
            for level in levels
        },
        "commands": sorted((each["id"], each["status"]) for each in await hub.all("commands")),
    }


class TestRebuild:
    async def test_the_same_state_no_store_is_written_to_and_what_comes_in_meanwhile_is_applied(
        self, life: Life, woo: SimulatedWoo, shopify: SimulatedShopify, long_form: bool
    ) -> None:
        hub = await life.start()
        await traffic(hub, woo, shopify)
        erased = await erase_somebody(hub)
        hashes, shown = await hub.get("system/state-hash"), await shown_by(hub)
        at_stores = await writes(woo, shopify)
        commands = await life.count("SELECT count(*) FROM inventory.commands")
        events = await life.events()
        if long_form:
            # Each waits for the service to leave its groups: that takes a while.
            await self.assert_refused_while_services_run(life)
        for lost in (False, True) if long_form else (False,):
            await life.stop()
            await rebuild.begin(life.data_dir, life.environ, spawn=life.spawn)
            assert await life.count("SELECT count(*) FROM order_sync.orders") == 0
            if lost:
                # What was decided and believed is known from the log alone.
                await life.execute(
                    "TRUNCATE order_sync.fulfillments, order_sync.commands, order_sync.order_facts",
                    "TRUNCATE inventory_rebuild.store_levels",
                )
            hub = await life.start()
            await hub.settled()
            if not lost:
                # Before the hashes, which do not tell what differs.
                assert await shown_by(hub) == shown
            assert await hub.get("system/state-hash") == hashes
            assert await writes(woo, shopify) == at_stores
            assert await life.count("SELECT count(*) FROM inventory.commands") == commands
            assert await life.count(UNDER_WAY) == 0
            # The raw log still holds who bought; the rebuilt state does not.
            assert buyer_of(await hub.get(f"orders/{erased}")) == (None, None, [])
            if not lost:
                assert await life.events() == events

        if long_form:
            await self.assert_what_comes_in_meanwhile_is_applied(life, woo, shopify)

    async def assert_refused_while_services_run(self, life: Life) -> None:
        stack = Stack(life.data_dir, life.environ, services=(), spawn=life.spawn)
        await stack.start()
        try:
            # At once: each waits for the service to leave its groups.
            ended = await asyncio.gather(
                *(stack.run_once(service, "rebuild") for service in BEHIND_GATEWAY), return_exceptions=True
            )
        finally:
            await stack.stop()
        assert [type(each) for each in ended] == [DevkitError] * len(BEHIND_GATEWAY)
        assert all("the rebuild did not begin" in str(each) for each in ended)
        assert await life.count(UNDER_WAY) == 0

    async def assert_what_comes_in_meanwhile_is_applied(
        self, life: Life, woo: SimulatedWoo, shopify: SimulatedShopify
    ) -> None:
        """It is told and pushed, and nothing else is."""
        hub = life.hub
        sku = f"{SKU_PREFIX}0006"
        before = (await sim(shopify.url, "state"))["stock"][sku]
        orders = len(await hub.all("orders"))
        events = await life.events()
        await life.stop()
        await rebuild.begin(life.data_dir, life.environ, spawn=life.spawn)
        # Only the gateway runs: deliveries are taken.
        gateway = Stack(life.data_dir, life.environ, services=(GATEWAY,), spawn=life.spawn)
        await gateway.start()
        try:
            (placed,) = await place(woo.url, sku=sku, quantity=2, status="processing")

            async def delivered() -> bool:
                key = f":{placed['id']}".encode()
                return any(each.key.endswith(key) for each in await life.records("raw.woocommerce"))

            await eventually(delivered, timeout=20)
        finally:
            await gateway.stop()
        hub = await life.start()
        await hub.settled()
        assert len(await hub.all("orders")) == orders + 1
        assert (await sim(shopify.url, "state"))["stock"][sku] == before - 2
        news = [each for place, each in (await life.events()).items() if place not in events]
        told = [body["external_id"] for kind, body in news if kind == OrderChanged.event_type]
        assert set(told) == {str(placed["id"])}
        assert [kind for kind, _ in news if kind == StockAdjusted.event_type] == []
