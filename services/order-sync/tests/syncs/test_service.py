"""Runs that are begun because webhooks were put right."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from longshore.broker import Record, cloudevent_headers
from longshore.contracts import (
    Command,
    FailedItem,
    Platform,
    SyncMode,
    SyncRunChanged,
    SyncStart,
    SyncStatus,
    WebhookRepair,
    WebhooksRepaired,
    WebhookStatus,
)
from longshore.ids import OrgId
from longshore.problems import Problem
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.syncs.consumers import RepairsConsumer
from longshore_order_sync.syncs.service import Syncs

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def repaired(*topics: str) -> WebhooksRepaired:
    return WebhooksRepaired(
        integration_id=uuid4(),
        org_id=uuid4(),
        platform=Platform.WOOCOMMERCE,
        webhooks=[WebhookRepair(topic=each, was=WebhookStatus.SILENT) for each in topics],
        heard_at=NOW,
        at=NOW,
    )


def record(event: WebhooksRepaired, offset: int = 0) -> Record:
    headers = cloudevent_headers(
        type=event.event_type, source="/test", subject="", id="1", time=event.at, org_id=OrgId(event.org_id)
    )
    return Record("integrations.events", 0, offset, 0, str(event.integration_id), event.to_json(), headers)


async def told(hub: Any, event: WebhooksRepaired) -> list[Command]:
    """Commands for the store."""
    async with hub.engine.connect() as conn:
        rows = await conn.execute(text(f"SELECT value FROM {SCHEMA}.outbox WHERE topic LIKE 'commands.%' ORDER BY id"))
    commands = [Command.from_json(bytes(row.value)) for row in rows]
    return [each for each in commands if each.integration_id == event.integration_id]


async def test_what_was_not_delivered_is_read_once(hub: Any) -> None:
    syncs, event = Syncs(hub.engine), repaired("order.updated", "product.updated")
    consumer = RepairsConsumer(syncs)
    for offset in range(2):
        assert await consumer.apply([record(event, offset), record(event, offset)]) == []
    assert [each.payload for each in await told(hub, event)] == [
        SyncStart(resource="products", mode="incremental", trigger="repair"),
        SyncStart(resource="orders", mode="incremental", trigger="repair"),
    ]
    runs = await syncs.list(OrgId(event.org_id), event.integration_id, None, 10)
    assert {(each.resource, each.mode, each.trigger) for each in runs} == {
        ("orders", "incremental", "repair"),
        ("products", "incremental", "repair"),
    }


async def test_a_run_that_is_queued_reads_it(hub: Any) -> None:
    syncs, event = Syncs(hub.engine), repaired("order.updated")
    org = OrgId(event.org_id)
    await syncs.request(org, event.integration_id, event.platform, ["orders"], SyncMode.INCREMENTAL)
    await RepairsConsumer(syncs).apply([record(event)])
    assert [each.payload for each in await told(hub, event)] == [SyncStart(resource="orders", mode="incremental")]


async def test_what_a_run_could_not_read_is_asked_for_alone(hub: Any) -> None:
    syncs, event = Syncs(hub.engine), repaired("order.updated")
    org = OrgId(event.org_id)
    (run,) = await syncs.request(org, event.integration_id, event.platform, ["orders"], SyncMode.FULL)
    item = FailedItem(resource="order", external_id="7", code="broken", detail="It is broken.")
    ended = run.model_copy(update={"status": SyncStatus.PARTIAL, "failed_items": [item], "finished_at": NOW})
    told_of = {"org_id": org, "platform": event.platform, "sequence": 2, "at": NOW}
    await syncs.follow([SyncRunChanged(**ended.model_dump(), **told_of)])
    again = await syncs.retry(org, run.id)
    assert (again.items_of, again.status) == (run.id, SyncStatus.QUEUED)
    assert await syncs.get(org, again.id) == again == await syncs.retry(org, run.id)
    command = (await told(hub, event))[-1]
    assert command.id == again.id
    assert command.payload == SyncStart(resource="orders", mode="incremental", items_of=run.id)
    # Whoever wants all that has changed gets a run of that.
    (other,) = await syncs.request(org, event.integration_id, event.platform, ["orders"], SyncMode.INCREMENTAL)
    assert other.id != again.id
    with pytest.raises(Problem) as problem:
        await syncs.retry(OrgId(uuid4()), run.id)
    assert problem.value.status == 404
