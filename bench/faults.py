"""Faults: half an hour of random ones at the simulated Shopify store: nothing is lost, nothing written twice, and money
reconciles.

At the connector's client, so that thousands of faults fit into seconds. The short form is a test
(tests/faults/test_shopify_store.py).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID, uuid4

from bench.benchmark import Benchmark, Figure, Found
from longshore.contracts import (
    CommandLine,
    FulfillmentCreate,
    OrderSnapshot,
    Platform,
    StockSet,
    Tracking,
)
from longshore.ids import uuid7
from longshore.platforms.protocols import FetchedEntity, StoreUnavailable, SyncRequest
from longshore_connector_shopify.client import ShopifyClient
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.pacing import CostBucket
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.moving_clock import MovingClock
from longshore_devkit.raw_records import raw_record
from longshore_devkit.stores.common import Faults
from longshore_devkit.stores.shopify.buyers import Habits
from longshore_devkit.stores.shopify.model import Order
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig, ShopError

LONG_S = 30.0 * 60
DOMAIN = "demo-shop.myshopify.com"
KINDS = (
    "error_rate_429",
    "error_rate_5xx",
    "down_rate",
    "drop_after_write_rate",
    "truncated_rate",
    "html_rate",
    "warning_rate",
)
EVERYTHING = Habits(
    order_discount=0.5, line_discount=0.4, shipping_discount=0.3, tip=0.3, duties=0.3, presentment=0.3, unpaid=0.15
)
STEPS = 150
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Met:
    """What came of a round: faults that the hub met, orders read to the cent, shipments that are there once."""

    faults: int
    orders: int
    shipments: int


class Round:
    """A shop with some history and a hub's client that keeps asking, as the kit's jobs do."""

    def __init__(self, sim: SimulatedShopify, rng: random.Random) -> None:
        self.sim, self.shop, self.rng = sim, sim.shop(), rng
        self.failures = 0
        self.client = self._client()

    def _client(self) -> ShopifyClient:
        bucket = CostBucket(time := MovingClock(), time.sleep)
        token = self.shop.config.access_token
        api = AdminApi(DOMAIN, token, origin=self.sim.url, sleep=time.sleep, bucket=bucket)
        return ShopifyClient(api, dict.fromkeys(("orders", "products", "customers", "inventory"), 0))

    async def until_done(self, call: Callable[[ShopifyClient], Awaitable[Answer]]) -> Answer:
        """As the queue: again after each passing fault, at times by a process that knows nothing of before."""
        while True:
            try:
                return await call(self.client)
            except StoreUnavailable:
                self.failures += 1
                assert self.failures < 100_000
                if self.rng.random() < 0.2:
                    await self.client.close()
                    self.client = self._client()

    async def ship(self, order: Order, known: dict[UUID, tuple[Order, int]]) -> None:
        line = next((each for each in order.lines if each.fulfillable and each.requires_shipping), None)
        if line is None:
            return
        command = FulfillmentCreate(
            order_id=uuid4(),
            order_external_id=str(order.id),
            fulfillment_id=uuid7(),
            lines=[CommandLine(line_id=uuid4(), external_id=str(line.id), quantity=1)],
            tracking=Tracking(number=f"1Z{self.rng.randrange(10**9)}", carrier="UPS"),
        )
        before = len(order.fulfillments)
        await self.until_done(lambda client: client.create_fulfillment(command))
        assert len(order.fulfillments) == before + 1
        known[command.fulfillment_id] = (order, line.id)

    async def push(self) -> None:
        variant = self.rng.choice([each for each in self.shop.variants if each.sku])
        wanted = self.rng.randrange(1, 500)
        target = StockSet(
            listing_id=uuid4(),
            sequence=1,
            sku=variant.sku or "",
            variant_external_id=str(variant.id),
            inventory_external_id=str(variant.inventory_item_id),
            quantity=wanted,
        )
        while True:
            (result,) = await self.until_done(lambda client: client.set_stock([target]))
            if result.error is None:
                break
            assert result.retry, result
        assert variant.available == wanted

    async def read_all(self, resource: Any) -> list[FetchedEntity]:
        request, cursor, found = SyncRequest(resource, key=str(uuid7())), None, list[FetchedEntity]()
        while True:
            at = cursor
            page = await self.until_done(lambda client: client.sync_page(request, at))  # noqa: B023  (awaited here)
            found += page.entities
            assert not page.failed
            cursor = page.cursor
            if cursor is None:
                return found


def _snapshot(entity: FetchedEntity, received_at: Any) -> OrderSnapshot:
    record = raw_record(
        Platform.SHOPIFY,
        entity.body,
        resource="order",
        external_id=entity.external_id,
        gone=entity.gone,
        received_at=received_at,
    )
    (event,) = ShopifyTranslator().translate(record).events
    assert isinstance(event, OrderSnapshot)
    return event


async def play(seed: int, steps: int, until: float = inf) -> Met:
    """So many steps of a shop, or those that begin before `until` (monotonic); what was met. Raises AssertionError if
    something was lost, written twice, or does not add up."""
    rng = random.Random(seed)
    config = ShopConfig(domain=DOMAIN, products=15, plan="enterprise", seed=seed, habits=EVERYTHING)
    faults = Faults(retry_after_s=0)
    async with SimulatedShopify(config, faults=faults) as sim:
        here = Round(sim, rng)
        shipped: dict[UUID, tuple[Order, int]] = {}
        try:
            for _ in range(steps):
                if monotonic() > until:
                    break
                faults.update({kind: rng.choice((0, 0, rng.random() * 0.25)) for kind in KINDS})
                order = here.shop.place_order()
                with suppress(ShopError):
                    match rng.randrange(8):
                        case 0:
                            here.shop.refund(order.id)
                        case 1:
                            here.shop.edit(order.id)
                        case 2:
                            here.shop.cancel(order.id)
                        case 3 | 4 | 5:
                            await here.ship(order, shipped)
                        case _:
                            await here.push()
            read = {each.external_id: each for each in await here.read_all("orders")}
            # Nothing lost, nothing that is not there.
            assert read.keys() == {str(id) for id in here.shop.orders}
            for order in here.shop.orders.values():
                snapshot = _snapshot(read[str(order.id)], here.shop.now())
                assert snapshot.reconciled, snapshot.discrepancies
                assert len(snapshot.fulfillments) == len(order.fulfillments)
            # Nothing written twice: each command shipped one piece.
            pieces = sum(line.fulfilled for order in here.shop.orders.values() for line in order.lines)
            assert pieces == len(shipped)
        finally:
            faults.update(dict.fromkeys(KINDS, 0.0))
            await here.client.close()
        return Met(here.failures, len(here.shop.orders), len(shipped))


async def run(*, quick: bool) -> Found:
    """Rounds until half an hour is over; quick: half a minute. There is no reference: it has to come through."""
    seconds = 30.0 if quick else LONG_S
    began, rounds = monotonic(), list[Met]()
    while monotonic() - began < seconds:
        rounds.append(await play(100 + len(rounds), STEPS, began + seconds))
    return {
        "seconds": round(monotonic() - began),
        "rounds": len(rounds),
        "faults": sum(each.faults for each in rounds),
        "orders": sum(each.orders for each in rounds),
        "shipments": sum(each.shipments for each in rounds),
    }


def section(found: Found) -> str:
    """For bench/README.md."""
    return (
        f"{found['seconds']:,} s of random faults (answers lost after the write, cut, throttled, HTML, 5xx) in"
        f" {found['rounds']:,} rounds of a shop that sells, edits, cancels and pays back: {found['faults']:,} faults"
        f" were met. All {found['orders']:,} orders were read and reconcile, each of {found['shipments']:,} shipments"
        " is at the store once, each quantity is the one that was set. A run that finds otherwise fails, and publishes"
        " nothing."
    )


def figures(found: Found) -> Sequence[Figure]:
    """What is compared between two runs."""
    return [Figure("orders under faults, per minute", found["orders"] / found["seconds"] * 60)]


BENCHMARK = Benchmark(
    name="faults",
    about="half an hour of random faults at the simulated Shopify store: nothing lost, nothing twice",
    minutes=31,
    run=run,
    section=section,
    figures=figures,
)
