"""PostgreSQL is away for minutes at full load: deliveries are taken all the time, memory stays flat, all is drained."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from longshore_devkit.loadgen import run_load
from longshore_devkit.testing import eventually

from .conftest import LOAD

pytestmark = pytest.mark.e2e

SKUS = ("PRESSURE-1", "PRESSURE-2", "PRESSURE-3")
MIB = 2**20

MOST_GROWTH_MIB = 160
"""What a service may need more than at a light load: prefetched records (two MiB for each partition), whole batches and
what they become, filled caches, its allocator's waste. It is the same after 300,000 deliveries and after 600,000 (149
MiB at most), which are 3 GB."""

MOST_KAFKA_MIB = 900
"""Its heap is bound to 512 MiB; beside it code, threads and buffers."""


class Memory:
    """Resident memory of processes, watched."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self.samples: list[dict[str, float]] = []

    def sample(self) -> dict[str, float]:
        """In MiB, by name, now."""
        found = {}
        for name, process in self._processes.items():
            with contextlib.suppress(psutil.NoSuchProcess):
                found[name] = process.memory_info().rss / MIB
        self.samples.append(found)
        return found

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Sample once a second."""

        async def watch() -> None:
            while True:
                self.sample()
                await asyncio.sleep(1.0)

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def peak(self, name: str) -> float:
        """The most that was seen."""
        return max(sample[name] for sample in self.samples if name in sample)


@pytest.fixture
def memory(stack: Any, infra: Any) -> Memory:
    """Of the five services and of Kafka."""
    pids = {name: stack.pid(name) for name in stack.names} | {"kafka": infra.pid("kafka")}
    assert None not in pids.values()
    return Memory(pids)


class TestPostgresAway:
    async def test_the_gateway_goes_on_and_nothing_grows_without_bound(
        self, stack: Any, infra: Any, hub: Any, mute: Any, account: Any, memory: Memory, long_form: bool
    ) -> None:
        # Long: the load that Longshore is made for; short: what a machine takes that is busy with other things.
        rate, away_s = (2_000 * LOAD, 300.0) if long_form else (200, 5.0)
        stores = [await mute("woocommerce", SKUS), await mute("shopify", SKUS)]
        starts = {name: stack.starts(name) for name in stack.names}
        # Warm: caches, pools and the allocators have what they need for a normal load.
        warm = range(600 if long_form else 200)
        for store in stores:
            await store.deliver(warm, copies=1)
        await hub.settled(timeout=120)
        before = memory.sample()

        orders = range(len(warm), len(warm) + int(rate / 2 * away_s))
        held = asyncio.Event()

        async def outage() -> float:
            await asyncio.to_thread(infra.hold, "postgres")
            began = time.monotonic()
            held.set()
            try:
                await asyncio.sleep(away_s)
            finally:
                await asyncio.to_thread(infra.release, "postgres")
            return time.monotonic() - began

        async def load(store: Any) -> Any:
            await held.wait()
            return await run_load(store.plan(orders, rate=rate / 2, copies=1, connections=64, timeout_s=20))

        async with memory.watched():
            *results, lasted = await asyncio.gather(*[load(store) for store in stores], outage())
            for result in results:
                assert result.status_counts == {"200": len(orders)}, result.as_dict()
            assert lasted >= away_s
            await asyncio.to_thread(infra.wait_ready, "postgres")

            async def drained() -> bool:
                return not any((await hub.get("system"))["lag"].values())

            # While it drains memory counts as well.
            await eventually(drained, timeout=3_600 if long_form else 180, interval=0.5)
        assert {name: stack.starts(name) for name in stack.names} == starts
        await account.assert_nothing_lost_on_the_way()
        for store in stores:
            await account.assert_exactly(store, range(orders[-1] + 1))
        grown = {name: round(memory.peak(name) - before[name]) for name in stack.names}
        print("grown by MiB:", grown, "Kafka's peak:", round(memory.peak("kafka")))  # noqa: T201  (shown with -s)
        assert max(grown.values()) <= MOST_GROWTH_MIB, grown
        assert memory.peak("kafka") <= MOST_KAFKA_MIB
