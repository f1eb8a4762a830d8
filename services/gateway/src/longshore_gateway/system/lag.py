"""Consumer lag, read from Kafka itself: what was written and what was applied."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from longshore import tasks

TIMEOUT_S = 3.0
"""So long who asks waits."""
GIVE_UP_S = 30.0
"""So long one reading may take, with all that has to be found for it."""
# For so long it is remembered where partitions and groups are: to ask each time is twice the work. A group whose
# coordinator has moved meanwhile shows too much lag, never too little.
REMEMBERED_S = 15.0


@dataclass(frozen=True, slots=True)
class Lags:
    """Records per group that are written and not yet applied; and how much was ever written, to tell standstill."""

    by_group: Mapping[str, int]
    written: int


class LagReader:
    """Reads lags with one admin client, made when first needed and anew after an error.

    A reading that takes longer than `timeout_s` goes on for whoever asks next: on a machine that is short of CPU the
    first one does, and begun anew each time it would never end."""

    def __init__(self, bootstrap_servers: str, prefix: str, timeout_s: float = TIMEOUT_S) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._timeout_s = timeout_s
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()
        self._reading: asyncio.Task[Lags | None] | None = None
        self._partitions: dict[str, list[TopicPartition]] = {}
        self._coordinators: dict[str, int] = {}
        self._remembered_at = 0.0

    async def read(self, groups: Mapping[str, Sequence[str]]) -> Lags | None:
        """Lags of `groups` (logical names, each with its topics) as of now; None when Kafka does not answer in time."""
        async with self._lock:
            deadline = time.monotonic() + self._timeout_s
            while True:
                # One of before tells of before; but after it everything is known.
                is_of_now = self._reading is None
                if self._reading is None:
                    self._reading = asyncio.create_task(self._read_or_close(groups), name="lags")
                await asyncio.wait({self._reading}, timeout=max(0.0, deadline - time.monotonic()))
                if not self._reading.done():
                    return None
                reading, self._reading = self._reading, None
                lags = reading.result()
                if lags is None or is_of_now:
                    return lags

    async def close(self) -> None:
        """Disconnect."""
        async with self._lock:
            if self._reading is not None:
                await tasks.end(self._reading)
                self._reading = None
            await self._close()

    async def _read_or_close(self, groups: Mapping[str, Sequence[str]]) -> Lags | None:
        try:
            async with asyncio.timeout(GIVE_UP_S):
                return await self._read(groups)
        except (KafkaError, OSError, TimeoutError):
            await self._close()
            return None

    async def _read(self, groups: Mapping[str, Sequence[str]]) -> Lags:
        admin, consumer = await self._clients()
        topics = {self._prefix + topic for names in groups.values() for topic in names}
        await self._find(admin, topics, groups)
        # Committed first, ends after: what is written in between counts as lag, never as a negative one.
        committed = dict(
            zip(groups, await asyncio.gather(*[self._committed(admin, each) for each in groups]), strict=True)
        )
        ends = await consumer.end_offsets([each for topic in topics for each in self._partitions.get(topic, ())])
        waiting = [
            (group, each)
            for group, names in groups.items()
            for name in names
            for each in self._partitions.get(self._prefix + name, ())
        ]
        # Where a group has committed nothing all that is there waits for it.
        unread = {each for group, each in waiting if ends[each] and each not in committed[group]}
        beginnings = await consumer.beginning_offsets(list(unread)) if unread else {}
        lags = dict.fromkeys(groups, 0)
        for group, each in waiting:
            lags[group] += max(0, ends[each] - committed[group].get(each, beginnings.get(each, 0)))
        return Lags(lags, sum(ends.values()))

    async def _find(self, admin: AIOKafkaAdminClient, topics: Collection[str], groups: Collection[str]) -> None:
        """Know the partitions of the topics and the coordinators of the groups."""
        if time.monotonic() - self._remembered_at > REMEMBERED_S:
            self._forget()
        if missing := sorted(set(topics) - self._partitions.keys()):
            for topic in await admin.describe_topics(missing):
                name = topic["topic"]
                if topic["partitions"]:  # one that is not there has none yet
                    self._partitions[name] = [TopicPartition(name, each["partition"]) for each in topic["partitions"]]
        unknown = [group for group in groups if group not in self._coordinators]
        found = await asyncio.gather(*[admin.find_coordinator(self._prefix + group) for group in unknown])
        self._coordinators.update(zip(unknown, found, strict=True))

    async def _committed(self, admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, int]:
        offsets = await admin.list_consumer_group_offsets(self._prefix + group, self._coordinators[group])
        return {each: at.offset for each, at in offsets.items()}

    def _forget(self) -> None:
        self._partitions.clear()
        self._coordinators.clear()
        self._remembered_at = time.monotonic()

    async def _clients(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._admin is None or self._consumer is None:
            self._admin = AIOKafkaAdminClient(
                bootstrap_servers=self._bootstrap_servers, client_id="longshore-lag", request_timeout_ms=3_000
            )
            await self._admin.start()
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap_servers, client_id="longshore-lag", request_timeout_ms=3_000
            )
            await self._consumer.start()
        return self._admin, self._consumer

    async def _close(self) -> None:
        self._forget()
        admin, self._admin = self._admin, None
        consumer, self._consumer = self._consumer, None
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            if admin is not None:
                await admin.close()
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            if consumer is not None:
                await consumer.stop()
