"""A storm of rebalances: consumers join and leave all the time, some without a word; each record takes effect once.

The test to beat is taskbroker's (integration_tests/test_consumer_rebalancing.py): 100,000 messages, 8 consumers.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from longshore.broker import Message, Producer, TopicSpec, ensure_topics
from longshore_devkit.forking import ForkServer
from longshore_devkit.processes import Process, ProcessSpec, kill_group
from longshore_devkit.testing import eventually

from .storm_process import KEYS, TABLES

PROGRAM = Path(__file__).with_name("storm_process.py")
TOPIC = TopicSpec("storm")
GROUP = "storm.consumers"
CHUNK = 100

STANDSTILL_S = 30.0
"""A member that is killed is missed after ten seconds; until then the others cannot divide its partitions."""


@dataclass(frozen=True)
class Storm:
    """How bad. One member leaves, or comes back, every `every_s` seconds until all `messages` are sent."""

    messages: int
    members: int
    partitions: int
    changes: int
    kills: int
    every_s: float


SHORT = Storm(messages=4_000, members=3, partitions=6, changes=4, kills=0, every_s=0.8)
LONG = Storm(messages=100_000, members=8, partitions=16, changes=60, kills=4, every_s=2.0)


class Members:
    """The processes of the group."""

    def __init__(self, forks: ForkServer, *args: str) -> None:
        self._forks = forks
        self._args = args
        self._count = 0
        self.alive: dict[str, Process] = {}
        self.codes: list[int] = []

    async def join(self) -> str:
        self._count += 1
        name = f"member-{self._count}"
        self.alive[name] = await self._forks.spawn(ProcessSpec(name, (sys.executable, str(PROGRAM), *self._args, name)))
        return name

    async def leave(self, name: str, *, kill: bool) -> None:
        process = self.alive.pop(name)
        os.kill(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 30)
        if not kill:
            self.codes.append(code)

    async def close(self) -> None:
        for process in self.alive.values():
            kill_group(process.pid)
            await process.wait()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url.replace("postgresql+asyncpg://", "postgresql://"))
    await connection.execute(TABLES)
    yield connection
    await connection.close()


@pytest.fixture
def storm(long_form: bool) -> Storm:
    return LONG if long_form else SHORT


@pytest.fixture
async def members(
    storm: Storm, forks: ForkServer, bootstrap_servers: str, topic_prefix: str, database_url: str
) -> AsyncIterator[Members]:
    await ensure_topics(bootstrap_servers, topic_prefix, [TOPIC], storm.partitions)
    members = Members(forks, bootstrap_servers, topic_prefix, database_url, TOPIC.name, GROUP)
    yield members
    await members.close()


class TestStorm:
    async def test_each_record_takes_effect_once_and_nobody_stands_still(
        self, storm: Storm, members: Members, database: Any, bootstrap_servers: str, topic_prefix: str, seed: int
    ) -> None:
        chance = random.Random(seed)
        async with Producer(bootstrap_servers, topic_prefix) as producer:
            await producer.wait_connected()
            await asyncio.gather(*[members.join() for _ in range(storm.members)])
            await asyncio.gather(self.send(producer, storm), self.rage(members, storm, chance))
            while len(members.alive) < storm.members:
                await members.join()
            await eventually(lambda: self.applied(database, storm.messages), timeout=180, interval=0.1)
            # After the storm all partitions are divided, and whoever has some works.
            await eventually(lambda: self.each_works(producer, database, members, storm), timeout=90)
        sent = await self.assert_once(database)
        await self.assert_offsets_at_the_end(bootstrap_servers, topic_prefix, storm.partitions, sent)
        # Some were told to leave before they had begun.
        assert set(members.codes) <= {0, -signal.SIGTERM}
        gap = await database.fetchval(
            "SELECT max(extract(epoch FROM at - before))::float8"
            " FROM (SELECT at, lag(at) OVER (ORDER BY at) AS before FROM batches) AS pairs"
        )
        assert gap < STANDSTILL_S, gap
        taken = await database.fetchval("SELECT sum(records) FROM batches")
        print(f"{sent} records, {taken - sent} taken twice, longest standstill {gap:.1f} s")  # noqa: T201

    async def send(self, producer: Producer, storm: Storm) -> None:
        """All messages, evenly over the storm: there is work to do whenever somebody comes or goes."""
        chunks = range(0, storm.messages, CHUNK)
        pause = storm.changes * storm.every_s / len(chunks)
        for first in chunks:
            await self.send_some(producer, range(first, min(first + CHUNK, storm.messages)))
            await asyncio.sleep(pause)

    @staticmethod
    async def send_some(producer: Producer, numbers: range) -> None:
        await producer.send_many([Message(TOPIC.name, f"key-{n % KEYS}", str(n).encode()) for n in numbers])

    async def rage(self, members: Members, storm: Storm, chance: random.Random) -> None:
        kills = set(chance.sample(range(storm.changes), storm.kills))
        for change in range(storm.changes):
            await asyncio.sleep(storm.every_s)
            if change in kills:
                await members.leave(chance.choice(list(members.alive)), kill=True)
            elif len(members.alive) == storm.members or (len(members.alive) > 1 and chance.random() < 0.5):
                await members.leave(chance.choice(list(members.alive)), kill=False)
            else:
                await members.join()

    async def applied(self, database: Any, messages: int) -> bool:
        return bool(await database.fetchval("SELECT count(*) FROM applied") >= messages)

    async def each_works(self, producer: Producer, database: Any, members: Members, storm: Storm) -> bool:
        """Send some more to all partitions; whether every member took some of it."""
        start = await database.fetchval("SELECT clock_timestamp()")
        sent = await database.fetchval("SELECT max(id) + 1 FROM applied")
        await self.send_some(producer, range(sent, sent + 4 * KEYS))
        await eventually(lambda: self.applied(database, sent + 4 * KEYS), timeout=30)
        workers = await database.fetch("SELECT DISTINCT worker FROM batches WHERE at > $1", start)
        return {row["worker"] for row in workers} == set(members.alive)

    async def assert_once(self, database: Any) -> int:
        """Of all that was sent nothing is missing and nothing counted twice; how many that is."""
        sent: int = await database.fetchval("SELECT max(id) + 1 FROM applied")
        assert await database.fetchval("SELECT count(*) FROM applied") == sent
        totals = {row["key"]: (row["records"], row["sum"]) for row in await database.fetch("SELECT * FROM totals")}
        expected = {key: range(key, sent, KEYS) for key in range(KEYS)}
        assert totals == {key: (len(numbers), sum(numbers)) for key, numbers in expected.items()}
        return sent

    async def assert_offsets_at_the_end(self, servers: str, prefix: str, partitions: int, sent: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        consumer = AIOKafkaConsumer(bootstrap_servers=servers)
        await admin.start()
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(prefix + TOPIC.name, n) for n in range(partitions)])
            assert sum(ends.values()) == sent

            async def committed() -> bool:
                offsets = await admin.list_consumer_group_offsets(prefix + GROUP)
                assert {each: found.offset for each, found in offsets.items()} == {
                    each: end for each, end in ends.items() if end
                }
                return True

            await eventually(committed, timeout=30)
        finally:
            await consumer.stop()
            await admin.close()
