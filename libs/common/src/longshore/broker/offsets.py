"""Where consumer groups stand, and setting them elsewhere while nobody of them is there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

Place = Literal["beginning", "end"]
Places = dict[int, int]
"""partition -> offset"""


class Offsets:
    """Reads and sets offsets. Topics and groups are logical names. Use as `async with`. Raises KafkaError."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, client_id="longshore-offsets")
        self._consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, client_id="longshore-offsets")

    async def __aenter__(self) -> Offsets:
        try:
            await self._admin.start()
            await self._consumer.start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()
        await self._admin.close()

    def name(self, topic: str) -> str:
        """A topic's name on the broker."""
        return self._prefix + topic

    async def raw_topics(self) -> list[str]:
        """The raw logs that there are."""
        names = [name.removeprefix(self._prefix) for name in await self._admin.list_topics()]
        return sorted(name for name in names if name.startswith("raw.") and not name.endswith(".dlq"))

    async def groups(self) -> list[str]:
        """All groups of this installation."""
        found = [name for name, *_ in await self._admin.list_consumer_groups()]
        return sorted(name.removeprefix(self._prefix) for name in found if name.startswith(self._prefix))

    async def places(self, topic: str, where: Place) -> Places:
        """The first or the next offset of each partition."""
        partitions = await self._partitions(topic)
        ask = self._consumer.beginning_offsets if where == "beginning" else self._consumer.end_offsets
        return {each.partition: offset for each, offset in (await ask(partitions)).items()}

    async def committed(self, group: str, topic: str) -> Places:
        """How far a group has come in a topic; partitions of which it has committed nothing are left out."""
        offsets = await self._admin.list_consumer_group_offsets(self._prefix + group)
        name = self._prefix + topic
        return {each.partition: at.offset for each, at in offsets.items() if each.topic == name and at.offset >= 0}

    async def empty(self, group: str, timeout_s: float) -> bool:
        """Whether nobody is in the group; waits for members that have just gone and whose session still runs."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            answers = await self._admin.describe_consumer_groups([self._prefix + group])
            members = [each for answer in answers for described in answer.groups for each in described[5]]
            if not members:
                return True
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.5)

    async def set(self, group: str, topic: str, places: Mapping[int, int]) -> None:
        """Let an empty group go on from there."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, group_id=self._prefix + group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            partitions = {TopicPartition(self._prefix + topic, number): offset for number, offset in places.items()}
            consumer.assign(list(partitions))
            await consumer.commit(partitions)
        finally:
            await consumer.stop()

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        name = self._prefix + topic
        (described,) = await self._admin.describe_topics([name])
        return [TopicPartition(name, each["partition"]) for each in described["partitions"]]


def reached(committed: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    """Whether every partition that has anything before `wanted` is applied up to there."""
    return all(committed.get(partition, 0) >= offset for partition, offset in wanted.items())
