"""Reading a topic of the hub after a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient


async def ends(servers: str, topic: str) -> dict[TopicPartition, int]:
    """Where each partition of `topic` ends now."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    partitions = [TopicPartition(topic, each["partition"]) for each in described["partitions"]]
    async with AIOKafkaConsumer(bootstrap_servers=servers) as consumer:
        found: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    return found


async def read(
    servers: str, topic: str, starts: Mapping[TopicPartition, int] | None = None
) -> AsyncIterator[ConsumerRecord]:
    """All records of `topic` from `starts` (else from the beginning) to where it ends now."""
    until = await ends(servers, topic)
    async with AIOKafkaConsumer(bootstrap_servers=servers, max_partition_fetch_bytes=8 * 2**20) as consumer:
        consumer.assign(list(until))
        for partition in until:
            consumer.seek(partition, (starts or {}).get(partition, 0))
        while any([await consumer.position(each) < until[each] for each in until]):
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    yield record
