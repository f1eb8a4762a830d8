"""The raw log as it is in Kafka: what was really kept of a store's deliveries."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from longshore.broker import INTEGRATION_ID_HEADER


async def raw_deliveries(stack: Any, store: Any) -> Counter[bytes]:
    """The digest of each distinct body that the raw log has of a store, with how often it is there."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.bootstrap_servers, auto_offset_reset="earliest")
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await consumer.start()
    await admin.start()
    try:
        topic = f"{stack.topic_prefix}raw.{store.platform}"
        described = (await admin.describe_topics([topic]))[0]["partitions"]
        partitions = [TopicPartition(topic, each["partition"]) for each in described]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: Counter[bytes] = Counter()
        while any([await consumer.position(each) < end for each, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    if dict(record.headers).get(INTEGRATION_ID_HEADER) == store.id.encode():
                        found[digest_of(record.value)] += 1
        return found
    finally:
        await admin.close()
        await consumer.stop()


def digest_of(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
