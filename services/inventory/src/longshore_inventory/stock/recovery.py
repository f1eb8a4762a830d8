"""Decisions outlive the database: an empty ledger takes them from inventory.events before anything else is read.

All other stock follows from the stores' records. What people adjusted, and which differences were accepted, does not
(ARCHITECTURE, the stream, rule 2).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker import INVENTORY_EVENTS
from longshore.contracts import StockAdjusted
from longshore.db import unit_of_work
from longshore_inventory.database import SCHEMA
from longshore_inventory.settings import Settings
from longshore_inventory.stock.book import STORE_REPORT
from longshore_inventory.stock.rules import MovementKind
from longshore_inventory.stock.store import Wanted, known_movements, load_book, save_book

log = structlog.get_logger(__name__)

CHUNK = 500

# unscoped: whether the whole service has nothing yet
_UNTOUCHED = text(
    "SELECT NOT EXISTS (SELECT FROM inventory.orders) AND NOT EXISTS (SELECT FROM inventory.reports)"
    " AND NOT EXISTS (SELECT FROM inventory.products)"
)


async def recover(engine: AsyncEngine, settings: Settings) -> None:
    """Restore decisions if this database has seen nothing of the stores yet.

    Safe to repeat after a crash: movements have the ids that they had.
    """
    async with engine.connect() as conn:
        if not await conn.scalar(_UNTOUCHED):
            return
    found = [event async for event in _decisions(settings)]
    count = 0
    for start in range(0, len(found), CHUNK):
        count += await restore(engine, found[start : start + CHUNK])
    if count:
        log.info("decisions about stock were restored", count=count)


async def restore(engine: AsyncEngine, events: Sequence[StockAdjusted]) -> int:
    """Enter decisions that the ledger lacks; answers how many it lacked."""
    by_id = {event.movement_id: event for event in events}
    async with unit_of_work(engine, SCHEMA) as work:
        wanted = {event.variant_id: Wanted(event.org_id, event.sku) for event in events}
        book = await load_book(work.conn, wanted, set())
        there = await known_movements(work.conn, by_id)
        missing = sorted(
            (each for id, each in by_id.items() if id not in there), key=lambda each: (each.at, each.movement_id)
        )
        for event in missing:
            kind = MovementKind.REPORT if event.reason == STORE_REPORT else MovementKind.ADJUSTMENT
            book.restore(
                event.variant_id, event.delta, kind=kind, id=event.movement_id, reason=event.reason, at=event.at
            )
        await save_book(work.conn, book)
        return len(missing)


async def _decisions(settings: Settings) -> AsyncIterator[StockAdjusted]:
    """All decisions of the topic, up to its end as it is now."""
    topic = settings.topic_prefix + INVENTORY_EVENTS.name
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        client_id="longshore-inventory-recovery",
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        # Asked of the broker: a consumer without subscription knows of no topic.
        numbers = await consumer._client.fetch_all_metadata()
        partitions = [TopicPartition(topic, each) for each in sorted(numbers.partitions_for_topic(topic) or ())]
        ends = {each: end for each, end in (await consumer.end_offsets(partitions)).items() if end > 0}
        consumer.assign(list(ends))
        while ends:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    event = _read(record)
                    if event is not None:
                        yield event
            for partition in list(ends):
                if await consumer.position(partition) >= ends[partition]:
                    del ends[partition]
    finally:
        await consumer.stop()


def _read(record: ConsumerRecord) -> StockAdjusted | None:
    """The decision that a record tells of; None for other events, and for what cannot be read."""
    if ("ce_type", StockAdjusted.event_type.encode()) not in record.headers:
        return None
    try:
        return StockAdjusted.from_json(record.value or b"")
    except ValidationError:
        log.exception("a decision cannot be read and is left out", partition=record.partition, offset=record.offset)
        return None
