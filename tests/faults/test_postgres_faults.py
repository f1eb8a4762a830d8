"""PostgreSQL throws everybody out again and again, or has no connection left: deliveries are taken, none is skipped."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from longshore_devkit.infra.postgres import asyncpg_dsn
from longshore_devkit.loadgen import run_load
from longshore_devkit.testing import eventually

from .conftest import LOAD, RATE

pytestmark = pytest.mark.e2e

SKUS = ("POSTGRES-1", "POSTGRES-2")

THROW_OUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"


@pytest.fixture
async def server(infra: Any) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside those of the services."""
    connection = await asyncpg.connect(asyncpg_dsn(infra.database_url))
    yield connection
    await connection.close()


async def throw_out(server: asyncpg.Connection, stack: Any) -> int:
    """End all sessions in the stack's database; how many there were."""
    return len(await server.fetch(THROW_OUT, stack.database_url.rpartition("/")[2]))


class TestFailedOver:
    async def test_all_sessions_are_ended_again_and_again_under_load(
        self, stack: Any, server: Any, mute: Any, account: Any, untouched: Any, seed: int, long_form: bool
    ) -> None:
        chance = random.Random(seed)
        stores = [await mute("woocommerce", SKUS), await mute("shopify", SKUS)]
        # The gateway asks PostgreSQL for no delivery of a store that it knows.
        known = range(10)
        for store in stores:
            await store.deliver(known, copies=1)
        orders = range(len(known), len(known) + (round(RATE * 60 * LOAD) if long_form else RATE * 2))
        rate = RATE * LOAD if long_form else RATE
        ended: list[int] = []

        async def fail_over() -> None:
            while True:
                await asyncio.sleep(chance.uniform(0.05, 0.8))
                ended.append(await throw_out(server, stack))

        failing = asyncio.create_task(fail_over())
        try:
            results = await asyncio.gather(
                *[run_load(store.plan(orders, rate=rate / 2, copies=1, timeout_s=20)) for store in stores]
            )
        finally:
            failing.cancel()
            await asyncio.gather(failing, return_exceptions=True)
        assert len(ended) > len(orders) / rate
        assert sum(ended) > len(ended)
        for result in results:
            assert result.status_counts == {"200": len(orders)}, result.as_dict()
        untouched()
        await account.assert_nothing_lost_on_the_way()
        for store in stores:
            await account.assert_exactly(store, range(orders.stop))


class Crowd:
    """Sessions of somebody else, as many as PostgreSQL takes."""

    def __init__(self, url: str) -> None:
        self._dsn = asyncpg_dsn(url)
        self._sessions: list[asyncpg.Connection] = []
        self._pushing: asyncio.Task[None] | None = None
        self.refused = 0

    async def push_in(self) -> None:
        """Take every connection that is or becomes free, until `leave`."""
        self._pushing = asyncio.create_task(self._push())
        await eventually(lambda: self.refused > 0, timeout=30)

    async def leave(self) -> None:
        """Give all back."""
        if self._pushing is not None:
            self._pushing.cancel()
            await asyncio.gather(self._pushing, return_exceptions=True)
        await asyncio.gather(*[each.close() for each in self._sessions])
        self._sessions.clear()

    async def _push(self) -> None:
        while True:
            try:
                self._sessions.append(await asyncpg.connect(self._dsn))
            except asyncpg.TooManyConnectionsError:
                self.refused += 1
                await asyncio.sleep(0.01)


@pytest.fixture
async def crowd(infra: Any) -> AsyncIterator[Crowd]:
    crowd = Crowd(infra.database_url)
    yield crowd
    await crowd.leave()


class TestConnectionsUsedUp:
    async def test_deliveries_are_taken_and_applied_when_there_is_room_again(
        self, stack: Any, hub: Any, server: Any, crowd: Any, mute: Any, account: Any, untouched: Any, long_form: bool
    ) -> None:
        stores = [await mute("woocommerce", SKUS), await mute("shopify", SKUS)]
        for store in stores:
            await store.deliver(range(10), copies=1)
        await hub.settled()
        await crowd.push_in()

        async def all_out() -> bool:
            await throw_out(server, stack)
            refused = crowd.refused
            await eventually(lambda: crowd.refused > refused, timeout=30, interval=0.01)
            # The crowd has what became free, unless a service was there before it.
            return await throw_out(server, stack) == 0

        await eventually(all_out, timeout=30)
        orders = range(10, 10 + RATE * (60 if long_form else 3))
        results = await asyncio.gather(
            *[run_load(store.plan(orders, rate=RATE / 2, copies=1, timeout_s=20)) for store in stores]
        )
        for result in results:
            assert result.status_counts == {"200": len(orders)}, result.as_dict()
        answer = await hub.client.get("/api/v1/orders", timeout=40)
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert crowd.refused > 10, "the services did not even try"
        await crowd.leave()

        async def answered() -> bool:
            with contextlib.suppress(AssertionError):
                await hub.get("orders", limit=1)
                return True
            return False

        await eventually(answered, timeout=60)
        untouched()
        await account.assert_nothing_lost_on_the_way()
        for store in stores:
            await account.assert_exactly(store, range(orders[-1] + 1))
