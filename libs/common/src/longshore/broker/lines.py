"""aiokafka's connections to Kafka, for uvloop.

To write to a transport that has just been closed is a RuntimeError in uvloop (asyncio's own loop passes over it), where
aiokafka expects an OSError (aio-libs/aiokafka#1038). The task that keeps the metadata of the cluster died of that when
Kafka was killed, and whatever waits for metadata then waited for ever: commits, and the look for a coordinator.
"""

from __future__ import annotations

from typing import Any

import aiokafka.conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


class Line(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka has no types
    """A connection whose end is an error of Kafka's, whatever the loop makes of it."""

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """As aiokafka's. Raises KafkaConnectionError when the connection is broken."""
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(f"Connection at {self._host}:{self._port} broken: {error}") from error


def use() -> None:
    """Make all connections of this process so. aiokafka has no setting for it."""
    aiokafka.conn.AIOKafkaConnection = Line
