"""Deliveries with a valid signature and broken content, in process: what the gateway takes, the connectors either read,
ignore or set aside by their own error, and whatever they say of it every consumer can read and keep. So is what is sent
to our own API, but that is good if it is taken.

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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import orjson
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
from longshore.platforms.protocols import (
    FetchedEntity,
    NormalizedEvent,
    RawRecord,
    Translation,
    Translator,
    Untranslatable,
)
from longshore.platforms.raw import fetched_message, read_raw
from longshore.platforms.translating import to_message
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.broken import Signed, break_body, break_headers, signed
from longshore_devkit.forms import LONG_FORM, examples
from longshore_devkit.raw_records import raw_record
from longshore_devkit.stores.common import Faults
from longshore_devkit.stores.shopify.rest import customer_payload, inventory_level_payload, product_payload
from longshore_devkit.stores.shopify.rest_orders import fulfillment_payload, order_payload, refund_payload
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig
from longshore_gateway.ingest.rules import RESOURCES, BadBody, Kind, Taken, TooManyItems, split
from longshore_gateway.ingest.rules import check as check_item
from longshore_gateway.ingest.translator import ApiTranslator
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
WOO, SHOPIFY, API = (IntegrationId(UUID(int=number)) for number in (2, 3, 4))
SECRET = "wh-secret"
DOMAIN = "broken.myshopify.com"
RECORDINGS = Path(__file__).parents[2] / "services" / "connector-woo" / "tests" / "fixtures"
TRANSLATORS: dict[Platform, Translator] = {
    Platform.WOOCOMMERCE: WooTranslator(),
    Platform.SHOPIFY: ShopifyTranslator(),
    Platform.API: ApiTranslator(),
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

    def ingest(self, kind: Kind, body: bytes, *, lines: bool) -> None:
        """A body sent to our own API: each item of it is taken, or told what is wrong with it."""
        record = raw_record(Platform.API, b"", kind, resource=RESOURCES[kind], org_id=ORG, integration_id=API)
        try:
            items = list(split(body, lines=lines))
        except (BadBody, TooManyItems):
            self.outcomes["no items"] += 1
            return
        for index, item in enumerate(items):
            found = check_item(kind, index, item, record)
            if isinstance(found, Taken):
                self.outcomes["taken"] += 1
                assert self.said_of(replace(record, body=found.body), 0) is not None, "what was taken is good"
            else:
                self.outcomes["told what is wrong"] += 1
                orjson.dumps([[each.index, each.pointer, each.detail] for each in found])

    def translate(self, record: Record, platform: Platform) -> Translation | None:
        """What the connector makes of a raw record; None if it sets it aside."""
        return self.said_of(read_raw(record, platform), record.timestamp_ms)

    def said_of(self, raw: RawRecord, timestamp_ms: int) -> Translation | None:
        """What its translator makes of a record, as consumers read it; None if it sets it aside."""
        try:
            translation = TRANSLATORS[raw.platform].translate(raw)
        except Untranslatable as error:
            str(error).encode()
            self.outcomes["dead letter"] += 1
            return None
        for n, event in enumerate(translation.events):
            message = to_message(event, raw, n)
            to_bytes(message.key)
            check(event, message.value)
            place = len(self.said)
            heard = Record(message.topic, 0, place, timestamp_ms, message.key, message.value, message.headers)
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


@cache
def ingested() -> Sequence[tuple[Kind, bytes]]:
    """What an in-house shop sends to the custom channel."""
    then = "2026-11-21T09:30:00Z"
    order = {
        "external_id": "1",
        "number": "#1",
        "status": "processing",
        "currency": "EUR",
        "placed_at": then,
        "updated_at": then,
        "taxes_included": True,
        "totals": {"total": "30.50", "tax": "2.00"},
        "customer": {"external_id": "c", "email": "a@example.test", "first_name": "Ann", "last_name": "Lee"},
        "shipping_address": {"first_name": "Ann", "city": "Bonn", "country": "DE", "postcode": "1"},
        "lines": [
            {
                "external_id": "l1",
                "sku": "TEA",
                "title": "Tea",
                "quantity": 2,
                "unit_price": "12.50",
                "discount": "1.00",
                "tax": "2.00",
                "taxes": [{"title": "VAT", "rate": "0.2", "amount": "2.00"}],
            },
            {"external_id": "l2", "quantity": 1, "unit_price": {"amount": 100, "currency": "EUR", "exponent": 2}},
        ],
        "shipping_lines": [{"title": "Parcel", "total": "4.90", "tax": "0.50"}],
        "fee_lines": [{"title": "Gift wrap", "total": "1"}],
        "discounts": [{"code": "X", "amount": "1.00"}],
        "fulfillments": [
            {
                "external_id": "f1",
                "lines": [{"external_id": "l1", "quantity": 1}],
                "tracking": {"number": "T", "company": "Post", "url": "https://post.example.test/T"},
                "created_at": then,
            }
        ],
        "refunds": [
            {
                "external_id": "r",
                "amount": "1.00",
                "lines": [{"external_id": "l1", "quantity": 1, "amount": "1.00", "restocked": True}],
                "created_at": then,
            }
        ],
        "notes": [{"text": "Hello", "author": "customer"}],
        "tags": ["a"],
    }
    variants = [{"external_id": "v", "sku": "a", "price": "1.20", "barcode": "1"}, {"sku": "b"}]
    product = {"external_id": "p", "title": "Mug", "currency": "EUR", "variants": variants, "updated_at": then}
    stock = {"sku": "a", "quantity": 4, "inventory_external_id": "v", "updated_at": then}
    customer = {"external_id": "c", "email": "a@example.test", "first_name": "Ann", "created_at": then}
    items: list[tuple[Kind, object]] = [("orders", order), ("products", product), ("stock", stock)]
    return [(kind, json.dumps(item).encode()) for kind, item in [*items, ("customers", customer)]]


def one_case(intake: Intake, chance: random.Random) -> None:
    """Break one good delivery, one answer, or what one sends to our own API, and take it in."""
    if chance.random() < 0.08:
        kind, body = chance.choice(ingested())
        intake.ingest(kind, break_body(body, chance), lines=chance.random() < 0.2)
        return
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
        for kind, body in ingested():
            intake.ingest(kind, body, lines=False)
        assert set(intake.outcomes) == {"read", "ignored", "taken"}
        assert intake.outcomes["read"] > 60
        assert intake.outcomes["taken"] == len(ingested())

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
