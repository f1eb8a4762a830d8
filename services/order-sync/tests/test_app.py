"""The whole service on real Kafka and PostgreSQL: from a normalized snapshot to a fulfilment that the store took."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from longshore.broker import Message, Record, make_broker, subscribe
from longshore.contracts import Command, CommandStatus
from longshore.internal import internal_headers
from longshore.runtime import Service
from longshore_devkit.testing import eventually
from longshore_order_sync.app import create_app
from longshore_order_sync.settings import Settings


@pytest.fixture
async def client(
    bootstrap_servers: str, database_url: str, topic_prefix: str, shop: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """The running service, called on behalf of the shop's organisation."""
    settings = Settings(
        kafka_bootstrap_servers=bootstrap_servers,
        database_url=database_url,
        topic_prefix=topic_prefix,
        topic_partitions=1,
        encryption_keys=(Fernet.generate_key().decode(),),
    )
    app = create_app(settings)
    service: Service = app.state.service
    await service.start()
    transport = httpx.ASGITransport(app)
    headers = internal_headers(settings.encryption_keys, shop.org_id)
    async with httpx.AsyncClient(transport=transport, base_url="http://order-sync", headers=headers) as client:
        client.service = service  # type: ignore[attr-defined]
        try:
            await eventually(lambda: not service.missing(), timeout=30)
            yield client
        finally:
            await service.stop()


async def test_from_snapshot_to_shipped(client: Any, shop: Any) -> None:
    service: Service = client.service
    sent: list[Record] = []

    async def hear(records: Any) -> None:
        sent.extend(records)

    listener = make_broker(
        service.settings.kafka_bootstrap_servers, producer=service.producer, prefix=service.settings.topic_prefix
    )
    subscribe(listener, topics=["commands.woocommerce", "orders.events"], group="test.listener", apply=hear)
    await listener.start()
    try:
        order = shop.snapshot(quantities=(2,))
        await send(service, "commerce.orders", order)
        await send(service, "commerce.customers", shop.customer(email="anna@example.com"))
        shown = await eventually(lambda: found(client, f"/api/v1/orders/{shop.order_id()}"))
        answer = await client.post(f"/api/v1/orders/{shown['id']}/fulfillments", json={"tracking": {"number": "T1"}})
        assert answer.status_code == 202, answer.text

        command = Command.from_json((await eventually(lambda: of_type(sent, "longshore.command.v1")))[0].value)
        assert str(command.id) == answer.json()["command"]["id"]
        outcome = shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")
        for _ in range(2):
            await send(service, "commands.outcomes", outcome)
        done = await eventually(lambda: found(client, f"/api/v1/orders/{shown['id']}", status="fulfilled"))
        assert [each["external_id"] for each in done["fulfillments"]] == ["f-1"]
        assert await eventually(lambda: of_type(sent, "longshore.fulfillment.settled.v1"))
        assert len(of_type(sent, "longshore.fulfillment.requested.v1")) == 1

        listed = (await client.get("/api/v1/commands", params={"order_id": shown["id"]})).json()["items"]
        assert [(each["type"], each["status"], each["attempts"]) for each in listed] == [
            ("fulfillment.create", "succeeded", 1)
        ]
        customers = await eventually(lambda: found(client, "/api/v1/customers"))
        assert [each["email"] for each in customers["items"]] == ["anna@example.com"]
        status = await eventually(lambda: found(client, "/internal/status", outbox=0))
        assert {each["group"] for each in status["groups"]} == {
            "order-sync.orders", "order-sync.customers", "order-sync.outcomes", "order-sync.inventory",
            "order-sync.decisions", "order-sync.syncs", "order-sync.repairs",
        }  # fmt: skip
        # Both of the outcome were read.
        await eventually(lambda: metric(client, 'longshore_batch_records_sum{group="order-sync.outcomes"} 2.0'))
        metrics = (await client.get("/metrics")).text
        assert 'longshore_orders_applied_total{outcome="created"} 1.0' in metrics
        assert 'longshore_fulfillments_total{status="success"} 1.0' in metrics
    finally:
        await listener.stop()


async def test_poison_goes_to_the_dead_letters_and_the_stream_goes_on(client: Any, shop: Any) -> None:
    service: Service = client.service
    await service.producer.send(
        Message("commerce.orders", "x", b"not json", {"ce_type": "longshore.order.snapshot.v1"})
    )
    await send(service, "commerce.orders", shop.snapshot())
    await eventually(lambda: found(client, f"/api/v1/orders/{shop.order_id()}"))
    counted = 'longshore_dead_letters_total{group="order-sync.orders",topic="commerce.orders"} 1.0'
    await eventually(lambda: metric(client, counted))


async def send(service: Service, topic: str, entity: Any) -> None:
    await service.producer.send(Message(topic, "key", entity.to_json(), {"ce_type": entity.event_type}))


async def metric(client: httpx.AsyncClient, line: str) -> bool:
    return line in (await client.get("/metrics")).text


async def found(client: httpx.AsyncClient, path: str, **wanted: Any) -> Any:
    """The answer, once it is there, not an empty list, and as wanted."""
    answer = await client.get(path)
    body = answer.json()
    there = answer.status_code == 200 and body.get("items") != []
    return body if there and all(body[name] == value for name, value in wanted.items()) else None


def of_type(records: list[Record], kind: str) -> list[Record]:
    return [each for each in records if each.headers["ce_type"] == kind and json.loads(each.value)]
