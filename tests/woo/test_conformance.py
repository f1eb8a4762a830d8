"""What every connector must do, done to a real WooCommerce store."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from longshore.platforms.connector import Connector
from longshore.runtime import Service
from longshore.vault import Vault
from longshore_connector_woo.app import connector
from longshore_connector_woo.settings import Settings
from longshore_devkit.conformance.door import Taken, nothing_else
from longshore_devkit.conformance.harness import Connected
from longshore_devkit.conformance.store import Ability, Placed, Store, Stores
from longshore_devkit.conformance.suite import ConnectorConformance
from longshore_devkit.stores.common import sign_base64
from longshore_devkit.stores.real_woo import RealWoo
from longshore_gateway.webhooks.metrics import WebhookMetrics
from longshore_gateway.webhooks.route import WebhookRoute
from longshore_gateway.webhooks.stores import Stores as Senders

SKUS = ("CONFORM-1", "CONFORM-2")
PIECES = 1000


class RealStore(Store):
    """The real shop, by what its staff and its buyers can do."""

    abilities = frozenset({Ability.COMPARE_AND_SET})
    stays = True

    def __init__(self, real: RealWoo, url: str) -> None:
        self._real = real
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    @property
    def credentials(self) -> Mapping[str, str]:
        return self._real.credentials

    @property
    def skus(self) -> Sequence[str]:
        """A product's and a variation's."""
        return SKUS

    async def place_order(self, sku: str, quantity: int) -> Placed:
        # Not through the checkout, which starts a program each time: test_real_store.py does that.
        body = {
            "set_paid": True,
            "payment_method": "bacs",
            "billing": {"first_name": "Anna", "country": "US", "state": "NY", "email": "anna@example.com"},
            "line_items": [{"sku": sku, "quantity": quantity}],
        }
        order = await self._real.api("POST", "/orders", body)
        return Placed(str(order["id"]), str(order["total"]))

    async def cancel_order(self, external_id: str) -> None:
        await self._real.shop("status", external_id, "cancelled")

    async def refund_order(self, external_id: str) -> str:
        order = await self._real.api("GET", f"/orders/{external_id}")
        await self._real.shop("refund", external_id, "--sku", order["line_items"][0]["sku"], "--qty", "1")
        order = await self._real.api("GET", f"/orders/{external_id}")
        return str(order["refunds"][0]["id"])

    async def shipments(self, external_id: str) -> list[str]:
        notes = await self._real.api("GET", f"/orders/{external_id}/notes", type="customer")
        lines = [line for note in notes for line in note["note"].splitlines()]
        begins = "Tracking number: "
        return [line.removeprefix(begins) for line in lines if line.startswith(begins)]

    async def refunds(self, external_id: str) -> list[str]:
        order = await self._real.api("GET", f"/orders/{external_id}")
        return [str(each["id"]) for each in order["refunds"]]

    async def notes(self, external_id: str) -> list[str]:
        return [str(each["note"]) for each in await self._real.api("GET", f"/orders/{external_id}/notes")]

    async def stock(self, sku: str) -> int:
        (said,) = await self._real.shop("stock", sku)
        return int(said["stock_quantity"])

    async def set_stock(self, sku: str, quantity: int) -> None:
        await self._real.shop("stock", sku, str(quantity))

    async def webhooks(self) -> Counter[str]:
        found = await self._real.all("/webhooks")
        return Counter(each["topic"] for each in found if each["status"] == "active")

    async def end_webhook(self) -> str:
        first = (await self._real.all("/webhooks"))[0]
        await self._real.api("PUT", f"/webhooks/{first['id']}", {"status": "disabled"})
        return str(first["topic"])

    def signed(self, like: Taken, body: bytes, credentials: Mapping[str, str]) -> Taken:
        return like.with_body(body, x_wc_webhook_signature=sign_base64(credentials["webhook_secret"], body))


class RealStores(Stores):
    """One store, emptied for each test; over https, or over plain http, where requests are signed."""

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"tls_ca_file": self.real.ca_file}

    async def __aenter__(self) -> Stores:
        self.real = await RealWoo.start()
        return self

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[Store]:
        await self.real.reset()
        stocked = {"manage_stock": True, "stock_quantity": PIECES, "regular_price": "12.50"}
        await self.real.api("POST", "/products", {"name": "Mug", "sku": SKUS[0], **stocked})
        size = {"name": "Size", "variation": True, "visible": True, "options": ["S", "M"]}
        shirt = await self.real.api("POST", "/products", {"name": "Shirt", "type": "variable", "attributes": [size]})
        of_shirt = {"sku": SKUS[1], "attributes": [{"name": "Size", "option": "M"}], **stocked}
        await self.real.api("POST", f"/products/{shirt['id']}/variations", of_shirt)
        yield RealStore(self.real, self.real.http_url if self._plain else self.real.https_url)


@pytest.mark.usefixtures("real")
class TestConformance(ConnectorConformance):
    settings = Settings

    @classmethod
    def connector(cls, settings: Settings) -> Connector:
        return connector(settings)

    @classmethod
    def stores(cls) -> Stores:
        return RealStores()

    @classmethod
    def route(cls, service: Service, vault: Vault) -> ASGIApp:
        senders = Senders(service.engine, vault, ())
        return WebhookRoute(nothing_else, senders, service.producer, WebhookMetrics(CollectorRegistry()))

    async def test_a_refund_is_paid_once(self, shop: Connected) -> None:
        pytest.skip("no payment provider is installed in the store that could pay back")


class TestConformanceOverHttp(TestConformance):
    @classmethod
    def stores(cls) -> Stores:
        return RealStores(plain=True)
