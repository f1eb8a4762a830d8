"""When a rebuild refuses to begin, on a real broker."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from longshore.broker import Message, Producer, ensure_topics
from longshore.broker.offsets import Offsets
from longshore.rebuild_command import NotPossible, asks_for_rebuild, raw_ends

TOPIC = "raw.toy"


async def test_a_log_that_has_lost_its_beginning_is_refused_unless_that_is_enough(
    bootstrap_servers: str, topic_prefix: str
) -> None:
    await ensure_topics(bootstrap_servers, topic_prefix, [TOPIC], 1)
    producer = Producer(bootstrap_servers, topic_prefix, "tests")
    await producer.start()
    await producer.wait_connected()
    await producer.send_many([Message(TOPIC, "k", str(n).encode(), {}) for n in range(5)])
    await producer.stop(1.0)
    async with Offsets(bootstrap_servers, topic_prefix) as offsets:
        with pytest.raises(NotPossible, match="start its connector once"):
            await raw_ends(offsets, incomplete=False)
        await offsets.set("toy.raw", TOPIC, {0: 3})
        with pytest.raises(NotPossible, match="stop toy and begin its rebuild first"):
            await raw_ends(offsets, incomplete=False)
        await offsets.set("toy.raw", TOPIC, {0: 0})
        assert await raw_ends(offsets, incomplete=False) == {TOPIC: {0: 5}}
        # What a retention does, and at once.
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(topic_prefix + TOPIC, 0): RecordsToDelete(2)})
        finally:
            await admin.close()
        with pytest.raises(NotPossible, match=r"raw\.toy has lost its oldest records.*--from-what-is-left"):
            await raw_ends(offsets, incomplete=False)
        assert await raw_ends(offsets, incomplete=True) == {TOPIC: {0: 5}}


def test_arguments() -> None:
    assert asks_for_rebuild(["rebuild"])
    assert asks_for_rebuild(["rebuild", "--from-what-is-left"])
    assert not asks_for_rebuild([])
    assert not asks_for_rebuild(["keys", "rebuild"])
