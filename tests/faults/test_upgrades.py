"""Upgrades under load: every process is replaced, a migration comes in between, and no store notices.

This module has a stack of its own, with several processes of a service: while one is replaced the other goes on.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from longshore_devkit.loadgen import run_load
from longshore_devkit.metrics import Samples
from longshore_devkit.testing import PATIENCE, eventually

from .conftest import LOAD

pytestmark = pytest.mark.e2e

MIGRATIONS = Path(__file__).parents[2] / "services" / "order-sync" / "migrations"
STOP_WITHIN_S = 10.0
SERVICES = ("gateway", "order-sync", "inventory", "connector-shopify", "connector-woo")

REVISION = '''
"""A column that the version before knows nothing of, as CONTRIBUTING allows one: it has a default."""

from alembic import op
from sqlalchemy import Column, Integer

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("orders", Column("stars", Integer, nullable=False, server_default="5"), schema="order_sync")
'''


@pytest.fixture(scope="module")
def stack(make_stack: Any, long_form: bool) -> Iterator[Any]:
    """Of those that answer somebody under load two processes; in the long form of all."""
    doubled = SERVICES if long_form else ("gateway", "order-sync")
    with make_stack(processes=dict.fromkeys(doubled, 2)) as stack:
        yield stack


@pytest.fixture
def newer(tmp_path: Path) -> dict[str, Any]:
    """What makes order-sync the next version: the migrations that there are, and one more."""
    package = tmp_path / "longshore_order_sync"
    shutil.copytree(MIGRATIONS, package)
    newest = max(path.stem.partition("_")[0] for path in (package / "versions").glob("*.py"))
    text = REVISION.format(revision=f"{int(newest) + 1:04}", before=newest)
    (package / "versions" / f"{int(newest) + 1:04}_stars.py").write_text(text)
    return {"environ": {"LONGSHORE_MIGRATIONS_DIR": str(tmp_path)}}


@pytest.fixture
async def both(mute: Any, plenty: tuple[str, ...]) -> tuple[Any, Any]:
    return await mute("woocommerce", plenty), await mute("shopify", plenty)


class Readers:
    """People who look at their orders meanwhile: every answer has to be a good one."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._going = True
        self.answers: list[str] = []

    async def __aenter__(self) -> Readers:
        self._tasks = [
            asyncio.create_task(self._read(path)) for path in ("orders?limit=5", "integrations", "customers")
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _read(self, path: str) -> None:
        while self._going:
            try:
                answer = await self._hub.client.get(f"/api/v1/{path}")
                self.answers.append("200" if answer.status_code == 200 else f"{path}: {answer.text}")
            except httpx.HTTPError as error:
                self.answers.append(f"{path}: {type(error).__name__}")
            await asyncio.sleep(0.1)  # three of them, not a load test


async def load_until(stores: tuple[Any, Any], rate: float, first: int, work: Callable[[], Awaitable[None]]) -> int:
    """Deliver to both in slices of a second for as long as `work` takes, each delivery once, as WooCommerce does it.
    Every one has to be answered 200. Returns how many orders each store has had."""
    working = asyncio.create_task(work())  # type: ignore[arg-type]  # a coroutine
    sent = first
    while not working.done():
        orders = range(sent, sent + int(rate))
        results = await asyncio.gather(
            *[run_load(store.plan(orders, rate=rate, copies=1, timeout_s=20)) for store in stores]
        )
        for result in results:
            assert result.status_counts == {"200": len(orders)}, result.as_dict()
        sent = orders.stop
    await working
    return sent


class TestRollingRestart:
    async def test_every_process_and_a_migration_under_load(
        self,
        hub: Any,
        stack: Any,
        stores: Any,
        both: Any,
        account: Any,
        rows: Any,
        newer: Any,
        long_form: bool,
        seed: int,
    ) -> None:
        names = [name for service in SERVICES for name in stack.processes_of(service)]
        starts = {name: stack.starts(name) for name in names}
        firsts, seconds = list(SERVICES), [name for name in names if name not in SERVICES]
        random.Random(seed).shuffle(firsts)

        async def upgrade() -> None:
            stack.inject(order_sync=newer)
            # One process of each service: those that answer callers have a second one.
            await self.restart(stack, firsts)
            assert await self.has_column(rows)
            # The other order-sync is of the version before. It works on with the column, and starts once more with it.
            await self.works(stack, "order-sync-2")
            if long_form:
                stack.inject()
                await asyncio.to_thread(stack.restart, "order-sync-2")
                await self.works(stack, "order-sync-2")
                stack.inject(order_sync=newer)
            await self.restart(stack, seconds)

        async with Readers(hub) as readers:
            count = await load_until(both, 100 * LOAD if long_form else 40, 0, upgrade)
        assert {name: stack.starts(name) - starts[name] for name in names} == dict.fromkeys(names, 1) | {
            "order-sync-2": 2 if long_form else 1
        }
        assert readers.answers
        assert set(readers.answers) == {"200"}
        await account.assert_nothing_lost_on_the_way()
        for store in both:
            await account.assert_exactly(store, range(count))
        await account.assert_stock(stores, both[0].pieces(range(count)) + both[1].pieces(range(count)))
        (stars,) = await rows(
            "SELECT count(*) AS orders, count(*) FILTER (WHERE stars = 5) AS five FROM order_sync.orders"
        )
        assert stars["orders"] == stars["five"] >= 2 * count

    async def restart(self, stack: Any, names: list[str]) -> None:
        """SIGTERM to each, which ends it in order and in time; returns when all are ready again."""
        before = {name: len(stack.ends_of(name)) for name in names}
        asked: dict[str, float] = {}
        for name in names:
            asked[name] = time.monotonic()
            await asyncio.to_thread(stack.signal, signal.SIGTERM, name)
        for name in names:
            await eventually(lambda: len(stack.ends_of(name)) > before[name], timeout=60)  # noqa: B023  (awaited here)
            (end,) = stack.ends_of(name)[before[name] :]
            assert end.detail == "with exit code 0", end
            assert end.at - asked[name] < STOP_WITHIN_S * PATIENCE, end
        await asyncio.to_thread(stack.wait_ready, *names)

    async def has_column(self, rows: Any) -> bool:
        return bool(
            await rows(
                "SELECT 1 FROM information_schema.columns WHERE table_schema = 'order_sync' AND column_name = 'stars'"
            )
        )

    async def works(self, stack: Any, name: str) -> None:
        """Wait until a process has applied some more batches, none of them in vain."""

        async def batches() -> float:
            async with httpx.AsyncClient(timeout=20) as client:
                page = Samples([(await client.get(f"{stack.own_urls[name]}/metrics")).text])
            assert page.total("longshore_dead_letters_total") == 0
            return page.total("longshore_batch_records_count", group="order-sync.orders")

        before = await batches()

        async def more() -> bool:
            return await batches() >= before + 3

        await eventually(more, timeout=60)


@pytest.mark.long
class TestComeAndGo:
    async def test_processes_of_one_service_come_and_go(
        self, stack: Any, stores: Any, both: Any, account: Any, seed: int
    ) -> None:
        chance = random.Random(seed)
        doubled = [
            name for service in SERVICES for name in stack.processes_of(service) if stack.processes_of(service)[1:]
        ]

        async def storm() -> None:
            for _ in range(40):
                name = chance.choice(doubled)
                await asyncio.to_thread(stack.wait_ready, name)
                # A gateway that is killed takes the requests with it that it was answering: that is no upgrade.
                hard = not name.startswith("gateway") and chance.random() < 0.25
                await asyncio.to_thread(stack.signal, signal.SIGKILL if hard else signal.SIGTERM, name)
                await asyncio.sleep(2)

        count = await load_until(both, 100 * LOAD, 0, storm)
        await asyncio.to_thread(stack.wait_ready)
        await account.assert_nothing_lost_on_the_way()
        for store in both:
            await account.assert_exactly(store, range(count))
        await account.assert_stock(stores, both[0].pieces(range(count)) + both[1].pieces(range(count)))
