"""Kafka and PostgreSQL are killed under load: what was answered 2xx is there, once, and all comes back by itself."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest

from longshore_devkit.loadgen import run_load
from longshore_devkit.testing import eventually

from .conftest import RATE

pytestmark = pytest.mark.e2e

PROBES = range(50_000, 50_100)


class TestKafka:
    async def test_killed_and_frozen_under_load(
        self, infra: Any, stores: Any, mute: Any, plenty: Any, account: Any, untouched: Any
    ) -> None:
        store = await mute("woocommerce", plenty)
        progress = store.progress()
        probes = iter(PROBES)
        orders = range(5 * RATE)

        async def faults() -> None:
            await progress.reached(RATE // 2)
            await asyncio.to_thread(infra.kill_and_wait, "kafka")
            await progress.reached(5 * RATE // 2)
            # A broker that hangs is worse than one that is gone: connections stand, nothing answers.
            await asyncio.to_thread(infra.signal, signal.SIGSTOP, "kafka")

            async def refused() -> bool:
                answer = await store.post(store.body(next(probes)))
                assert answer.status_code == 503, answer.status_code
                assert int(answer.headers["retry-after"]) > 0
                return True

            try:
                await eventually(refused, timeout=60)
            finally:
                await asyncio.to_thread(infra.kill_and_wait, "kafka")

        # One attempt each, as WooCommerce makes it, on so many connections that those that wait hold up no others.
        plan = store.plan(orders, rate=RATE, progress=progress, copies=1, connections=400, timeout_s=20)
        result, _ = await asyncio.gather(run_load(plan), faults())
        assert result.status_counts["503"] > 0
        assert set(result.status_counts) <= {"200", "503"}

        async def accepted_again() -> bool:
            return bool((await store.post(store.body(next(probes)))).status_code == 200)

        await eventually(accepted_again, timeout=60)
        untouched()
        await account.assert_nothing_lost_on_the_way()
        found = {int(external_id) for external_id in await account.orders(store)}
        assert result.accepted_ids <= found, sorted(result.accepted_ids - found)
        # A delivery that was refused may have been written all the same; what was never sent is not there.
        assert found <= result.accepted_ids | result.refused_ids | {store.order_id(n) for n in PROBES}
        first = store.order_id(0)
        there = sorted(order_id - first for order_id in found)
        await account.assert_exactly(store, there)
        await account.assert_stock(stores, store.pieces(there))
        untouched()


class TestPostgres:
    async def test_killed_under_load(
        self, infra: Any, stores: Any, mute: Any, plenty: Any, account: Any, untouched: Any
    ) -> None:
        woo, shopify = await mute("woocommerce", plenty), await mute("shopify", plenty)
        # The gateway needs PostgreSQL for no delivery of a store that it knows.
        for store in (woo, shopify):
            await store.deliver(range(10), copies=1)
        progress = woo.progress()
        orders = range(10, 10 + 2 * RATE)

        async def faults() -> None:
            for moment in (RATE // 4, 3 * RATE // 4, 5 * RATE // 4):
                await progress.reached(moment)
                await asyncio.to_thread(infra.kill_and_wait, "postgres")

        results = await asyncio.gather(
            run_load(woo.plan(orders, rate=RATE / 2, progress=progress, copies=1, timeout_s=20)),
            run_load(shopify.plan(orders, rate=RATE / 2, copies=1, timeout_s=20)),
            faults(),
        )
        # One attempt each, all accepted.
        for result in results[:2]:
            assert result.status_counts == {"200": len(orders)}, result.as_dict()
        untouched()
        await account.assert_nothing_lost_on_the_way()
        all_orders = range(orders.stop)
        for store in (woo, shopify):
            await account.assert_exactly(store, all_orders)
        sold = woo.pieces(all_orders) + shopify.pieces(all_orders)
        await account.assert_stock(stores, sold)
        untouched()
