"""Sending: acknowledged, bounded in time and memory, and back by itself after Kafka's outages."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka import AIOKafkaConsumer

from longshore.broker import (
    BrokerUnavailable,
    EncodedMessage,
    Message,
    MessageTooLarge,
    Producer,
    ensure_topics,
)
from longshore.broker.producer import MAX_REQUEST_SIZE, SEND_S
from longshore_devkit.running import RunningInfra
from longshore_devkit.testing import eventually

TOPIC = "raw.woocommerce"


def message(n: int = 0) -> Message:
    return Message(TOPIC, f"k{n}", b"x" * 100, {"n": str(n)})


@pytest.fixture
async def producer(bootstrap_servers: str, topic_prefix: str) -> AsyncIterator[Producer]:
    await ensure_topics(bootstrap_servers, topic_prefix, [TOPIC], 2)
    async with Producer(bootstrap_servers, topic_prefix, delivery_timeout_s=4) as producer:
        await producer.wait_connected()
        yield producer


@contextlib.contextmanager
def frozen_kafka(infra: RunningInfra) -> Iterator[None]:
    """Kafka keeps its connections and answers nothing."""
    infra.signal(signal.SIGSTOP, "kafka")
    try:
        yield
    finally:
        infra.signal(signal.SIGCONT, "kafka")


async def test_while_kafka_is_absent_sends_fail_at_once() -> None:
    async with Producer("127.0.0.1:1") as producer:
        assert not producer.connected
        started = time.monotonic()
        with pytest.raises(BrokerUnavailable):
            await producer.send(message())
        assert time.monotonic() - started < 0.5
        assert not await producer.ping()


async def test_what_is_sent_is_acknowledged(producer: Producer) -> None:
    await producer.send(message())
    await producer.send_many([message(n) for n in range(2500)])
    assert producer.in_flight == 0
    assert await producer.ping()


async def test_a_message_that_can_never_be_sent_is_said_to_be_so(producer: Producer) -> None:
    with pytest.raises(MessageTooLarge):
        await producer.send(Message(TOPIC, "k", b"x" * 11 * 1024 * 1024))
    await producer.send(message())


class Told:
    """What became of each message that was offered."""

    def __init__(self) -> None:
        self.of: dict[int, list[Exception | None]] = {}

    def offer(self, producer: Producer, *numbers: int) -> None:
        for n in numbers:
            self.of[n] = []
            producer.offer(EncodedMessage.of(message(n)), self.of[n].append)

    async def all(self) -> list[Exception | None]:
        """As soon as all have heard; each must have heard once."""
        await eventually(lambda: all(self.of.values()), interval=0.005)
        assert [len(each) for each in self.of.values()] == [1] * len(self.of)
        return [each[0] for each in self.of.values()]


async def test_what_is_offered_is_acknowledged_and_each_is_told_once(
    producer: Producer, bootstrap_servers: str, topic_prefix: str
) -> None:
    told = Told()
    told.offer(producer, *range(200))
    assert await told.all() == [None] * 200
    told.offer(producer, *range(200, 203))
    assert await told.all() == [None] * 203
    # A turn of the loop more, in which a callback could come late.
    await producer.send(message(300))
    await told.all()
    client = AIOKafkaConsumer(
        topic_prefix + TOPIC, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", group_id=None
    )
    await client.start()
    try:
        read = [await asyncio.wait_for(client.getone(), 10) for _ in range(204)]
    finally:
        await client.stop()
    assert sorted(dict(each.headers)["n"] for each in read) == sorted(str(n).encode() for n in [*range(203), 300])
    assert producer.in_flight == 0


async def test_what_is_offered_to_a_frozen_kafka_fails_in_time(infra: RunningInfra, producer: Producer) -> None:
    told = Told()
    with frozen_kafka(infra):
        started = time.monotonic()
        told.offer(producer, *range(5))
        await asyncio.sleep(0)
        told.offer(producer, *range(5, 9))
        outcomes = await told.all()
        assert time.monotonic() - started < 2 * SEND_S
    assert all(isinstance(each, BrokerUnavailable) for each in outcomes)
    await eventually(lambda: _sends(producer), timeout=20)


async def test_what_is_offered_without_a_kafka_or_beyond_bounds_is_refused_at_once(
    bootstrap_servers: str, topic_prefix: str, producer: Producer
) -> None:
    async with Producer("127.0.0.1:1") as nowhere:
        with pytest.raises(BrokerUnavailable):
            nowhere.offer(EncodedMessage.of(message()), pytest.fail)
    told = Told()
    async with Producer(bootstrap_servers, topic_prefix, max_in_flight=3) as narrow:
        await narrow.wait_connected()
        told.offer(narrow, 0, 1, 2)
        with pytest.raises(BrokerUnavailable):
            narrow.offer(EncodedMessage.of(message(3)), pytest.fail)
        assert await told.all() == [None] * 3
        told.offer(narrow, 4)
    assert await told.all() == [None] * 4, "what is under way at the end is acknowledged"


async def test_one_too_large_is_told_so(producer: Producer) -> None:
    told: list[Exception | None] = []
    producer.offer(EncodedMessage(TOPIC, b"k", b"x" * (MAX_REQUEST_SIZE + 1), []), told.append)
    await eventually(lambda: told)
    assert isinstance(told[0], MessageTooLarge)


async def test_a_frozen_kafka_fails_sends_in_time_and_recovers(infra: RunningInfra, producer: Producer) -> None:
    await producer.send(message())
    with frozen_kafka(infra):
        started = time.monotonic()
        results = await asyncio.gather(
            *[producer.send(message(n), deadline_s=0.5) for n in range(50)], return_exceptions=True
        )
        assert {type(each) for each in results} == {BrokerUnavailable}
        assert time.monotonic() - started < SEND_S
    await eventually(lambda: _sends(producer), timeout=10)


async def test_a_frozen_kafka_does_not_hold_memory_without_bound(
    infra: RunningInfra, bootstrap_servers: str, topic_prefix: str
) -> None:
    await ensure_topics(bootstrap_servers, topic_prefix, [TOPIC], 2)
    async with Producer(bootstrap_servers, topic_prefix, max_in_flight=10) as producer:
        await producer.wait_connected()
        await producer.send(message())
        with frozen_kafka(infra):
            sends = [asyncio.create_task(producer.send(message(n), deadline_s=1.0)) for n in range(30)]
            results = await asyncio.gather(*sends, return_exceptions=True)
        assert sum("Too many" in str(each) for each in results) == 20


async def test_a_producer_that_hears_nothing_is_replaced_and_goes_on(infra: RunningInfra, producer: Producer) -> None:
    await producer.send(message())
    with frozen_kafka(infra):
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(producer.send(message(), deadline_s=None), 15)
        assert not producer.connected
    await eventually(lambda: _sends(producer), timeout=15)


async def test_who_waits_for_a_topic_is_told_when_the_producer_is_replaced(producer: Producer) -> None:
    """The outbox waits without a deadline. aiokafka never answers who waits for metadata of a client that is closed, or
    that keeps them no more."""
    client = producer._client
    assert client is not None
    client.client._sync_task.cancel()
    sending = asyncio.create_task(producer.send_many([Message("commands.woocommerce", "k", b"x")]))
    await eventually(lambda: producer.in_flight == 1)
    with pytest.raises(BrokerUnavailable):
        await asyncio.wait_for(sending, 20)
    await producer.wait_connected()
    await producer.send(message())
    assert producer.in_flight == 0


async def test_kafka_killed_and_back_is_survived(
    infra: RunningInfra, bootstrap_servers: str, topic_prefix: str, producer: Producer
) -> None:
    await producer.send(message())
    await asyncio.to_thread(infra.signal, signal.SIGKILL, "kafka")
    async with Producer(bootstrap_servers, topic_prefix) as late:
        with pytest.raises(BrokerUnavailable):
            await producer.send(message(), deadline_s=0.3)
        assert not late.connected
        await asyncio.to_thread(infra.wait_ready, "kafka")
        await asyncio.wait_for(late.wait_connected(), 10)
        await late.send(message())
    await eventually(lambda: _sends(producer), timeout=15)
    for n in range(20):
        await producer.send(message(n))


async def _sends(producer: Producer) -> bool:
    try:
        await producer.send(message(), deadline_s=1.0)
    except BrokerUnavailable:
        return False
    return True
