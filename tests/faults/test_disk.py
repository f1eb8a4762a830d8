"""Kafka's disk fills up: deliveries are refused before it is full, and are taken again when there is room.

Each class has a stack and a Kafka of its own, whose log directory is on a small disk.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import pytest

from longshore_devkit.background import LoopThread
from longshore_devkit.infra import KAFKA_VARIABLE, local_kafka
from longshore_devkit.loadgen import run_load
from longshore_devkit.ports import PortBook
from longshore_devkit.running import Running
from longshore_devkit.small_disk import MIB, SmallDisk, small_disk
from longshore_devkit.supervisor import Supervisor
from longshore_devkit.testing import eventually

from .conftest import LOAD

pytestmark = pytest.mark.e2e

SKUS = ("DISK-1", "DISK-2")
RATE = 200
PROBE = 900_000


@pytest.fixture(scope="class")
def disk(request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    with small_disk(request.cls.SIZE) as disk:
        if disk is None or (request.cls.OWN and not disk.own):
            pytest.skip("no disk in memory can be had here (it takes root to mount one)")
        yield disk


@pytest.fixture(scope="class")
def kafka(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A Kafka on that disk; its own log is elsewhere."""
    ports = PortBook(tmp_path_factory.mktemp("kafka") / "ports.json")
    local = dataclasses.replace(
        local_kafka(disk.path, ports, os.environ), log_file=tmp_path_factory.mktemp("kafka") / "kafka.log"
    )
    with LoopThread() as loop:
        supervisor = Supervisor([loop.call(local.spec())])
        running = Running(supervisor, loop)
        try:
            loop.call(supervisor.start())
            running.bootstrap_servers = local.bootstrap_servers  # type: ignore[attr-defined]
            yield running
        finally:
            loop.call(supervisor.stop())


@pytest.fixture(scope="class")
def stack(request: pytest.FixtureRequest, make_stack: Any, kafka: Any, disk: SmallDisk) -> Iterator[Any]:
    floor = request.cls.floor_mib(disk)
    more = {KAFKA_VARIABLE: kafka.bootstrap_servers, "LONGSHORE_MIN_FREE_DISK_MIB": str(floor)}
    with make_stack(more) as stack:
        stack.floor = floor
        yield stack


async def status_of(store: Any, n: int) -> int:
    return int((await store.post(store.body(n))).status_code)


@pytest.mark.long
class TestFloor:
    """In the short form services/gateway/tests/disk has it, in a gateway alone."""

    SIZE = 1_000 * MIB
    OWN = False

    @staticmethod
    def floor_mib(disk: SmallDisk) -> int:
        """400 MiB may be used from here on."""
        return disk.free // MIB - 400

    async def test_deliveries_are_refused_below_the_floor_and_taken_above(
        self, disk: SmallDisk, kafka: Any, hub: Any, mute: Any, account: Any, untouched: Any, stack: Any
    ) -> None:
        woo, shopify = await mute("woocommerce", SKUS), await mute("shopify", SKUS)
        starts = kafka.starts("kafka")
        for store in (woo, shopify):
            await store.deliver(range(100), copies=1)
        assert (await hub.settled())["refusing"] is None

        disk.fill(450 * MIB)

        async def refused() -> bool:
            answer = await woo.post(woo.body(PROBE))
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "60")
            return True

        await eventually(refused, timeout=20)
        # The same for every store, and nothing of it is stored.
        for store in (woo, shopify):
            result = await run_load(store.plan(range(100, 150), rate=RATE, copies=1))
            assert result.status_counts == {"503": 50}, result.as_dict()
        state = await hub.get("system")
        assert state["ready"]
        assert "Kafka's disk" in state["refusing"]
        # The API goes on, and what services say still reaches Kafka: it is little, and somebody has to look.
        await mute("woocommerce", SKUS)
        await hub.settled()

        disk.empty()
        await eventually(lambda: self.is_taken(woo), timeout=20)
        for store in (woo, shopify):
            await store.deliver(range(100, 200), copies=1)
        untouched()
        assert kafka.starts("kafka") == starts
        assert (await hub.get("system"))["refusing"] is None
        await account.assert_nothing_lost_on_the_way()
        await account.assert_exactly(shopify, range(200))
        await account.assert_exactly(woo, [*range(200), PROBE])

    async def is_taken(self, store: Any) -> bool:
        return await status_of(store, PROBE) == 200

    async def test_a_load_that_fills_the_disk_is_refused_while_kafka_lives(
        self, disk: SmallDisk, kafka: Any, hub: Any, mute: Any, account: Any, untouched: Any, stack: Any
    ) -> None:
        if not disk.own:
            pytest.skip("it takes root to mount a disk that can grow")
        store = await mute("woocommerce", SKUS)
        starts = kafka.starts("kafka")
        # A hundred MiB from the floor, or the load would last longer than it teaches.
        floor = stack.floor * MIB
        disk.fill(disk.free - floor - round(100 * LOAD) * MIB)
        orders = range(round(20_000 * LOAD))
        result = await run_load(store.plan(orders, rate=400 * LOAD, copies=1, connections=900, timeout_s=20))
        assert set(result.status_counts) == {"200", "503"}, result.as_dict()
        # All that was accepted goes on its way below the floor.
        state = await hub.settled(timeout=600)
        assert "Kafka's disk" in state["refusing"]
        assert kafka.starts("kafka") == starts
        assert floor - 100 * MIB < disk.free < floor
        disk.resize(2 * self.SIZE)
        await eventually(lambda: self.is_taken(store), timeout=20)
        untouched()
        await account.assert_nothing_lost_on_the_way()
        # What Kafka did not acknowledge in time, on a busy machine, may have been written all the same.
        found = {int(external_id) for external_id in await account.orders(store)}
        assert result.accepted_ids <= found, sorted(result.accepted_ids - found)
        first = store.order_id(0)
        await account.assert_exactly(store, sorted(order_id - first for order_id in found))


class TestFull:
    """Without a floor: what happens to a Kafka whose disk is full, and that nothing accepted is lost even so."""

    SIZE = 200 * MIB
    OWN = True

    @staticmethod
    def floor_mib(disk: SmallDisk) -> int:
        return 0

    @pytest.mark.long
    async def test_kafka_dies_and_all_comes_back_with_more_room(
        self, disk: SmallDisk, kafka: Any, mute: Any, account: Any, untouched: Any
    ) -> None:
        store = await mute("woocommerce", SKUS)
        orders = range(round(30_000 * LOAD))
        progress = store.progress()

        async def fill_and_make_room() -> None:
            await progress.reached(500)
            # Not by the load itself: a disk of a few MiB more or less would decide when.
            disk.fill(max(0, disk.free - 2 * MIB))
            # The broker ends, is started, finds no room, ends.
            await eventually(lambda: kafka.starts("kafka") > 2, timeout=120)
            assert await status_of(store, PROBE) == 503
            await asyncio.sleep(30)
            disk.empty()
            disk.resize(4_000 * MIB)

        plan = store.plan(orders, rate=RATE * LOAD, progress=progress, copies=1, connections=900, timeout_s=20)
        result, _ = await asyncio.gather(run_load(plan), fill_and_make_room())
        assert result.status_counts["503"] > 0, result.as_dict()
        assert set(result.status_counts) == {"200", "503"}, result.as_dict()
        await asyncio.to_thread(kafka.wait_ready)

        async def accepted() -> bool:
            return await status_of(store, PROBE) == 200

        await eventually(accepted, timeout=60)
        untouched()
        await account.assert_nothing_lost_on_the_way()
        found = {int(external_id) for external_id in await account.orders(store)}
        assert result.accepted_ids <= found, sorted(result.accepted_ids - found)
        first = store.order_id(0)
        await account.assert_exactly(store, sorted(order_id - first for order_id in found))
