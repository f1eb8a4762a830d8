"""What is written with a change is published: all of it, in order, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from longshore import outbox
from longshore.broker import BrokerUnavailable, Message, MessageTooLarge, Producer, StreamMetrics, ensure_topics
from longshore.db import migrate
from longshore.outbox import OutboxRelay
from longshore_devkit.running import RunningInfra
from longshore_devkit.testing import MakeDatabase, eventually

SCHEMA = "warehouse"
TOPIC = "orders.events"


@pytest.fixture(scope="module")
def with_tables(make_database: MakeDatabase) -> str:
    """A database with a service's tables, to copy."""
    url = make_database()
    asyncio.run(migrate(url, Path(__file__).parent / "migrations", SCHEMA))
    return url


@pytest.fixture
def database_url(make_database: MakeDatabase, with_tables: str) -> str:
    return make_database(with_tables)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(database_url, pool_pre_ping=True)
    yield engine
    await engine.dispose()


class Published:
    """Stands for Kafka behind the producer's interface; can be told to refuse, or to die after publishing."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.batches: list[int] = []
        self.refuse = 0
        self.die_after_publishing = False

    async def send_many(self, messages: Sequence[Message]) -> None:
        if self.refuse:
            self.refuse -= 1
            raise BrokerUnavailable("not now")
        self.values += [each.value for each in messages]
        self.batches.append(len(messages))
        if self.die_after_publishing:
            self.die_after_publishing = False
            await asyncio.Event().wait()


def messages(start: int, stop: int) -> list[Message]:
    return [Message(TOPIC, f"k{n % 3}", str(n).encode(), {"ce_type": "t"}) for n in range(start, stop)]


def bodies(start: int, stop: int) -> list[bytes]:
    return [str(n).encode() for n in range(start, stop)]


async def add(engine: AsyncEngine, start: int, stop: int) -> None:
    async with engine.begin() as conn:
        await outbox.add(conn, SCHEMA, messages(start, stop))


def relay_of(engine: AsyncEngine, published: object, **options: float) -> OutboxRelay:
    return OutboxRelay(engine, SCHEMA, published, "tests", retry_s=0.02, **options)  # type: ignore[arg-type]


async def test_messages_keep_all_they_have(engine: AsyncEngine) -> None:
    org = uuid4()
    sent: list[Message] = []

    class Keeping(Published):
        async def send_many(self, messages: Sequence[Message]) -> None:
            sent.extend(messages)

    message = Message(TOPIC, "a:1", b"\x00\xff", {"longshore-org-id": str(org), "ce_type": 'Überweisung "x"'})
    async with engine.begin() as conn:
        await outbox.add(conn, SCHEMA, [message])
        assert await conn.scalar(text("SELECT org_id FROM warehouse.outbox")) == UUID(str(org))
    relay = relay_of(engine, Keeping())
    await relay.start()
    await eventually(lambda: sent)
    await relay.stop()
    assert sent == [message]


async def test_a_notification_wakes_the_relay_at_once(engine: AsyncEngine) -> None:
    published = Published()
    relay = relay_of(engine, published, poll_s=60)
    await relay.start()
    await eventually(lambda: relay.active)
    await add(engine, 0, 5)
    await eventually(lambda: published.values == bodies(0, 5), timeout=2)
    assert await eventually(lambda: _empty(relay))
    await relay.stop()


class Silence:
    """Withholds all but decisions, until it is over."""

    def __init__(self) -> None:
        self.over_after = 1_000_000
        self.asked = 0

    async def holds(self, raw: object) -> bool:
        self.asked += 1
        return self.asked <= self.over_after

    def keeps_back(self, headers: Mapping[str, str]) -> bool:
        return headers["ce_type"] != "decision"


async def test_what_is_withheld_is_dropped_and_decisions_are_said(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await outbox.add(conn, SCHEMA, [*messages(0, 5), Message(TOPIC, "k", b"said", {"ce_type": "decision"})])
    published = Published()
    relay = OutboxRelay(engine, SCHEMA, published, "tests", withhold=Silence())
    await relay.start()
    assert await eventually(lambda: _empty(relay))
    await relay.stop()
    assert published.values == [b"said"]


async def test_what_was_read_when_the_silence_ended_is_read_again(engine: AsyncEngine) -> None:
    await add(engine, 0, 5)
    silence = Silence()
    # Over between the two looks: what lies there by now is to be said.
    silence.over_after = 1
    published = Published()
    relay = OutboxRelay(engine, SCHEMA, published, "tests", withhold=silence)
    await relay.start()
    await eventually(lambda: published.values == bodies(0, 5))
    await relay.stop()


async def test_what_was_rolled_back_is_never_said(engine: AsyncEngine) -> None:
    published = Published()
    relay = relay_of(engine, published, poll_s=0.05)
    await relay.start()

    async def fail() -> None:
        async with engine.begin() as conn:
            await outbox.add(conn, SCHEMA, messages(0, 5))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await add(engine, 5, 6)
    await eventually(lambda: published.values)
    await relay.stop()
    assert published.values == [b"5"]


async def test_a_backlog_goes_out_in_order_and_in_bulk(engine: AsyncEngine) -> None:
    await add(engine, 0, 2500)
    published, metrics = Published(), StreamMetrics()
    relay = OutboxRelay(engine, SCHEMA, published, "tests", metrics=metrics)
    assert await relay.pending() == 2500
    await relay.start()
    await eventually(lambda: len(published.values) == 2500)
    assert published.values == bodies(0, 2500)
    assert published.batches == [1000, 1000, 500]
    await eventually(lambda: _empty(relay))
    published_total = partial(
        metrics.registry.get_sample_value, "longshore_outbox_published_total", {"service": "tests"}
    )
    # The row is gone a moment before it is counted.
    await eventually(lambda: published_total() == 2500)
    await relay.stop()
    assert metrics.registry.get_sample_value("longshore_outbox_pending", {"service": "tests"}) == 0


async def test_dying_between_publishing_and_deleting_doubles_but_loses_nothing(engine: AsyncEngine) -> None:
    await add(engine, 0, 10)
    published = Published()
    published.die_after_publishing = True
    first = relay_of(engine, published)
    await first.start()
    await eventually(lambda: published.values)
    await first.stop()
    assert await first.pending() == 10
    second = relay_of(engine, published)
    await second.start()
    await eventually(lambda: len(published.values) == 20)
    await second.stop()
    assert published.values == bodies(0, 10) * 2


async def test_while_kafka_refuses_nothing_is_deleted(engine: AsyncEngine) -> None:
    await add(engine, 0, 10)
    published = Published()
    published.refuse = 3
    relay = relay_of(engine, published)
    await relay.start()
    await eventually(lambda: published.values == bodies(0, 10))
    await relay.stop()


async def gone(relay: OutboxRelay) -> bool:
    return await relay.pending() == 0


async def test_of_two_relays_one_is_active_and_the_other_takes_over(engine: AsyncEngine) -> None:
    one, two = Published(), Published()
    first, second = relay_of(engine, one), relay_of(engine, two)
    await first.start()
    await eventually(lambda: first.active)
    await second.start()
    await add(engine, 0, 10)
    # Published and taken out: stopped between the two, the other would rightly publish them again.
    await eventually(lambda: gone(first))
    assert not second.active
    await first.stop()
    await eventually(lambda: second.active)
    await add(engine, 10, 20)
    await eventually(lambda: two.values == bodies(10, 20))
    await second.stop()
    assert one.values == bodies(0, 10)


async def test_a_late_commit_with_a_lower_id_is_not_left_behind(engine: AsyncEngine) -> None:
    published = Published()
    relay = relay_of(engine, published, poll_s=60)
    await relay.start()
    async with engine.begin() as slow:
        await outbox.add(slow, SCHEMA, messages(0, 1))
        await add(engine, 1, 2)
        await eventually(lambda: published.values == [b"1"])
    await eventually(lambda: published.values == [b"1", b"0"])
    await relay.stop()


async def test_a_message_that_kafka_would_never_take_is_refused_in_the_transaction(engine: AsyncEngine) -> None:
    with pytest.raises(MessageTooLarge):
        async with engine.begin() as conn:
            await outbox.add(conn, SCHEMA, [Message(TOPIC, "k", b"x" * 10 * 1024 * 1024)])


async def test_restarts_of_postgresql_and_kafka_lose_nothing_and_keep_order(
    engine: AsyncEngine, infra: RunningInfra, bootstrap_servers: str, topic_prefix: str
) -> None:
    await ensure_topics(bootstrap_servers, topic_prefix, [TOPIC], 2)
    async with Producer(bootstrap_servers, topic_prefix) as producer:
        await producer.wait_connected()
        relay = OutboxRelay(engine, SCHEMA, producer, "tests", retry_s=0.05)
        await relay.start()
        await add(engine, 0, 1500)
        await asyncio.to_thread(infra.signal, signal.SIGKILL, "kafka")
        await add(engine, 1500, 3000)
        await asyncio.to_thread(infra.kill_and_wait, "postgres")
        await asyncio.to_thread(infra.wait_ready, "kafka")
        await add(engine, 3000, 4000)
        await eventually(lambda: _empty(relay), timeout=30)
        await relay.stop()
    by_key = await _read(bootstrap_servers, topic_prefix + TOPIC, 4000)
    for key, values in by_key.items():
        # Duplicates are allowed; the first sight of each must be in order.
        firsts = list(dict.fromkeys(values))
        assert firsts == [n for n in range(4000) if f"k{n % 3}" == key]


async def _empty(relay: OutboxRelay) -> bool:
    return await relay.pending() == 0


async def _read(bootstrap_servers: str, topic: str, distinct: int) -> dict[str, list[int]]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    by_key: dict[str, list[int]] = {}
    try:
        async with asyncio.timeout(20):
            while sum(len(set(values)) for values in by_key.values()) < distinct:
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    for record in batch:
                        by_key.setdefault(record.key.decode(), []).append(int(record.value))
    finally:
        await consumer.stop()
    return by_key
