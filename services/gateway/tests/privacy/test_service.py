"""Compliance deliveries of a shop and the API for any store, with order-sync behind the gateway."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import longshore_order_sync.app
from longshore import ids
from longshore.contracts import CustomerSnapshot, IntegrationStatus, Platform, RawRef, Version
from longshore.db import migrate, migrations_path
from longshore.internal import internal_tokens
from longshore.problems import install_problem_handlers
from longshore.vault import GRANTED, Sealer, Vault
from longshore_devkit.testing import MakeDatabase, eventually
from longshore_gateway.forwarding.service import Forwarder
from longshore_gateway.settings import GatewaySettings
from longshore_gateway.webhooks.rules import signature_of
from longshore_order_sync.customers.service import ApplyCustomers
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.privacy.api import privacy_router
from longshore_order_sync.privacy.service import Privacy

KEY = "lsk_first_organisation"
SHOP = "tea-shop.myshopify.com"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ORG = ids.org_id(hashlib.sha256(KEY.encode()).hexdigest())
STORE = ids.integration_id(ORG, "shopify", SHOP)


class Hub:
    """A gateway and order-sync's part in this, in one process."""

    def __init__(self, gateway: Any, privacy: Privacy) -> None:
        self.gateway = gateway
        self.engine: AsyncEngine = gateway.service.engine
        self.order_sync = privacy
        self.requests = gateway.app.state.privacy

    async def connect(self, status: IntegrationStatus = IntegrationStatus.ACTIVE) -> None:
        async with self.engine.begin() as conn:
            vault = Vault(Sealer(self.gateway.settings.encryption_keys))
            await vault.create(
                conn,
                org_id=ORG,
                platform=Platform.SHOPIFY,
                name="Tea",
                store_url=f"https://{SHOP}",
                store_key=SHOP,
                credentials=GRANTED,
                settings={},
                now=NOW,
                status=status,
            )
            if status is IntegrationStatus.DELETED:
                await vault.delete(conn, ORG, STORE, NOW)

    def waiting(self, kind: str) -> float:
        """For how long the oldest open request has waited, as Prometheus is told."""
        name, labels = "longshore_privacy_request_waiting_seconds", {"kind": kind}
        found: float = self.gateway.service.registry.get_sample_value(name, labels)
        return found

    async def add_customer(self, external_id: str, email: str) -> None:
        snapshot = CustomerSnapshot(
            org_id=ORG,
            integration_id=STORE,
            platform=Platform.SHOPIFY,
            external_id=external_id,
            version=Version(updated_at=NOW, observed_at=NOW, offset=0),
            raw=RawRef(topic="raw.shopify", partition=0, offset=0),
            digest="d",
            email=email,
            updated_at=NOW,
        )
        await ApplyCustomers(self.engine).apply([(snapshot, snapshot.to_json())])

    async def add_letter(self, topic: str, key: str, headers: str = "{}") -> None:
        async with self.engine.begin() as conn:
            await conn.execute(
                text(
                    'INSERT INTO gateway.dead_letters (id, org_id, integration_id, topic, partition, "offset",'
                    " consumer_group, reason, error, stack, key, value, headers, failed_at)"
                    " VALUES (:id, :org, :store, :topic, 0, 0, 'g', 'r', 'e', 's', :key, 'planted', :headers, now())"
                ),
                {
                    "id": uuid4(),
                    "org": ORG,
                    "store": STORE,
                    "topic": topic,
                    "key": f"{STORE}:{key}".encode(),
                    "headers": headers.encode(),
                },
            )

    async def deliver(self, topic: str, body: dict[str, Any], *, by: bytes = b"app-secret", id: str = "d1") -> int:
        content = json.dumps(body).encode()
        headers = {
            "X-Shopify-Topic": topic,
            "X-Shopify-Shop-Domain": SHOP,
            "X-Shopify-Webhook-Id": id,
            "X-Shopify-Hmac-Sha256": signature_of(by, content).decode(),
        }
        answer = await self.gateway.stranger.post("/webhooks/shopify", content=content, headers=headers)
        return int(answer.status_code)

    async def list(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.gateway.client.get("/api/v1/privacy/requests")).json()["items"]
        return items

    async def emails(self) -> set[str | None]:
        async with self.engine.connect() as conn:
            rows = await conn.execute(text(f"SELECT body::jsonb->>'email' FROM {SCHEMA}.customers"))
            return set(rows.scalars())

    async def letters(self) -> int:
        async with self.engine.connect() as conn:
            return int(await conn.scalar(text("SELECT count(*) FROM gateway.dead_letters")) or 0)


@pytest.fixture(scope="module")
def with_orders(make_database: MakeDatabase, migrated: str) -> str:
    """A database with order-sync's tables beside the gateway's, to copy."""
    url = make_database(migrated)
    asyncio.run(migrate(url, migrations_path(longshore_order_sync.app.__file__), SCHEMA))
    return url


@pytest.fixture
def database_url(make_database: MakeDatabase, with_orders: str) -> str:
    return make_database(with_orders)


@pytest.fixture
async def hub(quiet: Any, settings: GatewaySettings) -> AsyncIterator[Hub]:
    privacy = Privacy(quiet.service.engine)
    behind = FastAPI()
    behind.state.internal_tokens = internal_tokens(settings.encryption_keys)
    install_problem_handlers(behind)
    behind.include_router(privacy_router(privacy))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(behind)) as client:
        hub = Hub(quiet, privacy)
        services = {"order-sync": "http://order-sync"}
        hub.requests._forwarder = Forwarder(client, services, settings.encryption_keys)
        yield hub


REDACT = {"shop_domain": SHOP, "customer": {"id": 7, "email": "anna@planted.example"}, "orders_to_redact": [29]}
ASKED = {"shop_domain": SHOP, "customer": {"id": 7, "email": "anna@planted.example"}, "orders_requested": [29]}


class TestComplianceDeliveries:
    async def test_a_bad_signature_is_401_whoever_the_shop_is(self, hub: Hub) -> None:
        assert await hub.deliver("customers/redact", REDACT, by=b"wrong") == 401
        await hub.connect()
        assert await hub.deliver("customers/redact", REDACT, by=b"wrong") == 401
        assert await hub.list() == []

    async def test_a_shop_that_we_do_not_know_has_nothing_here(self, hub: Hub) -> None:
        assert await hub.deliver("customers/redact", REDACT) == 200
        assert await hub.deliver("orders/create", {"id": 1}) == 404

    async def test_a_custom_apps_secret_speaks_for_its_own_organisation_alone(self, hub: Hub) -> None:
        await hub.connect()
        body = {
            "platform": "shopify",
            "name": "Not mine",
            "store_url": SHOP,
            "credentials": {"access_token": "shpat_made_up", "api_secret": "a-secret-of-my-own"},
        }
        theirs = (await hub.gateway.other.post("/api/v1/integrations", json=body)).json()
        assert await hub.deliver("customers/redact", REDACT, by=b"a-secret-of-my-own") == 200
        assert await hub.list() == []
        listed = (await hub.gateway.other.get("/api/v1/privacy/requests")).json()["items"]
        assert [each["integration_id"] for each in listed] == [theirs["id"]]

    async def test_a_buyer_is_erased_and_it_is_recorded_once(self, hub: Hub) -> None:
        await hub.connect()
        await hub.add_customer("7", "anna@planted.example")
        await hub.add_customer("8", "bob@kept.example")
        for _ in range(2):  # Shopify repeats
            assert await hub.deliver("customers/redact", REDACT) == 200
        assert await hub.requests.work()
        (done,) = await hub.list()
        assert (done["kind"], done["source"]) == ("erase_buyer", "shopify")
        assert (done["customer_external_id"], done["order_external_ids"]) == ("7", ["29"])
        assert done["outcome"] == {"orders": 0, "revisions": 0, "customers": 1, "dead_letters": 0}
        assert done["done_at"] is not None
        assert await hub.emails() == {None, "bob@kept.example"}
        async with hub.engine.connect() as conn:
            rows = (await conn.execute(text("SELECT t::text FROM gateway.privacy_requests t"))).all()
        assert "planted" not in str(rows)

    async def test_its_dead_letters_go_and_others_stay(self, hub: Hub) -> None:
        await hub.connect()
        await hub.add_letter("raw.shopify", "29")
        await hub.add_letter("commerce.orders", "29")
        await hub.add_letter("raw.shopify", "7", '{"longshore-topic": "customers/update"}')
        await hub.add_letter("raw.shopify", "7", '{"longshore-topic": "products/update"}')
        await hub.add_letter("raw.shopify", "30")
        await hub.deliver("customers/redact", REDACT)
        await hub.requests.work()
        assert await hub.letters() == 2
        assert (await hub.list())[0]["outcome"]["dead_letters"] == 3

    async def test_it_is_tried_again_while_order_sync_is_away(self, hub: Hub) -> None:
        await hub.connect()
        await hub.add_customer("7", "anna@planted.example")
        there, hub.requests._forwarder = (
            hub.requests._forwarder,
            Forwarder(httpx.AsyncClient(), {"order-sync": "http://127.0.0.1:1"}, ("k" * 44,)),
        )
        assert await hub.deliver("customers/redact", REDACT) == 200
        await hub.requests.work()
        assert (await hub.list())[0]["done_at"] is None
        hub.requests._forwarder = there
        await hub.requests.work()
        assert (await hub.list())[0]["done_at"] is not None
        assert await hub.emails() == {None}

    async def test_a_data_request_waits_for_the_merchant_and_is_answered(self, hub: Hub) -> None:
        await hub.connect()
        await hub.add_customer("7", "anna@planted.example")
        assert await hub.deliver("customers/data_request", ASKED) == 200
        assert await hub.requests.work()
        (asked,) = await hub.list()
        assert (asked["kind"], asked["done_at"]) == ("export", None)
        async with hub.engine.begin() as conn:
            await conn.execute(text("UPDATE gateway.privacy_requests SET received_at = now() - interval '21 days'"))
        assert await hub.requests.work()
        assert 21 <= hub.waiting("export") / 86_400 < 22
        assert hub.waiting("erase_buyer") == 0
        path = f"/api/v1/privacy/requests/{asked['id']}/export"
        assert (await hub.gateway.other.post(path)).status_code == 404
        answer = (await hub.gateway.client.post(path)).json()
        assert [each["email"] for each in answer["customers"]] == ["anna@planted.example"]
        assert answer["request"]["outcome"] == {"customers": 1, "orders": 0}
        assert (await hub.list())[0]["done_at"] is not None
        assert await hub.requests.work()
        assert hub.waiting("export") == 0

    async def test_a_shop_is_erased_two_days_after_it_has_left(self, hub: Hub) -> None:
        await hub.connect(IntegrationStatus.DELETED)
        await hub.add_customer("7", "anna@planted.example")
        await hub.add_letter("raw.shopify", "30")
        assert await hub.deliver("shop/redact", {"shop_domain": SHOP}) == 200
        assert not await hub.requests.work()  # begun
        while await hub.order_sync.erase_some():
            continue
        assert await hub.requests.work()
        assert (await hub.list())[0]["outcome"] == {"orders": 0, "revisions": 0, "customers": 1, "dead_letters": 1}
        assert await hub.emails() == set()

    async def test_a_shop_whose_app_is_gone_is_disconnected_with_it(self, hub: Hub) -> None:
        await hub.connect(IntegrationStatus.NEEDS_REAUTH)
        await hub.deliver("shop/redact", {"shop_domain": SHOP})
        await hub.requests.work()
        assert (await hub.gateway.client.get(f"/api/v1/integrations/{STORE}")).status_code == 404

    async def test_a_shop_that_is_back_is_not_erased(self, hub: Hub) -> None:
        await hub.connect()
        await hub.add_customer("7", "anna@planted.example")
        await hub.deliver("shop/redact", {"shop_domain": SHOP})
        assert await hub.requests.work()
        assert "connected again" in (await hub.list())[0]["outcome"]["declined"]
        assert await hub.emails() == {"anna@planted.example"}

    async def test_what_names_nobody_is_refused(self, hub: Hub) -> None:
        await hub.connect()
        assert await hub.deliver("customers/redact", {"shop_domain": SHOP}) == 400


class TestByApi:
    async def test_export_and_erase_by_email(self, hub: Hub) -> None:
        await hub.connect()
        await hub.add_customer("7", "Anna@planted.example")
        buyer = {"integration_id": str(STORE), "email": "anna@PLANTED.example"}
        found = (await hub.gateway.client.post("/api/v1/privacy/exports", json=buyer)).json()
        assert [each["external_id"] for each in found["customers"]] == ["7"]
        erased = await hub.gateway.client.post("/api/v1/privacy/erasures", json=buyer)
        assert (erased.status_code, erased.json()["outcome"]["customers"]) == (201, 1)
        again = (await hub.gateway.client.post("/api/v1/privacy/exports", json=buyer)).json()
        assert (again["customers"], again["orders"]) == ([], [])
        assert [each["kind"] for each in await hub.list()] == ["export", "erase_buyer", "export"]
        assert "planted" not in str(await hub.list()).lower()

    async def test_a_store_is_disconnected_first(self, hub: Hub) -> None:
        await hub.connect()
        await hub.add_customer("7", "anna@planted.example")
        path = f"/api/v1/integrations/{STORE}/data"
        refused = await hub.gateway.client.delete(path)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/still-connected")
        await hub.gateway.client.delete(f"/api/v1/integrations/{STORE}")
        accepted = await hub.gateway.client.delete(path)
        assert (accepted.status_code, accepted.json()["done_at"]) == (202, None)
        await hub.requests.work()
        while await hub.order_sync.erase_some():
            continue
        await hub.requests.work()
        assert (await hub.list())[0]["outcome"]["customers"] == 1

    async def test_another_organisations_store_is_not_found(self, hub: Hub) -> None:
        await hub.connect()
        buyer = {"integration_id": str(STORE), "customer_external_id": "7"}
        for path in ("exports", "erasures"):
            assert (await hub.gateway.other.post(f"/api/v1/privacy/{path}", json=buyer)).status_code == 404
        assert (await hub.gateway.other.delete(f"/api/v1/integrations/{STORE}/data")).status_code == 404
        assert (await hub.gateway.other.get("/api/v1/privacy/requests")).json()["items"] == []

    @pytest.mark.parametrize("fields", [{}, {"email": ""}, {"order_external_ids": []}, {"name": "Anna"}])
    async def test_somebody_has_to_be_named(self, hub: Hub, fields: dict[str, Any]) -> None:
        body = {"integration_id": str(UUID(int=1))} | fields
        assert (await hub.gateway.client.post("/api/v1/privacy/erasures", json=body)).status_code == 422


async def test_the_background_task_is_woken(hub: Hub) -> None:
    await hub.connect()
    await hub.add_customer("7", "anna@planted.example")
    running = asyncio.create_task(hub.requests.run())
    try:
        await hub.deliver("customers/redact", REDACT)

        async def erased() -> bool:
            return await hub.emails() == {None}

        await eventually(erased, timeout=5)
    finally:
        running.cancel()
