"""Consumer lag, read from Kafka itself: what was written and what was applied."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Lags:
    """Records per group that are written and not yet applied; and how much was ever written, to tell standstill."""

    by_group: Mapping[str, int]
    written: int


class LagReader:
    """Reads lags with one admin client, made when first needed and anew after an error."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def read(self, groups: Mapping[str, Sequence[str]]) -> Lags | None:
        """Lags of `groups` (logical names, each with its topics); None when Kafka does not answer."""
        async with self._lock:
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    return await self._read(groups)
            except (KafkaError, OSError, TimeoutError):
                await self._close()
                return None

    async def close(self) -> None:
        """Disconnect."""
        async with self._lock:
            await self._close()

    async def _read(self, groups: Mapping[str, Sequence[str]]) -> Lags:
        admin, consumer = await self._clients()
        topics = {self._prefix + topic for names in groups.values() for topic in names}
        described = await admin.describe_topics(sorted(topics))
        partitions = [
            TopicPartition(topic["topic"], each["partition"]) for topic in described for each in topic["partitions"]
        ]
        # Committed first, ends after: what is written in between counts as lag, never as a negative one.
        committed = dict(
            zip(
                groups,
                await asyncio.gather(*[admin.list_consumer_group_offsets(self._prefix + group) for group in groups]),
                strict=True,
            )
        )
        ends, beginnings = await asyncio.gather(
            consumer.end_offsets(partitions), consumer.beginning_offsets(partitions)
        )
        lags = {}
        for group, names in groups.items():
            offsets = committed[group]
            mine = {self._prefix + name for name in names}
            lags[group] = sum(
                max(0, ends[each] - (offsets[each].offset if each in offsets else beginnings[each]))
                for each in partitions
                if each.topic in mine
            )
        return Lags(lags, sum(ends.values()))

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
        admin, self._admin = self._admin, None
        consumer, self._consumer = self._consumer, None
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            if admin is not None:
                await admin.close()
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            if consumer is not None:
                await consumer.stop()
