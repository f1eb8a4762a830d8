"""Lets messages gather before they go to Kafka, where many come one by one (docs/adr has why)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

PER_MESSAGE_S = 0.002
LONGEST_S = 0.02
ENOUGH = 24


class Gathering:
    """Requests of one client to each broker: none before the last has been gone for a while, unless enough is waiting.

    That while is `PER_MESSAGE_S` for each message of the last request, `LONGEST_S` at most: of 500 messages a second or
    fewer none waits for longer than a request to Kafka takes. `ENOUGH` of them go at once.
    """

    def __init__(self) -> None:
        self._waiting = 0
        self._enough = asyncio.Event()

    def more(self, count: int) -> None:
        """So many more messages wait to be sent."""
        self._waiting += count
        if self._waiting >= ENOUGH:
            self._enough.set()

    def of(self, client: AIOKafkaProducer) -> None:
        """Have `client` gather; call before it is started."""
        sender = client._sender
        send = sender._send_produce_req

        async def send_and_rest(node_id: int, batches: Mapping[TopicPartition, Any]) -> None:
            began = time.monotonic()
            self._waiting = 0
            self._enough.clear()
            count = sum(each.record_count for each in batches.values())
            await send(node_id, batches)
            rest_s = min(count * PER_MESSAGE_S, LONGEST_S) - (time.monotonic() - began)
            if rest_s > 0:
                # To aiokafka it is as if the request took longer.
                sender._in_flight.add(node_id)
                timer = asyncio.get_running_loop().call_later(rest_s, self._enough.set)
                try:
                    await self._enough.wait()
                finally:
                    timer.cancel()
                    sender._in_flight.discard(node_id)

        sender._send_produce_req = send_and_rest
