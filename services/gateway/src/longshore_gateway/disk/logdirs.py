"""How much room Kafka has: asked of the brokers themselves, wherever they run (KIP-827, Kafka 3.3 and newer).

aiokafka does not know this request, but its client sends any that is described to it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

log = structlog.get_logger(__name__)

TIMEOUT_S = 3.0
_KEY, _VERSION = 35, 4


class LogDirs:
    """Asks with one client, made when first needed and anew after an error."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client: AIOKafkaClient | None = None
        self._told = False

    async def free(self) -> int | None:
        """Bytes left on the fullest log directory of all brokers; None when Kafka does not answer or does not tell."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                rooms = await self._ask()
        except (KafkaError, OSError, TimeoutError, NotImplementedError, IncompatibleBrokerVersion) as error:
            await self.close()
            self._warn(type(error).__name__)
            return None
        if not rooms:
            self._warn("no broker tells its room")
            return None
        self._told = False
        return min(rooms)

    async def close(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await client.close()

    async def _ask(self) -> list[int]:
        client = self._client
        if client is None:
            client = self._client = AIOKafkaClient(
                bootstrap_servers=self._bootstrap_servers, client_id="longshore-disk", request_timeout_ms=3_000
            )
            await client.bootstrap()
        rooms: list[int] = []
        for broker in client.cluster.brokers():
            answer = await client.send(broker.nodeId, _DescribeLogDirs())
            # A directory that is offline has an error and no figures; -1 is a broker that does not know.
            rooms += [each[4] for each in answer.results if each[0] == 0 and each[4] >= 0]
        return rooms

    def _warn(self, reason: str) -> None:
        """Once for each time that it becomes unknown."""
        if not self._told:
            self._told = True
            log.warning("the room on Kafka's disk is not known", reason=reason)


_PARTITION = Schema(
    ("partition", Int32), ("size", Int64), ("offset_lag", Int64), ("is_future", Boolean), ("tags", TaggedFields)
)


class _DescribeLogDirsResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _KEY
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            CompactArray(
                ("error_code", Int16),
                ("log_dir", CompactString("utf-8")),
                (
                    "topics",
                    CompactArray(
                        ("topic", CompactString("utf-8")),
                        ("partitions", CompactArray(_PARTITION)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("total_bytes", Int64),
                ("usable_bytes", Int64),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeLogDirsRequest(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = _KEY
    API_VERSION = _VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _DescribeLogDirsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("tags", TaggedFields),
    )


class _DescribeLogDirs(Request[_DescribeLogDirsRequest]):  # type: ignore[misc]  # aiokafka has no types
    """Of no topic: the directories and their room alone."""

    API_KEY = _KEY

    def build(self, request_struct_class: type[_DescribeLogDirsRequest]) -> Any:
        return request_struct_class([], {})
