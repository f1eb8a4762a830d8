"""Setting groups back, on a real broker."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer

from longshore.broker import Message, Producer, ensure_topics
from longshore.broker.offsets import Offsets, reached
from longshore_devkit.testing import eventually

TOPIC = "raw.toy"


async def test_a_group_is_set_back_while_nobody_is_in_it(bootstrap_servers: str, topic_prefix: str) -> None:
    await ensure_topics(bootstrap_servers, topic_prefix, [TOPIC], 1)
    producer = Producer(bootstrap_servers, topic_prefix, "tests")
    await producer.start()
    await producer.wait_connected()
    await producer.send_many([Message(TOPIC, "k", str(n).encode(), {}) for n in range(5)])
    await producer.stop(1.0)
    async with Offsets(bootstrap_servers, topic_prefix) as offsets:
        assert TOPIC in await offsets.raw_topics()
        await offsets.set("toy.raw", TOPIC, await offsets.places(TOPIC, "end"))
        assert await offsets.committed("toy.raw", TOPIC) == {0: 5}
        assert await offsets.committed("nobody.raw", TOPIC) == {}
        assert "toy.raw" in await offsets.groups()
        await offsets.set("toy.raw", TOPIC, await offsets.places(TOPIC, "beginning"))
        assert await offsets.committed("toy.raw", TOPIC) == {0: 0}
        assert await offsets.empty("toy.raw", 0)
        reader = AIOKafkaConsumer(
            topic_prefix + TOPIC,
            bootstrap_servers=bootstrap_servers,
            group_id=topic_prefix + "toy.raw",
            auto_offset_reset="latest",
        )
        await reader.start()
        try:
            assert (await reader.getone()).value == b"0"
            assert not await offsets.empty("toy.raw", 0)
        finally:
            await reader.stop()
        await eventually(lambda: offsets.empty("toy.raw", 0))


def test_reached_only_where_every_partition_is() -> None:
    assert reached({0: 5, 1: 7}, {0: 5, 1: 6})
    assert not reached({0: 5}, {0: 5, 1: 1})
    assert reached({}, {0: 0})
