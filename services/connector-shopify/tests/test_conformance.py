"""What every connector must do, done to simulated shops."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import orjson
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from longshore.platforms.connector import Connector
from longshore.platforms.token_endpoint import read_answer
from longshore.runtime import Service
from longshore.vault import TokenPair, Vault
from longshore_connector_shopify.app import connector
from longshore_connector_shopify.permissions import ASKED
from longshore_connector_shopify.settings import Settings
from longshore_devkit.conformance.door import Taken, nothing_else
from longshore_devkit.conformance.store import Ability, Knob, Placed, Store, Stores
from longshore_devkit.conformance.suite import ConnectorConformance
from longshore_devkit.stores.common import sign_base64
from longshore_devkit.stores.shopify.money import rest_amount
from longshore_devkit.stores.shopify.pricing import totals
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig
from longshore_gateway.webhooks.metrics import WebhookMetrics
from longshore_gateway.webhooks.route import WebhookRoute
from longshore_gateway.webhooks.stores import Stores as Senders

APP = ShopConfig()
KNOBS = {
    Knob.LOSE_ANSWERS: "drop_after_write_rate",
    Knob.THROTTLE: "error_rate_429",
    Knob.SHUT_OUT: "unauthorized_rate",
    Knob.GARBLE: "html_rate",
}


class SimulatedStore(Store):
    """A simulated shop, by what its staff and its buyers can do."""

    abilities = frozenset(Ability)
    knobs = frozenset(KNOBS)
    many = 60

    def __init__(self, sim: SimulatedShopify, shop: Shop) -> None:
        self._sim = sim
        self._shop = shop

    @property
    def url(self) -> str:
        return f"https://{self._shop.config.domain}"

    @property
    def credentials(self) -> Mapping[str, str]:
        return {"access_token": self._shop.config.access_token, "api_secret": self._shop.config.api_secret}

    @property
    def skus(self) -> Sequence[str]:
        return [each.sku or "" for each in self._shop.variants[:2]]

    async def place_order(self, sku: str, quantity: int) -> Placed:
        order = self._shop.place_order([(sku, quantity)], plain=True)
        return Placed(str(order.id), rest_amount(totals(order).total, order.currency))

    async def cancel_order(self, external_id: str) -> None:
        self._shop.cancel(int(external_id))

    async def refund_order(self, external_id: str) -> str:
        return str(self._shop.refund(int(external_id)).id)

    async def shipments(self, external_id: str) -> list[str]:
        shipments = self._shop.order(int(external_id)).fulfillments
        return [number for each in shipments for number in each.tracking_numbers]

    async def refunds(self, external_id: str) -> list[str]:
        return [str(each.id) for each in self._shop.order(int(external_id)).refunds]

    async def notes(self, external_id: str) -> list[str]:
        note = self._shop.order(int(external_id)).note
        return note.split("\n\n") if note else []

    async def stock(self, sku: str) -> int:
        return self._shop.variant_by_sku(sku).available

    async def set_stock(self, sku: str, quantity: int) -> None:
        self._shop.set_quantity(self._shop.variant_by_sku(sku), self._shop.locations[0].id, quantity)

    async def webhooks(self) -> Counter[str]:
        return Counter(each.topic for each in self._shop.webhooks.subscriptions.values())

    async def end_webhook(self) -> str:
        subscriptions = self._shop.webhooks.subscriptions
        return subscriptions.pop(next(iter(subscriptions))).topic

    def signed(self, like: Taken, body: bytes, credentials: Mapping[str, str]) -> Taken:
        return like.with_body(body, x_shopify_hmac_sha256=sign_base64(credentials["api_secret"], body))

    async def turn(self, knob: Knob, on: bool) -> None:
        self._sim.faults.update({KNOBS[knob]: float(on)})

    def grant(self) -> TokenPair:
        grants = self._shop.grants
        grants.refuse_refresh = False
        form = {"client_id": APP.client_id, "client_secret": APP.api_secret}
        agreed = grants.authorize(form | {"redirect_uri": "https://hub", "scope": ",".join(ASKED)})
        code = dict(parse_qsl(urlsplit(agreed).query))["code"]
        answer = orjson.dumps(grants.token(form | {"code": code, "expiring": "1"}))
        return read_answer(200, answer, datetime.now(UTC))

    def expire_token(self) -> None:
        self._shop.grants.expire_access()

    def take_grant_back(self) -> None:
        self._shop.grants.expire_access()
        self._shop.grants.refuse_refresh = True


class SimulatedStores(Stores):
    """One server for all shops, as the connector is led to one."""

    def __init__(self) -> None:
        self._sim = SimulatedShopify(APP)

    async def __aenter__(self) -> Self:
        await self._sim.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._sim.stop()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "shopify_admin_origin": self._sim.url,
            "shopify_client_id": APP.client_id,
            "shopify_client_secrets": (APP.api_secret, "an-older-one"),
        }

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[Store]:
        shop = self._sim.open(
            ShopConfig(f"{name}.myshopify.com", products=2, locations=2, stock=1000, plan="enterprise")
        )
        try:
            yield SimulatedStore(self._sim, shop)
        finally:
            await shop.webhooks.deliverer.close()


class TestConformance(ConnectorConformance):
    settings = Settings

    @classmethod
    def connector(cls, settings: Settings) -> Connector:
        return connector(settings)

    @classmethod
    def stores(cls) -> Stores:
        return SimulatedStores()

    @classmethod
    def route(cls, service: Service, vault: Vault) -> ASGIApp:
        senders = Senders(service.engine, vault, (APP.api_secret,))
        return WebhookRoute(nothing_else, senders, service.producer, WebhookMetrics(CollectorRegistry()))
