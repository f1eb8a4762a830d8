"""From the intended send time of an order's first delivery to its OrderChanged event in Kafka.

The row is committed before that event is written, so the true lag is a little shorter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from aiokafka import TopicPartition

from bench import topics
from longshore.contracts import CommandOutcome, CommandStatus

EVENTS = "orders.events"
OUTCOMES = "commands.outcomes"

OrderKey = tuple[str, int]
"""(integration id, the store's id of the order)"""


async def first_told(servers: str, starts: Mapping[TopicPartition, int]) -> dict[OrderKey, float]:
    """When the first event of each order was written (Unix time), of those written since `starts`."""
    first: dict[OrderKey, float] = {}
    async for record in topics.read(servers, EVENTS, starts):
        event = json.loads(record.value)
        if "created" in event:
            first.setdefault((str(UUID(event["integration_id"])), int(event["external_id"])), record.timestamp / 1000)
    return first


def lags(told: Mapping[OrderKey, float], integration_id: str, intended: Mapping[int, float]) -> dict[int, float]:
    """Seconds, by order; orders that were never told of are left out."""
    return {
        order: told[integration_id, order] - moment
        for order, moment in intended.items()
        if (integration_id, order) in told
    }


async def oversell_windows(
    servers: str, starts: Mapping[TopicPartition, int] | None = None
) -> list[tuple[float, float]]:
    """(moment, seconds) from a sale's webhook to the other store's answer, of each push that a sale caused."""
    found: list[tuple[float, float]] = []
    async for record in topics.read(servers, OUTCOMES, starts):
        outcome = CommandOutcome.from_json(record.value)
        if outcome.status is CommandStatus.SUCCEEDED and outcome.caused_at is not None:
            found.append((outcome.at.timestamp(), (outcome.at - outcome.caused_at).total_seconds()))
    return found
