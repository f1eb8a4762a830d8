"""Any process is killed at any moment, Kafka and PostgreSQL too, while orders come in and parcels go out.

Judged by counting: deliveries answered 2xx = raw records = canonical orders, each parcel shipped once at the store, and
the state is that of a run in which nothing happened.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from longshore_devkit.loadgen import run_load
from longshore_devkit.testing import eventually

from .conftest import LOAD
from .rawlog import digest_of, raw_deliveries
from .shipping import (
    PIECES,
    ask,
    assert_shopify_shipped_once,
    assert_woo_shipped_once,
    each_of,
    place,
    sku_prefix,
)

# Its short forms are test_killed_services.py, test_outages.py and test_fulfilments.py.
pytestmark = [pytest.mark.e2e, pytest.mark.long]

SERVICES = ("gateway", "order-sync", "inventory", "connector-shopify", "connector-woo")
INFRASTRUCTURE = ("kafka", "postgres")


@dataclass(frozen=True)
class Size:
    """Of a run: times that each process is killed, orders of each platform (at least) and their rate per second,
    parcels of each store."""

    rounds: int
    orders: int
    rate: float
    parcels: int
    patience_s: float


LONG = Size(
    rounds=max(1, round(20 * LOAD)), orders=round(50_000 * LOAD), rate=110 * LOAD, parcels=200, patience_s=1_800
)
SLICE_S = 5


@pytest.fixture(scope="module")
def stack(make_stack: Any) -> Iterator[Any]:
    """With the settle window that Longshore has by itself: here processes are away for longer than the two seconds of
    the other tests, and what WooCommerce tells meanwhile is lost (docs/reliability.md: not promised)."""
    with make_stack({"LONGSHORE_STOCK_SETTLE_S": "30"}) as stack:
        yield stack


class TestKilledAnytime:
    async def test_every_process_while_orders_come_and_parcels_go(
        self,
        hub: Any,
        stack: Any,
        infra: Any,
        stores: Any,
        mute: Any,
        plenty: Any,
        account: Any,
        all_back: Any,
        seed: int,
    ) -> None:
        size = LONG
        chance = random.Random(seed)
        both = await mute("woocommerce", plenty), await mute("shopify", plenty)
        parcels = await self.place(hub, stores, size)
        ends = len(stack.ends)
        victims = chance.sample((SERVICES + INFRASTRUCTURE) * size.rounds, 7 * size.rounds)
        asks = await self.asks(hub, parcels)
        chance.shuffle(asks)

        async def kill_all() -> None:
            """Each once in a while, and parcels are asked for all the time."""
            async with asyncio.TaskGroup() as asking:
                for number, name in enumerate(victims):
                    for order, tracking in asks[number :: len(victims)]:
                        asking.create_task(ask(hub, order, tracking))
                    killed = infra if name in INFRASTRUCTURE else stack
                    # One that is just being started again has been killed enough: others may be down at the same time.
                    await asyncio.to_thread(killed.wait_ready, name)
                    await asyncio.sleep(chance.uniform(0, 3))
                    await asyncio.to_thread(killed.signal, signal.SIGKILL, name)

        killing = asyncio.create_task(kill_all())

        async def load(store: Any) -> range:
            """In slices, or a slow machine would have all of it before the first half of the kills."""
            sent = 0
            while sent < size.orders or not killing.done():
                orders = range(sent, sent + round(size.rate * SLICE_S))
                plan = store.plan(orders, rate=size.rate, copies=1, retry_for_s=size.patience_s, connections=200)
                result = await run_load(plan)
                assert result.accepted == result.planned == len(orders), result.as_dict()
                assert result.accepted_ids == {store.order_id(n) for n in orders}
                sent = orders.stop
            return range(sent)

        try:
            loads = await asyncio.gather(*[load(store) for store in both])
            await killing
        finally:
            killing.cancel()
        await all_back()
        # None by itself. (One that waits a minute for a Kafka that is away is killed by its supervisor, too.)
        assert {end.detail for end in stack.ends[ends:]} == {"by SIGKILL"}
        killed = Counter(end.name for end in stack.ends[ends:])
        assert all(killed[name] >= size.rounds for name in SERVICES), killed
        await account.assert_nothing_lost_on_the_way()

        repeated = 0
        for store, orders in zip(both, loads, strict=True):
            raw = await raw_deliveries(stack, store)
            assert raw.keys() == {digest_of(store.body(n)) for n in orders}
            repeated += raw.total() - len(raw)
            await account.assert_exactly(store, orders)
        await self.assert_shipped(hub, stores, parcels)
        sold = both[0].pieces(loads[0]) + both[1].pieces(loads[1])
        shipped = {sku_prefix(stores.woo) + sku: 2 * size.parcels * pieces for sku, pieces in PIECES.items()}
        await account.assert_stock(stores, sold, shipped)
        print(f"{len(victims)} kills, {sum(map(len, loads))} orders, {repeated} deliveries were kept twice")  # noqa: T201

        # Stores with the same orders that nothing ever happened to.
        quiet = await mute("woocommerce", both[0].skus), await mute("shopify", both[1].skus)
        for store, orders in zip(quiet, loads, strict=True):
            await store.deliver(orders, copies=1)
        await account.assert_nothing_lost_on_the_way()
        for disturbed, undisturbed in zip(both, quiet, strict=True):
            assert await account.contents(disturbed) == await account.contents(undisturbed)
        twice = Counter({sku: 2 * pieces for sku, pieces in sold.items()})
        await account.assert_stock(stores, twice, shipped)

    async def place(self, hub: Any, stores: Any, size: Size) -> dict[str, dict[str, str]]:
        """Orders at both stores that are to be shipped; waits until the hub has them."""
        wanted = {
            stores.woo_integration["id"]: await place(stores.woo, size.parcels, status="processing"),
            stores.shopify_integration["id"]: await place(stores.shopify, size.parcels),
        }
        await hub.settled(timeout=size.patience_s)
        return wanted

    async def asks(self, hub: Any, parcels: dict[str, dict[str, str]]) -> list[tuple[dict[str, Any], str]]:
        """What is to be shipped: each order with its tracking number."""
        orders = {
            (integration, order["external_id"]): order
            for integration in parcels
            for order in await hub.all("orders", integration_id=integration)
        }
        return [(orders[integration, external_id], number) for integration, external_id, number in each_of(parcels)]

    async def assert_shipped(self, hub: Any, stores: Any, parcels: dict[str, dict[str, str]]) -> None:
        """At the stores each once, and the hub knows."""

        async def all_fulfilled() -> bool:
            for integration in parcels:
                found = await hub.all("orders", integration_id=integration)
                assert {order["status"] for order in found} == {"fulfilled"}
                assert all(len(order["fulfillments"]) == 1 for order in found)
            return True

        async def all_told() -> bool:
            commands = [
                command
                for integration in parcels
                for command in await hub.all("commands", integration_id=integration)
                if command["type"] == "fulfillment.create"
            ]
            assert Counter(command["status"] for command in commands) == {"succeeded": len(each_of(parcels))}
            return True

        await eventually(all_fulfilled, timeout=180, interval=0.25)
        # A command whose answer was lost is tried again after a pause: later than its order shows.
        await eventually(all_told, timeout=180, interval=0.25)
        await assert_woo_shipped_once(stores.woo, parcels[stores.woo_integration["id"]])
        await assert_shopify_shipped_once(stores.shopify, parcels[stores.shopify_integration["id"]])
