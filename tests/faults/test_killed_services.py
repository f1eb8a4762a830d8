"""Processes are killed, or asked to stop, in the middle of a load: nothing accepted is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from functools import partial
from typing import Any

import pytest

from longshore_devkit.loadgen import run_load
from longshore_devkit.testing import eventually

from .rawlog import digest_of, raw_deliveries

pytestmark = pytest.mark.e2e

SERVICES = ("gateway", "order-sync", "inventory", "connector-shopify", "connector-woo")
INFRASTRUCTURE = ("kafka", "postgres")
EACH = 1_000
"""Orders of each of the two platforms: 2,000 in all, two deliveries of each."""
AGAIN = range(100)
"""Of these each is delivered again, and to stores that nothing ever happened to."""

STOP_WITHIN_S = 10.0


@pytest.fixture
async def both(mute: Any, plenty: tuple[str, ...]) -> tuple[Any, Any]:
    """A WooCommerce and a Shopify store that sell the goods of the simulated ones, and are only their webhooks."""
    return await mute("woocommerce", plenty), await mute("shopify", plenty)


async def load_both(both: tuple[Any, Any], orders: range, rate: float, faults: Any) -> None:
    """Deliver to both at once, repeating as Shopify does until accepted, while `faults(progress)` does its worst."""
    progress, other = both[0].progress(), both[1].progress()
    woo, shopify, _ = await asyncio.gather(
        run_load(both[0].plan(orders, rate=rate, progress=progress, retry_for_s=300)),
        run_load(both[1].plan(orders, rate=rate, progress=other, retry_for_s=300)),
        faults(progress),
    )
    for store, result in zip(both, (woo, shopify), strict=True):
        assert result.accepted == result.planned, result.as_dict()
        assert result.accepted_ids == {store.order_id(n) for n in orders}


def sold_by(stores: tuple[Any, ...], orders: range) -> dict[str, int]:
    total: dict[str, int] = {}
    for store in stores:
        for sku, pieces in store.pieces(orders).items():
            total[sku] = total.get(sku, 0) + pieces
    return total


class TestKilled:
    async def test_each_service_in_the_middle_of_2000_orders(
        self,
        hub: Any,
        stack: Any,
        infra: Any,
        stores: Any,
        both: Any,
        account: Any,
        all_back: Any,
        mute: Any,
        seed: int,
    ) -> None:
        """And what they stand on. test_killed_anytime.py is the long form."""
        chance = random.Random(seed)
        order = chance.sample(SERVICES + INFRASTRUCTURE, 7)
        # In the middle: after the first tenth and before the last quarter, one after the other.
        moments = sorted(chance.sample(range(EACH // 10, EACH * 3 // 4), len(order)))
        starts = {name: stack.starts(name) for name in SERVICES}

        async def kill_all(progress: Any) -> None:
            for name, moment in zip(order, moments, strict=True):
                await progress.reached(moment)
                await asyncio.to_thread((infra if name in INFRASTRUCTURE else stack).signal, signal.SIGKILL, name)

        orders = range(EACH)
        await load_both(both, orders, 250, kill_all)
        await all_back()
        # Each was killed once, and nothing else has died.
        assert {name: stack.starts(name) - starts[name] for name in SERVICES} == dict.fromkeys(SERVICES, 1)
        await account.assert_nothing_lost_on_the_way()
        for store in both:
            assert (await raw_deliveries(stack, store)).keys() == {digest_of(store.body(n)) for n in orders}
            await account.assert_exactly(store, orders)
        sold = sold_by(both, orders)
        await account.assert_stock(stores, sold)

        # The same deliveries again, quietly, change nothing.
        before = await hub.get("system/state-hash")
        for store in both:
            await store.deliver(AGAIN, copies=1)
        await account.assert_nothing_lost_on_the_way()
        # Over all orders with their revisions' newest, all stock and all reservations.
        assert await hub.get("system/state-hash") == before

        # And to stores that nothing ever happened to: the orders are the same to the last field.
        quiet = await mute("woocommerce", both[0].skus), await mute("shopify", both[1].skus)
        for store in quiet:
            await store.deliver(AGAIN, copies=1)
        await account.assert_nothing_lost_on_the_way()
        for disturbed, undisturbed in zip(both, quiet, strict=True):
            same = await account.contents(undisturbed)
            assert len(same) == len(AGAIN)
            assert same.items() <= (await account.contents(disturbed)).items()
        more = sold_by(quiet, AGAIN)
        await account.assert_stock(stores, {sku: pieces + more.get(sku, 0) for sku, pieces in sold.items()})


@pytest.mark.long
class TestStopped:
    """In the short form test_upgrades.py has it, of every process of a stack."""

    async def test_sigterm_ends_each_service_in_time_and_loses_nothing(
        self, stack: Any, stores: Any, both: Any, account: Any, kill: Any, all_back: Any, seed: int
    ) -> None:
        order = random.Random(seed).sample(SERVICES, len(SERVICES))
        before = {name: len(stack.ends_of(name)) for name in SERVICES}
        asked: dict[str, float] = {}

        async def stop_all(progress: Any) -> None:
            for place, name in enumerate(order):
                await progress.reached(20 + 40 * place)
                asked[name] = time.monotonic()
                await kill(name, sig=signal.SIGTERM)

        def ended(name: str) -> bool:
            return len(stack.ends_of(name)) > before[name]

        orders = range(EACH, EACH + 240)
        await load_both(both, orders, 200, stop_all)
        for name in SERVICES:
            await eventually(partial(ended, name), timeout=60)
            (end,) = stack.ends_of(name)[before[name] :]
            assert end.detail == "with exit code 0", end
            assert end.at - asked[name] < STOP_WITHIN_S, end
        await all_back()
        await account.assert_nothing_lost_on_the_way()
        for store in both:
            await account.assert_exactly(store, orders)
        await account.assert_stock(stores, sold_by(both, orders))
