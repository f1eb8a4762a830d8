"""A whole connector of the toy platform, on real Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from cryptography.fernet import Fernet
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.broker import Message, Producer
from longshore.contracts import (
    CommandOutcome,
    CommandStatus,
    IntegrationChanged,
    IntegrationStatus,
    OrderDeleted,
    Origin,
)
from longshore.ids import IntegrationId
from longshore.internal import internal_headers
from longshore.platforms.connector import Connector, ConnectorSettings, build_connector
from longshore.platforms.outcomes import integration_message
from longshore.platforms.protocols import FetchedEntity
from longshore.platforms.raw import delivery_headers, store_headers, stream_key
from longshore.vault import Sealer, Vault
from longshore_devkit.testing import eventually

from .conftest import ORG, PLATFORM, SCHEMA, fulfilment, stock
from .toy import NOW, Shops, ToyTranslator

KEYS = (Fernet.generate_key().decode(),)


class Hub:
    """The connector's surroundings: it hears all that the connector says, and speaks as gateway and services do."""

    def __init__(self, app: FastAPI, shops: Shops, producer: Producer, url: str) -> None:
        self.app = app
        self.shops = shops
        self.producer = producer
        self.heard: list[Message] = []
        self._engine = create_async_engine(url)
        self._vault = Vault(Sealer(KEYS))

    async def listen(self, consumer: AIOKafkaConsumer, prefix: str) -> None:
        async for each in consumer:
            headers = {name: value.decode() for name, value in each.headers}
            self.heard.append(Message(each.topic.removeprefix(prefix), each.key.decode(), each.value, headers))

    async def connect(self, name: str) -> IntegrationId:
        async with self._engine.begin() as conn:
            row = await self._vault.create(
                conn,
                org_id=ORG,
                platform=PLATFORM,
                name=name,
                store_url=f"https://{name}.example",
                store_key=name,
                credentials={"token": "x"},
                settings={},
                now=NOW,
            )
        event = IntegrationChanged(
            integration_id=row.id, org_id=ORG, platform=PLATFORM, status=IntegrationStatus.CONNECTING, at=NOW
        )
        await self.producer.send_many([integration_message(event)])
        return row.id

    async def deliver(self, store: UUID, body: bytes, external_id: str) -> None:
        headers = delivery_headers(
            store_headers(PLATFORM, ORG, IntegrationId(store), Origin.WEBHOOK),
            topic_name="order.deleted",
            received_at=NOW,
            delivery_id=str(uuid4()),
            platform_headers={},
        )
        key = stream_key(IntegrationId(store), external_id)
        await self.producer.send_many([Message(f"raw.{PLATFORM.value}", key, body, headers)])

    def of(self, topic: str) -> list[Message]:
        return [each for each in self.heard if each.topic == topic]

    def outcome(self, id: UUID) -> CommandOutcome | None:
        said = [CommandOutcome.from_json(each.value) for each in self.of("commands.outcomes")]
        return next((each for each in said if each.command_id == id), None)

    def orders(self) -> list[str]:
        return [OrderDeleted.from_json(each.value).external_id for each in self.of("commerce.orders")]

    async def close(self) -> None:
        await self._engine.dispose()


@pytest.fixture
async def hub(bootstrap_servers: str, url: str, topic_prefix: str) -> AsyncIterator[Hub]:
    shops = Shops()
    settings = ConnectorSettings(
        kafka_bootstrap_servers=bootstrap_servers,
        database_url=url,
        encryption_keys=KEYS,
        topic_prefix=topic_prefix,
        topic_partitions=1,
        public_url="https://hub.example",
    )
    app = build_connector(
        settings,
        Connector(
            PLATFORM,
            "connector-toy",
            "0",
            SCHEMA,
            Path(__file__).parent / "migrations",
            ToyTranslator(),
            shops.make_client,
        ),
    )
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        service = app.state.service
        await eventually(lambda: not service.missing(), timeout=30)
        producer = await stack.enter_async_context(Producer(bootstrap_servers, topic_prefix))
        await producer.wait_connected()
        topics = ("commerce.orders", "commands.outcomes", "integrations.events", "raw.api.dlq")
        consumer = AIOKafkaConsumer(
            *[topic_prefix + each for each in topics],
            bootstrap_servers=bootstrap_servers,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        stack.push_async_callback(consumer.stop)
        hub = Hub(app, shops, producer, url)
        stack.push_async_callback(hub.close)
        listening = asyncio.create_task(hub.listen(consumer, topic_prefix))
        stack.callback(listening.cancel)
        yield hub


async def soon(check: Callable[[], object]) -> None:
    await eventually(check, timeout=20, interval=0.02)


async def test_all_that_a_connector_does(hub: Hub) -> None:
    """In one go, since bringing a connector up is what takes time."""
    shop = hub.shops["https://a.example"]
    shop.catalogue = [[FetchedEntity("order", "1", b'{"id": "1"}')]]
    store = await hub.connect("a")

    # Connected; and what the import read has come back through the raw topic, translated.
    await soon(lambda: b'"active"' in b"".join(each.value for each in hub.of("integrations.events")))
    assert shop.webhooks == {f"https://hub.example/webhooks/api/{store}"}
    await soon(lambda: hub.orders() == ["1"])

    # A delivery becomes an event that carries where it came from.
    await hub.deliver(store, b'{"id": "29"}', "29")
    await soon(lambda: hub.orders() == ["1", "29"])
    message = hub.of("commerce.orders")[-1]
    assert message.key == f"{store}:29"
    assert message.headers["ce_type"] == OrderDeleted.event_type
    assert OrderDeleted.from_json(message.value).raw.topic == "raw.api"

    # One that holds less than the order makes the connector fetch it.
    shop.entities["30"] = b'{"id": "30"}'
    await hub.deliver(store, b'{"look": "30"}', "30")
    await soon(lambda: hub.orders() == ["1", "29", "30"])

    # One that nobody can read goes to the dead letters, and the stream goes on.
    await hub.deliver(store, b"<html>", "31")
    await hub.deliver(store, b'{"id": "32"}', "32")
    await soon(lambda: hub.orders()[-1] == "32")
    await soon(lambda: [each.value for each in hub.of("raw.api.dlq")] == [b"<html>"])

    # Commands have their effect and their outcome.
    ship, level = fulfilment(store), stock(store, uuid4(), 1, quantity=7)
    messages = [Message("commands.api", str(store), each.to_json()) for each in (ship, level)]
    await hub.producer.send_many(messages)
    await soon(lambda: hub.outcome(ship.id) and hub.outcome(level.id))
    for each in (ship, level):
        outcome = hub.outcome(each.id)
        assert outcome is not None
        assert outcome.status is CommandStatus.SUCCEEDED
    assert (len(shop.shipments), shop.stock) == (1, {"MUG": 7})

    # Delivered again: answered, not done again.
    heard = len(hub.of("commands.outcomes"))
    await hub.producer.send_many(messages[:1])
    await soon(lambda: len(hub.of("commands.outcomes")) > heard)
    assert shop.calls.count("create_fulfillment") == 1

    # All is done: operations see no job and nothing in the outbox.
    transport = httpx.ASGITransport(hub.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://connector") as client:

        async def settled() -> bool:
            answer = await client.get("/internal/status", headers=internal_headers(KEYS, ORG))
            status = json.loads(answer.text)
            return (status["jobs"], status["outbox"], status["ready"]) == (0, 0, True)

        await eventually(settled)
