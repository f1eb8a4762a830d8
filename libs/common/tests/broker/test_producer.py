"""Sending: acknowledged, bounded in time and memory, and back by itself after Kafka's outages."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from longshore.broker import (
    BrokerUnavailable,
    Message,
    MessageTooLarge,
    Producer,
    ensure_topics,
)
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


async def test_a_frozen_kafka_fails_sends_in_time_and_recovers(infra: RunningInfra, producer: Producer) -> None:
    await producer.send(message())
    with frozen_kafka(infra):
        started = time.monotonic()
        results = await asyncio.gather(
            *[producer.send(message(n), deadline_s=0.5) for n in range(50)], return_exceptions=True
        )
        assert {type(each) for each in results} == {BrokerUnavailable}
        assert time.monotonic() - started < 2
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
    """The outbox waits without a deadline. aiokafka never answers who waits for metadata of a client that is closed."""
    client = producer._client
    assert client is not None
    # Nobody asks Kafka for it any more, as when it is away.
    client.client._sync_task.cancel()
    sending = asyncio.create_task(producer.send_many([Message("commands.woocommerce", "k", b"x")]))
    await eventually(lambda: producer.in_flight == 1)
    producer._discard(client, None)
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
