"""Several processes of the connector, one store: together they keep to what it bears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.contracts import Platform
from longshore.db import migrate
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.limits import Lease, SharedLimit, StoreLimits, Wanted
from longshore.platforms.protocols import Integration
from longshore_connector_shopify.app import SCHEMA
from longshore_connector_shopify.client.pacing import CostBucket, Rank
from longshore_devkit.stores.shopify.cost import Bucket
from longshore_devkit.testing import MakeDatabase

REQUESTED, SPENT, CALLS = 40, 25, 40


@pytest.fixture(scope="module")
def url(make_database: MakeDatabase) -> str:
    """A database with the connector's tables."""
    url = make_database()
    asyncio.run(migrate(url, Path(__file__).parents[2] / "migrations", SCHEMA))
    return url


@dataclass
class Counted:
    """A shared limit that counts how often it is asked."""

    limit: SharedLimit
    asked: int = 0

    async def take(self, wanted: Wanted) -> Lease | None:
        self.asked += 1
        return await self.limit.take(wanted)


@dataclass
class Process:
    """What a process of the connector has of its own: connections, leases, and what it knows of the store."""

    limits: StoreLimits
    asked: list[Counted] = field(default_factory=list)

    def bucket(self, store: Integration) -> CostBucket:
        self.asked.append(Counted(self.limits.of(store)))
        return CostBucket(shared=self.asked[-1])


@pytest.fixture
async def processes(url: str) -> AsyncIterator[list[Process]]:
    """Two of them."""
    engines = [create_async_engine(url) for _ in range(2)]
    found = []
    for engine in engines:
        limits = StoreLimits(SCHEMA)
        limits.use(engine)
        found.append(Process(limits))
    yield found
    for engine in engines:
        await engine.dispose()


def store() -> Integration:
    id, org = IntegrationId(uuid4()), OrgId(uuid4())
    return Integration(id, org, Platform.SHOPIFY, "Tea shop", "https://tea-shop.myshopify.com", {})


async def call(bucket: CostBucket, shop: Bucket, rank: Rank = Rank.READ) -> bool:
    """One call; whether the store has answered it."""
    taken = await bucket.take(REQUESTED, rank)
    await asyncio.sleep(0.002)
    answered = shop.available >= REQUESTED
    if answered:
        shop.spend(SPENT)
    bucket.settle(taken, shop.status(), spent=SPENT if answered else 0, rank=rank)
    return answered


async def run(buckets: list[CostBucket], shop: Bucket) -> int:
    """Each makes its calls as fast as it may; how often the store refused one."""

    async def work(bucket: CostBucket) -> int:
        answers = [await call(bucket, shop) for _ in range(CALLS)]
        return answers.count(False)

    return sum(await asyncio.gather(*(work(each) for each in buckets for _ in range(2))))


async def test_two_processes_are_throttled_no_more_than_one(processes: list[Process]) -> None:
    """Each of them knows of what the other takes."""
    integration = store()
    assert await run([each.bucket(integration) for each in processes], Bucket(4000.0, 1500.0)) == 0


async def test_few_calls_cost_a_look(processes: list[Process]) -> None:
    process, shop = processes[0], Bucket(1000.0, 10_000.0)
    bucket = process.bucket(store())
    for _ in range(40):
        assert await call(bucket, shop)
    assert process.asked[0].asked <= 4


async def test_stock_does_not_wait_for_what_another_process_reads(processes: list[Process]) -> None:
    """A backfill leaves a part of the bucket to what is more urgent, in whichever process."""
    integration = store()
    reading, pushing = (each.bucket(integration) for each in processes)
    shop = Bucket(1.0, 1000.0)
    assert await call(reading, shop, Rank.BACKFILL)
    while reading.wait_s(REQUESTED, Rank.BACKFILL) == 0:
        assert await call(reading, shop, Rank.BACKFILL)
    async with asyncio.timeout(10):
        assert await call(pushing, shop, Rank.STOCK)


async def test_no_more_is_given_than_is_there(processes: list[Process]) -> None:
    integration = store()
    wanted = Wanted(points=50, lease=100, kept=0, rate=0.001, capacity=1000)
    leases = await asyncio.gather(*(each.limits.of(integration).take(wanted) for each in processes for _ in range(20)))
    given = [each.points for each in leases if each is not None]
    assert sum(given) == pytest.approx(1000, abs=1)
    assert sorted(given)[:30] == [0] * 30
    # What is not needed goes back to all.
    back = Wanted(points=50, lease=50, kept=0, rate=0.001, capacity=1000, back=80)
    lease = await processes[1].limits.of(integration).take(back)
    assert lease is not None
    assert (lease.points, lease.left) == (50, pytest.approx(30, abs=1))


async def test_who_is_new_learns_what_the_store_bears(processes: list[Process]) -> None:
    integration = store()
    first, second = (each.limits.of(integration) for each in processes)
    await first.take(Wanted(points=1, lease=1, kept=0, rate=2000, capacity=40_000))
    lease = await second.take(Wanted(points=1, lease=1, kept=0, rate=100, capacity=2000, told=False))
    assert lease is not None
    assert (lease.rate, lease.capacity) == (2000, 40_000)
    assert lease.left > 30_000


async def test_without_its_database_a_process_paces_itself(processes: list[Process]) -> None:
    limits = StoreLimits(SCHEMA)
    engine = create_async_engine("postgresql+asyncpg://nobody:nothing@127.0.0.1:1/none")
    limits.use(engine)
    bucket = CostBucket(shared=limits.of(store()))
    assert await bucket.take(REQUESTED) == REQUESTED
    await engine.dispose()
