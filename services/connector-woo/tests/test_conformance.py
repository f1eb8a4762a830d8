"""What every connector must do, done to simulated WooCommerce stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from longshore.platforms.connector import Connector
from longshore.runtime import Service
from longshore.vault import Vault
from longshore_connector_woo.app import connector
from longshore_connector_woo.settings import Settings
from longshore_devkit.conformance.door import Taken, nothing_else
from longshore_devkit.conformance.store import Ability, Knob, Placed, Store, Stores
from longshore_devkit.conformance.suite import ConnectorConformance
from longshore_devkit.stores.common import sign_base64
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.stores.woo.buyers import draft_for, refund_of_line
from longshore_devkit.stores.woo.models import Order, Product
from longshore_gateway.webhooks.metrics import WebhookMetrics
from longshore_gateway.webhooks.route import WebhookRoute
from longshore_gateway.webhooks.stores import Stores as Senders

KNOBS = {
    Knob.LOSE_ANSWERS: "drop_after_write_rate",
    Knob.THROTTLE: "error_rate_429",
    Knob.SHUT_OUT: "unauthorized_rate",
    Knob.GARBLE: "html_rate",
}


class SimulatedStore(Store):
    """A simulated shop, by what its staff and its buyers can do."""

    abilities = frozenset({Ability.COMPARE_AND_SET})
    knobs = frozenset(KNOBS)

    def __init__(self, sim: SimulatedWoo) -> None:
        self._sim = sim
        self._shop = sim.shop

    @property
    def url(self) -> str:
        return self._sim.url

    @property
    def credentials(self) -> Mapping[str, str]:
        config = self._sim.config
        return {"consumer_key": config.consumer_key, "consumer_secret": config.consumer_secret}

    @property
    def skus(self) -> Sequence[str]:
        """A variation's and a product's."""
        return ["LS-0001", "LS-0004"]

    async def place_order(self, sku: str, quantity: int) -> Placed:
        draft = draft_for(self._shop, self._shop.rng, [(self._product(sku), quantity)])
        draft.payment_method = "card"  # whose provider pays back by itself
        order = self._shop.place_order(draft)
        return Placed(str(order.id), str(order.total))

    async def cancel_order(self, external_id: str) -> None:
        self._shop.set_status(self._order(external_id), "cancelled")

    async def refund_order(self, external_id: str) -> str:
        order = self._order(external_id)
        return str(self._shop.refund_order(order, refund_of_line(self._shop, order, order.lines[0].id, 1)).id)

    async def shipments(self, external_id: str) -> list[str]:
        order = self._order(external_id)
        notes = [each.text for each in order.notes if each.customer_note]
        lines = [line for note in notes for line in note.splitlines() if line.startswith("Tracking number: ")]
        return [line.removeprefix("Tracking number: ") for line in lines]

    async def refunds(self, external_id: str) -> list[str]:
        return [str(each.id) for each in self._order(external_id).refunds]

    async def notes(self, external_id: str) -> list[str]:
        return [each.text for each in self._order(external_id).notes]

    async def stock(self, sku: str) -> int:
        return self._product(sku).stock or 0

    async def set_stock(self, sku: str, quantity: int) -> None:
        self._shop.set_stock(self._product(sku), quantity)

    async def webhooks(self) -> Counter[str]:
        return Counter(each.topic for each in self._shop.webhooks.values() if each.status == "active")

    async def end_webhook(self) -> str:
        first = next(iter(self._shop.webhooks.values()))
        first.status = "disabled"
        return first.topic

    def signed(self, like: Taken, body: bytes, credentials: Mapping[str, str]) -> Taken:
        return like.with_body(body, x_wc_webhook_signature=sign_base64(credentials["webhook_secret"], body))

    async def turn(self, knob: Knob, on: bool) -> None:
        self._sim.faults.update({KNOBS[knob]: float(on)})

    def _product(self, sku: str) -> Product:
        product = self._shop.product_by_sku(sku)
        assert product is not None, sku
        return product

    def _order(self, external_id: str) -> Order:
        return self._shop.orders[int(external_id)]


class SimulatedStores(Stores):
    """A server for each."""

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[Store]:
        config = WooConfig(products=4, initial_stock=1000, webhook_delay_s=(0.0, 0.02))
        async with SimulatedWoo(config) as sim:
            sim.faults.retry_after_s = 1
            yield SimulatedStore(sim)


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
        senders = Senders(service.engine, vault, ())
        return WebhookRoute(nothing_else, senders, service.producer, WebhookMetrics(CollectorRegistry()))
