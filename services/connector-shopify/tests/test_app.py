"""The whole connector on real Kafka and PostgreSQL, with a simulated store: connected, listened to, shipped from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import orjson
import pytest
from cryptography.fernet import Fernet

from longshore.broker import Message, Record, make_broker, subscribe
from longshore.contracts import (
    Command,
    CommandLine,
    CommandOutcome,
    CommandStatus,
    FulfillmentCreate,
    IntegrationChanged,
    IntegrationStatus,
    OrderSnapshot,
    Origin,
    Platform,
    StockSet,
    Tracking,
)
from longshore.ids import OrgId, uuid7
from longshore.platforms.outcomes import integration_message
from longshore.platforms.raw import delivery_headers, store_headers, stream_key
from longshore.platforms.token_endpoint import read_answer
from longshore.runtime import Service
from longshore.vault import GRANTED, Sealer, TokenPair, TokenStore, Vault
from longshore_connector_shopify.app import create_app
from longshore_connector_shopify.client.permissions import ASKED
from longshore_connector_shopify.client.topics import FOLLOWED
from longshore_connector_shopify.settings import Settings
from longshore_devkit.stores.shopify import rest_orders
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig
from longshore_devkit.testing import eventually

HEARD = ["commerce.orders", "commerce.products", "commerce.stock", "commands.outcomes", "integrations.events"]


class Running:
    """A running connector with one connected store."""

    def __init__(self, service: Service, sim: SimulatedShopify, org: OrgId) -> None:
        self.service, self.sim, self.shop, self.org = service, sim, sim.shop(), org
        self.heard: list[Record] = []
        self.integration: Any = None
        self.keys: tuple[str, ...] = ()

    async def hear(self, records: Any) -> None:
        self.heard.extend(records)

    def of(self, kind: type[Any]) -> list[Any]:
        """What was heard of one contract."""
        return [kind.from_json(each.value) for each in self.heard if each.headers["ce_type"] == kind.event_type]

    async def connect(self, vault: Vault) -> None:
        now = datetime.now(UTC)
        domain = self.shop.config.domain
        async with self.service.engine.begin() as conn:
            self.integration = await vault.create(
                conn,
                org_id=self.org,
                platform=Platform.SHOPIFY,
                name="Demo",
                store_url=f"https://{domain}",
                store_key=domain,
                credentials={"access_token": self.shop.config.access_token},
                settings={},
                now=now,
            )
        await self.told_of(now)

    async def grant(self, vault: Vault, tokens: TokenStore) -> TokenPair:
        """The merchant agrees (once more), as the gateway has it; an hour ago, so that a refused token is not new."""
        config = self.shop.config
        form = {"client_id": config.client_id, "client_secret": config.api_secret}
        agreed = self.shop.grants.authorize(form | {"redirect_uri": "https://hub", "scope": ",".join(ASKED)})
        code = dict(parse_qsl(urlsplit(agreed).query))["code"]
        answer = orjson.dumps(self.shop.grants.token(form | {"code": code, "expiring": "1"}))
        now = datetime.now(UTC)
        pair = read_answer(200, answer, now)
        async with self.service.engine.begin() as conn:
            assert await vault.reconnect(conn, self.integration.id, GRANTED, now)
            await tokens.put(conn, self.integration.id, self.org, pair, now - timedelta(hours=1))
        await self.told_of(now)
        return pair

    async def refund(self) -> Any:
        """An order with a refund, which the connector has to fetch."""
        order = self.shop.place_order([("LS-0001", 1)], plain=True)
        told = orjson.dumps(rest_orders.refund_payload(order, self.shop.refund(order.id)))
        await self.deliver("refunds/create", told, str(order.id))
        return order

    def statuses(self) -> list[str]:
        return [each.status.value for each in self.of(IntegrationChanged)]

    async def told_of(self, now: datetime) -> None:
        event = IntegrationChanged(
            integration_id=self.integration.id,
            org_id=self.org,
            platform=Platform.SHOPIFY,
            status=IntegrationStatus.CONNECTING,
            at=now,
        )
        await self.service.producer.send(integration_message(event))

    async def deliver(self, topic: str, body: bytes, key: str) -> None:
        """A webhook, as the gateway writes it into the raw log."""
        headers = delivery_headers(
            store_headers(Platform.SHOPIFY, self.org, self.integration.id, Origin.WEBHOOK),
            topic_name=topic,
            received_at=datetime.now(UTC),
            delivery_id=str(uuid4()),
            platform_headers={"x-shopify-topic": topic},
        )
        message = Message("raw.shopify", stream_key(self.integration.id, key), body, headers)
        await self.service.producer.send(message)

    async def command(self, payload: Any) -> CommandOutcome:
        """Send a command, lose the first answer to it after the store has written, and wait for the final outcome."""
        command = Command(
            id=uuid7(),
            org_id=self.org,
            integration_id=self.integration.id,
            platform=Platform.SHOPIFY,
            payload=payload,
            reply_to="test",
            created_at=datetime.now(UTC),
        )
        told: list[CommandOutcome] = []

        def status(*wanted: CommandStatus) -> bool:
            told[:] = [each for each in self.of(CommandOutcome) if each.command_id == command.id]
            return any(each.status in wanted for each in told)

        self.sim.faults.drop_after_write_rate = 1.0
        headers = {"ce_type": Command.event_type}
        await self.service.producer.send(
            Message("commands.shopify", str(self.integration.id), command.to_json(), headers)
        )
        await eventually(lambda: status(CommandStatus.RUNNING), timeout=30)
        self.sim.faults.drop_after_write_rate = 0.0
        await eventually(lambda: status(CommandStatus.SUCCEEDED, CommandStatus.FAILED), timeout=30)
        return told[-1]


@pytest.fixture
async def running(bootstrap_servers: str, database_url: str, topic_prefix: str) -> AsyncIterator[Running]:
    """The connector with a store connected and its catalogue read."""
    async with SimulatedShopify(ShopConfig(products=8, locations=2)) as sim:
        settings = Settings(
            kafka_bootstrap_servers=bootstrap_servers,
            database_url=database_url,
            topic_prefix=topic_prefix,
            topic_partitions=1,
            encryption_keys=(Fernet.generate_key().decode(),),
            shopify_admin_origin=sim.url,
            shopify_client_id=sim.shop().config.client_id,
            shopify_client_secrets=(sim.shop().config.api_secret, "an-older-one"),
        )
        service: Service = create_app(settings).state.service
        running = Running(service, sim, OrgId(uuid4()))
        await service.start()
        await eventually(lambda: not service.missing(), timeout=30)
        listener = make_broker(bootstrap_servers, producer=service.producer, prefix=topic_prefix)
        subscribe(listener, topics=HEARD, group="test.listener", apply=running.hear)
        await listener.start()
        try:
            await running.connect(Vault(Sealer(settings.encryption_keys)))
            running.keys = settings.encryption_keys
            yield running
        finally:
            await listener.stop()
            await service.stop()


async def test_a_store_is_connected_heard_and_told(running: Running) -> None:
    shop = running.shop
    # Connected: webhooks registered, then the catalogue.
    active = await eventually(lambda: [e for e in running.of(IntegrationChanged) if e.status == "active"], timeout=30)
    assert active[0].integration_id == running.integration.id
    assert {each.topic for each in shop.webhooks.subscriptions.values()} == set(FOLLOWED)
    items = {each.inventory_item_id for each in shop.variants}
    await eventually(
        lambda: len({each.key for each in running.heard if each.topic.endswith("commerce.stock")}) == len(items),
        timeout=30,
    )

    # Heard: an order by webhook, then by a refund that makes the connector fetch it.
    order = shop.place_order([("LS-0001", 3)], plain=True)
    body = rest_orders.order_payload(order, shop.config.domain)
    await running.deliver("orders/create", orjson.dumps(body), str(order.id))
    # (The first reading of the store may find it, too.)
    snapshot, *_ = await eventually(lambda: running.of(OrderSnapshot), timeout=30)
    assert snapshot.reconciled
    refund = shop.refund(order.id)
    told = orjson.dumps(rest_orders.refund_payload(order, refund))
    await running.deliver("refunds/create", told, str(order.id))
    fetched = await eventually(lambda: [e for e in running.of(OrderSnapshot) if e.refunds], timeout=30)
    assert fetched[0].raw.origin == "fetch"
    assert fetched[0].refunds[0].external_id == str(refund.id)

    # Told: a shipment and a stock level, each with its first answer lost.
    line = snapshot.lines[0]
    shipped = await running.command(
        FulfillmentCreate(
            order_id=uuid4(),
            order_external_id=str(order.id),
            fulfillment_id=uuid7(),
            lines=[CommandLine(line_id=line.id, external_id=line.external_id, quantity=2)],
            tracking=Tracking(number="1Z1", carrier="UPS"),
        )
    )
    assert shipped.status is CommandStatus.SUCCEEDED, shipped.error
    assert [str(each.id) for each in order.fulfillments] == [shipped.fulfillment_external_id]
    variant = shop.variant_by_sku("LS-0002")
    pushed = await running.command(
        StockSet(
            listing_id=uuid4(),
            sku="LS-0002",
            variant_external_id=str(variant.id),
            inventory_external_id=str(variant.inventory_item_id),
            quantity=41,
            expected=variant.available,
            sequence=1,
        )
    )
    assert (pushed.status, pushed.quantity) == (CommandStatus.SUCCEEDED, 41), pushed.error
    assert variant.available == 41


async def test_a_store_that_was_connected_by_consent(running: Running) -> None:
    """Refreshed when the shop refuses the token; refused for good, it says so; granted once more, it goes on."""
    vault, tokens = Vault(Sealer(running.keys)), TokenStore(Sealer(running.keys))
    grants = running.shop.grants
    await eventually(lambda: running.statuses() == ["connecting", "active"], timeout=30)
    await running.grant(vault, tokens)
    await eventually(lambda: running.statuses()[2:] == ["connecting", "active"], timeout=30)
    assert grants.calls["refresh"] == 0

    grants.expire_access()
    order = await running.refund()
    await eventually(lambda: [e for e in running.of(OrderSnapshot) if e.external_id == str(order.id)], timeout=30)
    assert grants.calls["refresh"] == 1

    await running.grant(vault, tokens)
    await eventually(lambda: running.statuses()[4:] == ["connecting", "active"], timeout=30)
    grants.expire_access()
    grants.refuse_refresh = True
    await running.refund()
    await eventually(lambda: running.statuses()[6:] == ["needs_reauth"], timeout=30)

    grants.refuse_refresh = False
    await running.grant(vault, tokens)
    await eventually(lambda: running.statuses()[7:] == ["connecting", "active"], timeout=30)
    order = await running.refund()
    await eventually(lambda: [e for e in running.of(OrderSnapshot) if e.external_id == str(order.id)], timeout=30)
