"""Deliveries with a valid signature and broken content, in process: what the gateway takes, the connectors either read,
ignore or set aside by their own error, and whatever they say of it every consumer can read and keep.

`make test` has hypothesis look for some hundreds of cases. LONGSHORE_FUZZ_CASES=1000000 runs so many, counted from
LONGSHORE_TEST_SEED; a failing case names the seed that repeats it alone.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.broker import COMMERCE_CUSTOMERS, COMMERCE_ORDERS, EncodedMessage, Message, Record, encode_headers
from longshore.broker.gathering import Done
from longshore.broker.records import to_bytes, to_text
from longshore.contracts import (
    OrderDeleted,
    OrderSnapshot,
    Origin,
    Platform,
    ProductDeleted,
    ProductSnapshot,
    StockLevel,
)
from longshore.db import migrate, migrations_path
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import FetchedEntity, NormalizedEvent, Translation, Translator, Untranslatable
from longshore.platforms.raw import fetched_message, read_raw
from longshore.platforms.translating import to_message
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.broken import Signed, break_body, break_headers, signed
from longshore_devkit.forms import LONG_FORM, examples
from longshore_devkit.stores.common import Faults
from longshore_devkit.stores.shopify.rest import customer_payload, inventory_level_payload, product_payload
from longshore_devkit.stores.shopify.rest_orders import fulfillment_payload, order_payload, refund_payload
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig
from longshore_gateway.webhooks.metrics import WebhookMetrics
from longshore_gateway.webhooks.route import Answer, WebhookRoute
from longshore_gateway.webhooks.stores import Sender, sender_of
from longshore_inventory import app as inventory_app
from longshore_inventory.listings.rules import VariantIds
from longshore_inventory.listings.service import Catalogue
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.orders.facts import OrderFacts
from longshore_inventory.orders.service import OrderStock
from longshore_inventory.stock.reports import Reports
from longshore_order_sync import app as order_sync_app
from longshore_order_sync.customers.consumers import CustomersConsumer
from longshore_order_sync.customers.service import ApplyCustomers
from longshore_order_sync.metrics import OrderMetrics
from longshore_order_sync.orders.canonical import canonical
from longshore_order_sync.orders.consumers import OrdersConsumer
from longshore_order_sync.orders.rules import with_digest
from longshore_order_sync.orders.search import terms_of
from longshore_order_sync.orders.service import ApplyOrders
from longshore_order_sync.orders.state import delivery_of

ORG = OrgId(UUID(int=1))
WOO, SHOPIFY = IntegrationId(UUID(int=2)), IntegrationId(UUID(int=3))
SECRET = "wh-secret"
DOMAIN = "broken.myshopify.com"
RECORDINGS = Path(__file__).parents[2] / "services" / "connector-woo" / "tests" / "fixtures"
TRANSLATORS: dict[Platform, Translator] = {
    Platform.WOOCOMMERCE: WooTranslator(),
    Platform.SHOPIFY: ShopifyTranslator(),
}
# What a delivery may be answered; 503 is for Kafka's absence alone.
ANSWERS = frozenset({200, 400, 401, 404, 413})
PIECES = ("quantity", "fulfilled_quantity", "refunded_quantity", "restocked_quantity", "oversold_quantity")
CASES = int(os.environ.get("LONGSHORE_FUZZ_CASES") or (50_000 if LONG_FORM else 0))
SEED = int(os.environ.get("LONGSHORE_TEST_SEED") or random.SystemRandom().randrange(1_000_000_000))


class Kept:
    """Kafka: keeps the last message, as the bytes that go over the wire."""

    def __init__(self) -> None:
        self.last: Record | None = None

    def offer(self, message: EncodedMessage, done: Done) -> None:
        self._take(message)
        done(None)

    async def send_encoded(self, message: EncodedMessage) -> None:
        self._take(message)

    def _take(self, message: EncodedMessage) -> None:
        read = {to_text(to_bytes(name)): to_text(text) for name, text in message.headers}
        self.last = Record(message.topic, 3, 41, 1_795_000_000_000, to_text(message.key), message.value, read)

    def keep(self, message: Message) -> None:
        """A message that did not come through the gateway."""
        headers = {name: to_text(value) for name, value in encode_headers(message.headers)}
        self.last = Record(message.topic, 3, 41, 1_795_000_000_000, message.key, message.value, headers)

    def record(self) -> Record | None:
        """The message as a consumer reads it."""
        record, self.last = self.last, None
        return record


class TwoStores:
    """Knows one store of each platform."""

    _woo = (sender_of(Platform.WOOCOMMERCE, ORG, WOO, (SECRET.encode(),)),)
    _shopify = (sender_of(Platform.SHOPIFY, ORG, SHOPIFY, (SECRET.encode(),)),)

    def remembered(self, platform: Platform, name: str) -> tuple[Sender, ...] | None:
        known = {(Platform.WOOCOMMERCE, str(WOO)): self._woo, (Platform.SHOPIFY, DOMAIN): self._shopify}
        return known.get((platform, name))

    async def woocommerce(self, integration_id: str) -> tuple[Sender, ...]:
        return self.remembered(Platform.WOOCOMMERCE, integration_id) or ()

    async def shopify(self, shop: str) -> tuple[Sender, ...]:
        return self.remembered(Platform.SHOPIFY, shop.lower()) or ()


class Intake:
    """The gateway's own route, a connector's own translator, the consumers' own models: all but the network."""

    def __init__(self) -> None:
        self.kafka = Kept()
        self.outcomes: Counter[str] = Counter()
        # What came of the deliveries, as consumers read it.
        self.said: list[tuple[NormalizedEvent, Record]] = []
        self._loop = asyncio.new_event_loop()
        self._route = WebhookRoute(
            self._behind,
            TwoStores(),  # type: ignore[arg-type]  # the same interface, without a database
            self.kafka,  # type: ignore[arg-type]
            WebhookMetrics(CollectorRegistry()),
        )

    @staticmethod
    async def _behind(scope: object, receive: object, send: object) -> None:
        raise AssertionError("a delivery left the hot route")

    def close(self) -> None:
        self._loop.close()

    def deliver(self, delivery: Signed) -> int:
        """The status of the gateway's answer."""
        path = "/webhooks/shopify" if delivery.platform == "shopify" else f"/webhooks/woocommerce/{WOO}"
        # As the gateway's connections do: by the short way, and what that leaves as any request.
        short: list[Answer] = []
        if self._route.offer(path, delivery.headers, delivery.body, short.append):
            return short.pop()[0]
        answered: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": delivery.body, "more_body": False}

        async def send(event: Any) -> None:
            answered.append(event)

        scope = {"type": "http", "method": "POST", "path": path, "headers": list(delivery.headers)}
        self._loop.run_until_complete(self._route(scope, receive, send))
        assert [each["type"] for each in answered] == ["http.response.start", "http.response.body"]
        return int(answered[0]["status"])

    def take(self, delivery: Signed) -> None:
        """One delivery through all of it. Raises AssertionError, or whatever nobody has foreseen."""
        status = self.deliver(delivery)
        assert status in ANSWERS, status
        record = self.kafka.record()
        assert (record is not None) == (status == 200)
        if record is None:
            self.outcomes[str(status)] += 1
            return
        assert record.value == delivery.body
        self.translate(record, Platform(delivery.platform))

    def translate(self, record: Record, platform: Platform) -> Translation | None:
        """What the connector makes of a raw record; None if it sets it aside."""
        raw = read_raw(record, platform)
        try:
            translation = TRANSLATORS[platform].translate(raw)
        except Untranslatable as error:
            str(error).encode()
            self.outcomes["dead letter"] += 1
            return None
        for n, event in enumerate(translation.events):
            message = to_message(event, raw, n)
            to_bytes(message.key)
            check(event, message.value)
            place = len(self.said)
            heard = Record(message.topic, 0, place, record.timestamp_ms, message.key, message.value, message.headers)
            self.said.append((event, heard))
        for fetch in translation.fetches:
            assert fetch.external_id.isdigit()
            assert len(fetch.external_id) <= 64
        problems = any(getattr(event, "problems", None) for event in translation.events)
        kind = "ignored" if translation.ignored else "with problems" if problems else "read"
        assert translation.events or translation.fetches or translation.ignored
        self.outcomes[kind] += 1
        return translation


def check(event: NormalizedEvent, written: bytes) -> None:
    """Every consumer can read it, and PostgreSQL can keep it."""
    again = type(event).from_json(written)
    assert again.to_json() == written
    keepable(json.loads(written))
    if isinstance(event, OrderSnapshot):
        # What inventory and order-sync do with it before they write.
        assert OrderFacts.from_json(written).digest == event.digest
        assert isinstance(again, OrderSnapshot)
        delivery = delivery_of(with_digest(again), written)
        "".join(terms_of(delivery.summary.texts)).encode()
        assert canonical(again).to_json()
        assert event.reconciled == (not event.discrepancies)
        assert len({line.id for line in event.lines}) == len(event.lines)
        # A store time far ahead would outrank all that the store says later, for ever.
        assert event.version.updated_at <= datetime(2099, 1, 1, tzinfo=UTC)


def keepable(value: Any, key: str = "") -> None:
    """No NUL and no half of a surrogate pair, no number that its column cannot hold."""
    match value:
        case dict():
            for name, each in value.items():
                keepable(each, name)
        case list():
            for each in value:
                keepable(each, key)
        case str():
            assert "\0" not in value, key
            value.encode()
        case bool():
            pass
        case int():
            assert abs(value) < 2 ** (31 if key in PIECES else 63), key


@cache
def deliveries() -> Sequence[Signed]:
    """Good ones of all kinds: recorded from a real WooCommerce, and a simulated shop's."""
    found = []
    for path in sorted((RECORDINGS / "webhooks").glob("*.json")):
        recorded = json.loads(path.read_text())
        topic = recorded["headers"].get("X-WC-Webhook-Topic")
        if topic:
            body = base64.b64decode(recorded["body_base64"])
            found.append(signed("woocommerce", topic, body, secret=SECRET, shop="http://shop.example.test/"))
    return (*found, *_of_shopify())


def _of_shopify() -> Iterator[Signed]:
    shop = Shop(ShopConfig(DOMAIN, products=4), Faults())
    orders = [shop.place_order() for _ in range(6)]
    shop.refund(orders[0].id, full=True)
    shop.refund(orders[1].id)
    shop.edit(orders[2].id)
    shop.cancel(orders[3].id)
    variant = next(iter(shop.variants))
    location = shop.locations[0].id
    bodies: list[tuple[str, Any]] = [("orders/updated", order_payload(order, DOMAIN)) for order in orders]
    bodies += [("refunds/create", refund_payload(order, refund)) for order in orders for refund in order.refunds]
    bodies += [
        ("fulfillments/update", fulfillment_payload(order, each)) for order in orders for each in order.fulfillments
    ]
    bodies += [
        ("products/update", product_payload(shop.products[variant.product_id], "USD")),
        ("inventory_levels/update", inventory_level_payload(variant, location, variant.levels[location])),
        ("orders/delete", {"id": orders[0].id}),
        ("products/delete", {"id": variant.product_id}),
        ("app/uninstalled", {"id": 1, "domain": DOMAIN}),
    ]
    bodies += [
        ("customers/update", customer_payload(order.customer, "USD")) for order in orders if order.customer is not None
    ]
    for topic, body in bodies:
        yield signed("shopify", topic, json.dumps(body).encode(), secret=SECRET, shop=DOMAIN)


@cache
def fetched() -> Sequence[tuple[FetchedEntity, bytes]]:
    """What a WooCommerce store answered when it was asked, as entities of a fetch."""
    found = []
    for name, resource in (("13", "order"), ("12", "order"), ("20", "product"), ("22", "product"), ("25", "customer")):
        path = next((RECORDINGS / "rest").glob(f"{name}-*.json"))
        body = json.loads(path.read_text())["body_text"].encode()
        if name == "13":
            refunds = next((RECORDINGS / "rest").glob("14-*.json"))
            body = b'{"order":%b,"refunds":%b}' % (body, json.loads(refunds.read_text())["body_text"].encode())
        found.append((FetchedEntity(resource, "34", b""), body))  # type: ignore[arg-type]
    return found


def one_case(intake: Intake, chance: random.Random) -> None:
    """Break one good delivery, or one answer, and take it in."""
    if chance.random() < 0.08:
        entity, body = chance.choice(fetched())
        broken = FetchedEntity(entity.resource, entity.external_id, break_body(body, chance))
        message = fetched_message(Platform.WOOCOMMERCE, ORG, WOO, broken, datetime.now(UTC), "fetch")
        intake.kafka.keep(message)
        record = intake.kafka.record()
        assert record is not None
        assert read_raw(record, Platform.WOOCOMMERCE).origin is Origin.FETCH
        intake.translate(record, Platform.WOOCOMMERCE)
        return
    good = chance.choice(deliveries())
    body = break_body(good.body, chance) if chance.random() < 0.93 else good.body
    delivery = good.resigned(SECRET, body)
    if chance.random() < 0.08:
        other = chance.choice(deliveries())
        if other.platform == delivery.platform:
            delivery = delivery.about(other.topic)
    if chance.random() < 0.12:
        delivery = break_headers(delivery, chance)
    intake.take(delivery)


@pytest.fixture(scope="module")
def intake() -> Iterator[Intake]:
    intake = Intake()
    yield intake
    intake.close()


class TestInProcess:
    def test_good_ones_are_read(self, intake: Intake) -> None:
        """Or the others would prove nothing."""
        intake.outcomes.clear()
        for delivery in deliveries():
            intake.take(delivery)
        for entity, body in fetched():
            message = fetched_message(
                Platform.WOOCOMMERCE,
                ORG,
                WOO,
                FetchedEntity(entity.resource, entity.external_id, body),
                datetime.now(UTC),
                "fetch",
            )
            intake.kafka.keep(message)
            record = intake.kafka.record()
            assert record is not None
            intake.translate(record, Platform.WOOCOMMERCE)
        assert set(intake.outcomes) == {"read", "ignored"}
        assert intake.outcomes["read"] > 60

    @settings(
        max_examples=examples(500),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(chance=st.randoms(use_true_random=False))
    def test_broken_ones(self, intake: Intake, chance: random.Random) -> None:
        one_case(intake, chance)

    @pytest.mark.skipif(not CASES, reason="LONGSHORE_FUZZ_CASES says how many; make fuzz sets it")
    def test_a_great_many(self, intake: Intake) -> None:
        intake.outcomes.clear()
        began = time.monotonic()
        for seed in range(SEED, SEED + CASES):
            try:
                one_case(intake, random.Random(seed))
            except Exception as error:
                raise AssertionError(f"LONGSHORE_TEST_SEED={seed} LONGSHORE_FUZZ_CASES=1 repeats it") from error
            intake.said.clear()
        seconds = time.monotonic() - began
        rate = f"{CASES / seconds:,.0f} cases/s"
        print(f"{CASES:,} cases from seed {SEED} in {seconds:,.0f} s ({rate}): {dict(intake.outcomes)}")  # noqa: T201


@dataclass(frozen=True)
class Consumers:
    """What order-sync and inventory do with a batch, on a database with their tables."""

    orders: OrdersConsumer
    customers: CustomersConsumer
    stock: OrderStock
    catalogue: Catalogue
    reports: Reports

    async def apply(self, said: Sequence[tuple[NormalizedEvent, Record]]) -> None:
        """A batch of everything. Raises what their consumers would call poison."""
        by_topic: dict[str, list[Record]] = {}
        for _, record in said:
            by_topic.setdefault(record.topic, []).append(record)
        assert await self.orders.apply(by_topic.get(COMMERCE_ORDERS.name, [])) == []
        assert await self.customers.apply(by_topic.get(COMMERCE_CUSTOMERS.name, [])) == []
        events = [event for event, _ in said]
        await self.catalogue.apply(
            [each for each in events if isinstance(each, ProductSnapshot)],
            [each for each in events if isinstance(each, ProductDeleted)],
        )
        await self.reports.apply([each for each in events if isinstance(each, StockLevel)])
        await self.stock.apply(
            [OrderFacts.from_json(each.to_json()) for each in events if isinstance(each, OrderSnapshot)],
            [each for each in events if isinstance(each, OrderDeleted)],
        )


@pytest.fixture
async def consumers(database_url: str) -> AsyncIterator[Consumers]:
    for module, schema in ((order_sync_app, "order_sync"), (inventory_app, "inventory")):
        await migrate(database_url, migrations_path(module.__file__), schema)
    engine = create_async_engine(database_url)
    metrics, variant_ids = InventoryMetrics(CollectorRegistry()), VariantIds()
    yield Consumers(
        OrdersConsumer(ApplyOrders(engine, OrderMetrics(CollectorRegistry()))),
        CustomersConsumer(ApplyCustomers(engine)),
        OrderStock(engine, metrics, variant_ids),
        Catalogue(engine, metrics, variant_ids),
        Reports(engine, metrics, 0.0),
    )
    await engine.dispose()


class TestKept:
    async def test_what_comes_of_broken_ones_is_kept_in_batches(self, consumers: Consumers) -> None:
        """On real PostgreSQL: no event that a connector lets through makes a batch fail, and so its neighbours late."""
        # In a thread: the intake has a loop of its own.
        said = await asyncio.to_thread(self.said, 30_000 if LONG_FORM else 1_500)
        for start in range(0, len(said), 200):
            await consumers.apply(said[start : start + 200])
            await consumers.reports.settle_due()

    @staticmethod
    def said(cases: int) -> list[tuple[NormalizedEvent, Record]]:
        print(f"LONGSHORE_TEST_SEED={SEED}")  # noqa: T201
        intake = Intake()
        for seed in range(SEED, SEED + cases):
            one_case(intake, random.Random(seed))
        intake.close()
        return intake.said
