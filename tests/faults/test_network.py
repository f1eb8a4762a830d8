"""The lines between services, Kafka and PostgreSQL are slow, cut or swallow all: each goes through a proxy here.

This module has a stack and a Kafka of its own.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from longshore_devkit.background import LoopThread
from longshore_devkit.data_dir import DataDir
from longshore_devkit.loadgen import run_load
from longshore_devkit.network import Network
from longshore_devkit.testing import PATIENCE, eventually

from .conftest import LOAD, RATE

pytestmark = pytest.mark.e2e

SKUS = ("NET-1", "NET-2", "NET-3")
FORWARDED_WITHIN_S = 17.0
"""The gateway waits 15 s for a service behind it."""


@pytest.fixture(scope="module")
def network(make_database: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    network = Network(make_database(), DataDir(tmp_path_factory.mktemp("network")))
    with LoopThread() as loop:
        try:
            loop.call(network.start())
            yield network
        finally:
            loop.call(network.stop())


@pytest.fixture(scope="module")
def stack(make_stack: Any, network: Network) -> Iterator[Any]:
    with make_stack(network.environ, network.data_dir, service_environ=network.service_environ) as stack:
        yield stack


@pytest.fixture(autouse=True)
def healed(network: Network) -> Iterator[None]:
    """Whatever a test did to a line, and however it ended."""
    yield
    network.heal()


class TestAnyLine:
    async def test_lines_fail_at_random_moments_under_load(
        self, network: Network, mute: Any, account: Any, untouched: Any, seed: int, long_form: bool
    ) -> None:
        chance = random.Random(seed)
        # As many orders as last until all rounds are over.
        rounds, longest_s, each = (40, 20.0, round(40_000 * LOAD)) if long_form else (6, 1.2, 300)
        rate = RATE * LOAD if long_form else RATE
        stores = [await mute("woocommerce", SKUS), await mute("shopify", SKUS)]
        done = asyncio.Event()

        async def faults() -> None:
            kinds = ("cut", "black_hole", "slow", "close_after")
            for _ in range(rounds):
                names = chance.sample(sorted(network.lines), 3)
                for name in names:
                    self.break_it(network.lines[name], chance.choice(kinds), chance)
                await asyncio.sleep(chance.uniform(0.3, longest_s))
                for name in names:
                    network.lines[name].heal()
                await asyncio.sleep(chance.uniform(0.1, 0.5))
            done.set()

        # Repeated as Shopify does: what is answered 503 comes again.
        loads = [run_load(store.plan(range(each), rate=rate, retry_for_s=120, timeout_s=20)) for store in stores]
        *results, _ = await asyncio.gather(*loads, faults())
        assert done.is_set()
        for result in results:
            assert result.accepted == result.planned, result.as_dict()
        untouched()
        await account.assert_nothing_lost_on_the_way()
        for store in stores:
            await account.assert_exactly(store, range(each))

    def break_it(self, line: Any, kind: str, chance: random.Random) -> None:
        if kind == "slow":
            line.slow(latency_s=chance.uniform(0.01, 0.3), bytes_per_s=chance.choice([None, 200_000, 2_000_000]))
        elif kind == "close_after":
            line.close_after(chance.randrange(1, 100_000))
        else:
            getattr(line, kind)()


class TestKafka:
    async def test_a_gateway_that_does_not_reach_kafka_refuses_until_it_does(
        self, network: Network, mute: Any, account: Any, untouched: Any
    ) -> None:
        store = await mute("woocommerce", SKUS)
        await store.deliver(range(50), copies=1)
        line, sent = network.kafka["gateway"], [*range(50)]
        for number, break_it in enumerate((line.cut, line.black_hole)):
            break_it()
            first = 100 * (number + 1)

            async def refused(n: int = first) -> bool:
                began = time.monotonic()
                answer = await store.post(store.body(n))
                assert answer.status_code == 503, answer.status_code
                assert int(answer.headers["retry-after"]) > 0
                assert time.monotonic() - began < 5.0
                return True

            await eventually(refused, timeout=30)
            line.heal()

            async def accepted(n: int = first) -> bool:
                return bool((await store.post(store.body(n))).status_code == 200)

            await eventually(accepted, timeout=60)
            sent.append(first)
        untouched()
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(store, sent)

    async def test_consumers_cut_off_go_on_where_they_stood(
        self, network: Network, mute: Any, account: Any, untouched: Any, long_form: bool
    ) -> None:
        store = await mute("shopify", SKUS)
        lines = [line for name, line in network.kafka.items() if name != "gateway"]
        for number, kind in enumerate(("cut", "black_hole")):
            orders = range(100 * number, 100 * (number + 1))
            for line in lines:
                getattr(line, kind)()
            # The gateway has a line of its own: every delivery is taken, on the first attempt.
            await store.deliver(orders, copies=1)
            await asyncio.sleep(30.0 if long_form else 2.0)
            network.heal()
        untouched()
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(store, range(200))

    async def test_a_slow_line_costs_time_and_nothing_else(
        self, network: Network, mute: Any, account: Any, untouched: Any, long_form: bool
    ) -> None:
        store = await mute("woocommerce", SKUS)
        for line in network.kafka.values():
            line.slow(latency_s=0.1)
        orders = range(12_000 if long_form else 150)
        result = await run_load(store.plan(orders, rate=RATE, copies=1, connections=200))
        assert result.status_counts == {"200": len(orders)}, result.as_dict()
        assert result.latency.p50_ms >= 200, "the line was not slow"
        untouched()
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(store, orders)


class TestPostgres:
    async def test_a_slow_database_costs_time_and_nothing_else(
        self, network: Network, mute: Any, account: Any, untouched: Any, long_form: bool
    ) -> None:
        stores = [await mute("woocommerce", SKUS), await mute("shopify", SKUS)]
        # The gateway asks PostgreSQL for no delivery of a store that it knows.
        for store in stores:
            await store.deliver(range(5), copies=1)
        for line in network.postgres.values():
            line.slow(latency_s=0.05, bytes_per_s=1_000_000)
        orders = range(5, 6_000 if long_form else 60)
        results = await asyncio.gather(
            *[run_load(store.plan(orders, rate=RATE / 2, copies=1, connections=200)) for store in stores]
        )
        for result in results:
            assert result.status_counts == {"200": len(orders)}, result.as_dict()
        untouched()
        # Still slow: all is applied by and by.
        await account.assert_nothing_lost_on_the_way()
        for store in stores:
            await account.assert_exactly(store, range(orders.stop))

    async def test_a_database_that_answers_nothing_is_waited_for(
        self, network: Network, mute: Any, account: Any, untouched: Any, long_form: bool
    ) -> None:
        store = await mute("woocommerce", SKUS)
        await store.deliver(range(20), copies=1)
        for line in network.postgres.values():
            line.black_hole()
        await store.deliver(range(20, 200), copies=1)
        # Long: past the time-out of statements (60 s), so that connections are given up.
        await asyncio.sleep(90.0 if long_form else 2.0)
        await store.deliver(range(200, 250), copies=1)
        network.heal()
        untouched()
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(store, range(250))


class TestBehindTheGateway:
    async def test_a_service_that_is_not_reached_is_503_and_its_neighbours_answer(
        self, network: Network, hub: Any, mute: Any, account: Any, untouched: Any, long_form: bool
    ) -> None:
        store = await mute("woocommerce", SKUS)
        await store.deliver(range(20), copies=1)
        await hub.settled()
        # What swallows all is noticed after the gateway's time-out: that takes its time.
        kinds = {"cut": 2.0} | ({"black_hole": FORWARDED_WITHIN_S} if long_form else {})

        async def asked(path: str) -> httpx.Response:
            answer: httpx.Response = await hub.client.get(f"/api/v1/{path}", timeout=30)
            return answer

        async def away() -> dict[str, Any]:
            state: dict[str, Any] = await hub.get("system")
            assert [each["name"] for each in state["services"] if not each["ready"]] == ["order-sync"]
            return state

        for kind, within_s in kinds.items():
            getattr(network.behind["order-sync"], kind)()
            began = time.monotonic()
            answer = await asked("orders")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert answer.headers["content-type"] == "application/problem+json"
            assert time.monotonic() - began < within_s * PATIENCE
            assert (await asked("inventory")).status_code == 200
            assert not (await eventually(away))["settled"]
            network.behind["order-sync"].heal()
            assert (await asked("orders")).status_code == 200
        # Deliveries do not pass there.
        network.behind["order-sync"].cut()
        await store.deliver(range(20, 40), copies=1)
        network.heal()
        untouched()
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(store, range(40))
