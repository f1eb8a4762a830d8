"""The whole service on real Kafka and PostgreSQL: from normalized snapshots to a push that the store took."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from longshore import ids
from longshore.broker import Message, Record, make_broker, subscribe
from longshore.contracts import (
    Command,
    Contract,
    EntityFetch,
    FulfillmentRequested,
    FulfillmentSettled,
    IntegrationChanged,
    IntegrationStatus,
    OrderSnapshot,
    Origin,
    Platform,
    StockAdjusted,
    StockSet,
)
from longshore.contracts.commands import CommandLine
from longshore.internal import internal_headers
from longshore.runtime import Service
from longshore_devkit.testing import MakeDatabase, eventually
from longshore_inventory.app import create_app
from longshore_inventory.settings import Settings

from .conftest import World, at, line


@dataclass
class Running:
    """The service, a client of its organisation, and all that it has said."""

    service: Service
    client: httpx.AsyncClient
    heard: list[Record]

    async def send(self, topic: str, key: str, contract: Contract, *, kind: str | None = None) -> None:
        headers = {"ce_type": kind or contract.event_type}
        await self.service.producer.send(Message(topic, key, contract.to_json(), headers))

    def commands(self) -> list[Command]:
        return [Command.from_json(each.value) for each in self.heard if each.topic.startswith("commands.")]

    async def buffers(self) -> list[int]:
        async with self.service.engine.connect() as conn:
            return list(await conn.scalars(text("SELECT buffer FROM inventory.channels WHERE buffer > 0")))

    async def level(self, sku: str) -> dict[str, Any]:
        items = (await self.client.get("/api/v1/inventory", params={"sku": sku})).json()["items"]
        return dict(items[0]) if items else {}

    async def stands_at(self, sku: str, on_hand: int, reserved: int) -> dict[str, Any]:
        level = await self.level(sku)
        assert (level.get("on_hand"), level.get("reserved")) == (on_hand, reserved)
        return level


def settings_of(bootstrap_servers: str, database_url: str, topic_prefix: str, key: str) -> Settings:
    return Settings(
        kafka_bootstrap_servers=bootstrap_servers,
        database_url=database_url,
        topic_prefix=topic_prefix,
        topic_partitions=1,
        encryption_keys=(key,),
        stock_settle_s=0.3,
    )


@asynccontextmanager
async def run(settings: Settings, world: World) -> AsyncIterator[Running]:
    app = create_app(settings)
    service: Service = app.state.service
    await service.start()
    heard: list[Record] = []

    async def hear(records: Sequence[Record]) -> None:
        heard.extend(records)

    listener = make_broker(settings.kafka_bootstrap_servers, producer=service.producer, prefix=settings.topic_prefix)
    subscribe(listener, topics=["commands.woocommerce", "inventory.events"], group="test.listener", apply=hear)
    headers = internal_headers(settings.encryption_keys, world.org)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://inventory", headers=headers
    ) as client:
        try:
            await eventually(lambda: not service.missing(), timeout=30)
            await listener.start()
            yield Running(service, client, heard)
        finally:
            await listener.stop()
            await service.stop()


@pytest.fixture
def settings(bootstrap_servers: str, database_url: str, topic_prefix: str) -> Settings:
    return settings_of(bootstrap_servers, database_url, topic_prefix, Fernet.generate_key().decode())


async def test_from_a_sale_to_the_other_store_and_back(settings: Settings, world: World) -> None:
    a, b = world.store(), world.store(Platform.WOOCOMMERCE)
    async with run(settings, world) as hub:
        changed = IntegrationChanged(
            integration_id=b.id, org_id=world.org, platform=b.platform, status=IntegrationStatus.ACTIVE,
            settings={"stock": {"buffer": 1}}, at=at(0),
        )  # fmt: skip
        await hub.send("integrations.events", str(b.id), changed)
        # Topics are read side by side: told 10 before its buffer is known, the store would be told 9 without a sale.
        await eventually(hub.buffers, timeout=20)
        for number, store in enumerate((a, b)):
            await hub.send("commerce.products", f"{store.id}:p", world.product(store, "p", [("v-HAT", "HAT")]))
            await hub.send("commerce.stock", f"{store.id}:i-v-HAT", world.level(store, "HAT", 10, updated=10 + number))

        def last() -> Command | None:
            return hub.commands()[-1] if hub.commands() else None

        def last_payload() -> object:
            return hub.commands()[-1].payload if hub.commands() else None

        first = await eventually(last, timeout=20)
        assert quantity_of(first) == 9
        assert first.integration_id == b.id
        for each in hub.commands():
            await hub.send("commands.outcomes", str(b.id), world.outcome(each, when=50))

        # A sale at the first store; the second is told 10 - 3 - its buffer.
        snapshot = world.snapshot(a, "1", [line("1", "HAT", 3)], placed=100)
        for _ in range(2):
            await hub.send("commerce.orders", f"{a.id}:1", snapshot, kind=OrderSnapshot.event_type)
        await eventually(lambda: hub.stands_at("HAT", 10, 3))
        command = await eventually(lambda: last() if quantity_of(last()) == 6 else None)
        assert command is not None
        assert isinstance(command.payload, StockSet)
        assert command.payload.caused_at == at(100)
        await hub.send("commands.outcomes", str(b.id), world.outcome(command, when=100.2))
        # The echo of our push, and a report that nothing explains: that one enters the ledger.
        await hub.send("commerce.stock", f"{b.id}:i-v-HAT", world.level(b, "HAT", 6, updated=101))

        async def in_sync() -> bool:
            level = await hub.level("HAT")
            return [each["in_sync"] for each in level["channels"]] == [True, True]

        await eventually(in_sync)
        await hub.send("commerce.stock", f"{b.id}:i-v-HAT", world.level(b, "HAT", 8, updated=300))
        # It may have been held up since before our push: the store is asked.
        asked = await eventually(lambda: last() if isinstance(last_payload(), EntityFetch) else None, timeout=20)
        assert asked is not None
        assert asked.integration_id == b.id
        assert asked.payload == EntityFetch(resource="stock", external_id="i-v-HAT")
        assert await hub.stands_at("HAT", 10, 3)
        read = world.level(b, "HAT", 8, updated=300, observed=400, origin=Origin.FETCH)
        await hub.send("commerce.stock", f"{b.id}:i-v-HAT", read)
        await eventually(lambda: hub.stands_at("HAT", 12, 3), timeout=20)

        await ship_through_longshore(hub, world, a.id)
        await eventually(lambda: hub.stands_at("HAT", 9, 0))
        await hub.service.producer.send(Message("commerce.orders", "k", b"{}", {"ce_type": OrderSnapshot.event_type}))

        async def set_aside() -> bool:
            counted = 'longshore_dead_letters_total{group="inventory.orders",topic="commerce.orders"} 1.0'
            return counted in (await hub.client.get("/metrics")).text

        await eventually(set_aside)

        async def settled() -> bool:
            status = (await hub.client.get("/internal/status")).json()
            return bool(status["outbox"] == 0 and not status["halted"])

        await eventually(settled)
        metrics = (await hub.client.get("/metrics")).text
        assert 'longshore_stock_pushes_total{status="succeeded"}' in metrics
        assert "longshore_oversell_window_seconds_count 1.0" in metrics
        assert 'longshore_stock_drift_total{mode="shared"} 1.0' in metrics


def quantity_of(command: Command | None) -> int | None:
    return command.payload.quantity if command is not None and isinstance(command.payload, StockSet) else None


async def ship_through_longshore(hub: Running, world: World, store: Any) -> None:
    order = ids.order_id(ids.IntegrationId(store), "1")
    fulfillment, command = ids.uuid7(), ids.uuid7()
    requested = FulfillmentRequested(
        order_id=order, org_id=world.org, integration_id=store, order_external_id="1", fulfillment_id=fulfillment,
        command_id=command, requested_at=at(400),
        lines=[CommandLine(line_id=ids.line_id(order, "1"), external_id="1", quantity=3)],
    )  # fmt: skip
    settled = FulfillmentSettled(
        order_id=order, org_id=world.org, integration_id=store, fulfillment_id=fulfillment, command_id=command,
        succeeded=True, external_id="f-1", at=at(401),
    )  # fmt: skip
    await hub.send("orders.events", f"{store}:1", requested)
    await hub.send("orders.events", f"{store}:1", settled)


async def test_decisions_outlive_the_database(settings: Settings, world: World, make_database: MakeDatabase) -> None:
    a = world.store()

    async def stock(hub: Running) -> None:
        await hub.send("commerce.products", f"{a.id}:p", world.product(a, "p", [("v-HAT", "HAT")]))
        await hub.send("commerce.stock", f"{a.id}:i-v-HAT", world.level(a, "HAT", 10))

    async with run(settings, world) as hub:
        await stock(hub)
        await eventually(lambda: hub.stands_at("HAT", 10, 0), timeout=20)
        body = {"sku": "HAT", "delta": -4, "reason": "broken"}
        assert (await hub.client.post("/api/v1/inventory/adjustments", json=body)).status_code == 201
        before = (await hub.client.get("/internal/state-hash")).json()
        # What the stores' stock made available is told on the same topic, and before.
        await eventually(lambda: StockAdjusted.event_type in [each.headers.get("ce_type") for each in hub.heard])

    again = settings.model_copy(update={"database_url": make_database()})
    async with run(again, world) as hub:
        async with hub.service.engine.connect() as conn:
            restored = (await conn.execute(text("SELECT delta, kind FROM inventory.movements"))).all()
        assert [tuple(row) for row in restored] == [(-4, "adjustment")]
        # Offsets were committed by the first life, so the stores' records are sent anew.
        await stock(hub)
        await eventually(lambda: hub.stands_at("HAT", 6, 0), timeout=20)
        assert (await hub.client.get("/internal/state-hash")).json() == before
