"""Orders made without a gateway: raw records and snapshots as the gateway and the connector write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from longshore.broker import RAW, Message, Producer
from longshore.contracts import Origin, Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.raw import delivery_headers, store_headers, stream_key
from longshore.platforms.translating import to_message
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.loadgen.plan import WOO_TOPICS
from longshore_devkit.raw_records import raw_record
from longshore_devkit.stores.woo.payloads import OrderBodies

CHUNK = 2_000
_FIRST_AT = 1_795_000_000.0


def woo_deliveries(
    org_id: UUID, integration_id: UUID, count: int, *, copies: int = 2, first_id: int = 1_000_000
) -> Iterator[Message]:
    """Raw records of `count` orders, each delivered `copies` times, an order every 30 ms of the store."""
    bodies = OrderBodies(first_id=first_id)
    store = store_headers(Platform.WOOCOMMERCE, OrgId(org_id), IntegrationId(integration_id), Origin.WEBHOOK)
    received = datetime.now(UTC)
    for n in range(count):
        body = bodies(n, _FIRST_AT + n * 0.03)
        key = stream_key(IntegrationId(integration_id), str(bodies.order_id(n)))
        for copy, (topic, _) in enumerate(WOO_TOPICS[:copies]):
            headers = delivery_headers(
                store,
                topic_name=topic,
                received_at=received,
                delivery_id=f"{n}-{copy}",
                platform_headers={"x-wc-webhook-topic": topic, "x-wc-webhook-source": "http://bench.example.test/"},
            )
            yield Message(RAW("woocommerce").name, key, body, headers)


def woo_snapshots(org_id: UUID, integration_id: UUID, count: int) -> Iterator[Message]:
    """What the connector makes of one delivery of each of `count` orders: messages for commerce.orders."""
    translator = WooTranslator()
    received = datetime.now(UTC)
    for n, message in enumerate(woo_deliveries(org_id, integration_id, count, copies=1)):
        raw = raw_record(
            Platform.WOOCOMMERCE,
            message.value,
            "order.created",
            org_id=org_id,
            integration_id=integration_id,
            received_at=received,
            headers=message.headers,
            offset=n,
        )
        for number, event in enumerate(translator.translate(raw).events):
            yield to_message(event, raw, number)


async def produce(servers: str, messages: Iterable[Message]) -> int:
    """Write them all; how many there were."""
    producer = Producer(servers, "", "bench")
    await producer.start()
    count = 0
    try:
        await producer.wait_connected()
        chunk: list[Message] = []
        for message in messages:
            chunk.append(message)
            if len(chunk) == CHUNK:
                await producer.send_many(chunk)
                count += len(chunk)
                chunk = []
        await producer.send_many(chunk)
        count += len(chunk)
    finally:
        await producer.stop(1.0)
    return count
