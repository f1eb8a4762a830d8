"""A hub with two organisations: the first has a store with orders, dead letters and keys; the second has nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar, cast

import httpx
import pytest
from cryptography.fernet import Fernet

from longshore_client import Longshore
from longshore_devkit.background import LoopThread
from longshore_devkit.forking import ForkServer
from longshore_devkit.oidc import SimulatedProvider
from longshore_devkit.running import RunningInfra, RunningStack
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.testing import MakeDatabase, eventually, running_stack, unique_prefix

from .secrets import (
    BUYER_EMAIL,
    BUYER_PHONE,
    FUZZ_KEY,
    KEY,
    OAUTH_ACCESS_TOKEN,
    OAUTH_REFRESH_TOKEN,
    OIDC_SECRET,
    OTHER_KEY,
    SHOPIFY_APP_SECRET,
    STORE_KEY,
    STORE_SECRET,
    WEBHOOK_SECRET,
)

T = TypeVar("T")

SKU = "DOOR-0001"
# Gives tokens, and then takes none of them.
FICKLE_SHOP = "fickle-door.myshopify.com"


def until(check: Callable[[], T], timeout: float = 30) -> T:
    """`eventually` for tests that are no coroutines."""
    return cast("T", asyncio.run(eventually(check, timeout=timeout, interval=0.1)))


@dataclass(frozen=True)
class World:
    """The hub, its two organisations, and what there is of the first: ids by the route that shows one of them."""

    stack: RunningStack
    echo: str
    encryption_key: str
    database_url: str
    topic_prefix: str
    hub: Longshore
    other: Longshore
    store: SimulatedWoo
    provider: SimulatedProvider
    integration_id: str
    order_id: str
    fulfillable_id: str
    objects: dict[str, str]
    document: dict[str, Any]

    def settled(self) -> None:
        """Wait until nothing is under way."""
        until(lambda: self.hub.system.state().settled, 60)

    def http(self, key: str | None = None) -> httpx.Client:
        """A plain client, with a key or without."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.stack.url, headers=headers, timeout=30)


@pytest.fixture(scope="package")
def door_database_url(make_database: MakeDatabase) -> str:
    return make_database()


@pytest.fixture(scope="package")
def door_topic_prefix() -> str:
    return unique_prefix()


@pytest.fixture(scope="package")
def encryption_key() -> str:
    return Fernet.generate_key().decode()


@pytest.fixture(scope="package")
def echo() -> Iterator[str]:
    """A store of any platform that fails at everything, and repeats all that it was told in its errors; its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Echo(BaseHTTPRequestHandler):
    def _fail(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(errors="replace")
        told = f"{self.command} {self.path} {dict(self.headers)} {body}"
        if not self.path.startswith(f"/{FICKLE_SHOP}/"):
            # 400: no connector tries again, and each says what the store has said.
            answer = {"code": "woocommerce_rest_echo", "message": told, "data": {"status": 400}, "errors": told}
            self._answer(400, answer)
        elif not self.path.endswith("/admin/oauth/access_token"):
            # The token is to be refreshed.
            self._answer(401, {"errors": told})
        elif "grant_type=refresh_token" in body:
            self._answer(400, {"error": "invalid_grant", "error_description": told})
        else:
            pair = {"access_token": OAUTH_ACCESS_TOKEN, "refresh_token": OAUTH_REFRESH_TOKEN}
            self._answer(200, pair | {"expires_in": 3600, "scope": "read_orders", "said": told})

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _fail  # noqa: N815  (http.server's names)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="package")
def provider() -> Iterator[SimulatedProvider]:
    """Where people log in; it knows the hub's address once that is there."""
    with LoopThread() as loop:
        provider = SimulatedProvider("", client_id="door", client_secret=OIDC_SECRET)
        loop.call(provider.__aenter__())
        try:
            yield provider
        finally:
            loop.call(provider.__aexit__(None, None, None))


@pytest.fixture(scope="package")
def stack(
    infra: RunningInfra,
    forks: ForkServer,
    door_database_url: str,
    door_topic_prefix: str,
    encryption_key: str,
    echo: str,
    provider: SimulatedProvider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningStack]:
    """One stack for all modules of this folder."""
    environ = {
        "LONGSHORE_TOPIC_PREFIX": door_topic_prefix,
        "LONGSHORE_BOOTSTRAP_API_KEY": f"{KEY},{OTHER_KEY},{FUZZ_KEY}",
        "LONGSHORE_SHOPIFY_CLIENT_ID": "door-app",
        "LONGSHORE_SHOPIFY_CLIENT_SECRETS": SHOPIFY_APP_SECRET,
        "LONGSHORE_SHOPIFY_ADMIN_ORIGIN": echo,
        "LONGSHORE_ENCRYPTION_KEYS": encryption_key,
        "LONGSHORE_OIDC_ISSUER": provider.issuer,
        "LONGSHORE_OIDC_CLIENT_ID": "door",
        "LONGSHORE_OIDC_CLIENT_SECRET": OIDC_SECRET,
        # These tests ask more in a minute than anybody may; services/gateway tests the limit.
        "LONGSHORE_RATE_LIMIT_PER_S": "0",
        # What is said at this level only must hold no secret either.
        "LONGSHORE_LOG_LEVEL": "debug",
    }
    with running_stack(infra, forks, door_database_url, environ, tmp_path_factory.mktemp("door")) as stack:
        provider.redirect_uri = f"{stack.url}/api/v1/auth/oidc/callback"
        yield stack


@pytest.fixture(scope="package")
def store() -> Iterator[SimulatedWoo]:
    """A store whose credentials are distinctive, with one piece of the first SKU left."""
    config = WooConfig(
        products=4, sku_prefix="DOOR-", consumer_key=STORE_KEY, consumer_secret=STORE_SECRET, initial_stock=20
    )
    with LoopThread() as loop:
        store = SimulatedWoo(config)
        loop.call(store.__aenter__())
        try:
            yield store
        finally:
            loop.call(store.__aexit__(None, None, None))


@pytest.fixture(scope="package")
def world(
    stack: RunningStack,
    store: SimulatedWoo,
    echo: str,
    provider: SimulatedProvider,
    encryption_key: str,
    door_database_url: str,
    door_topic_prefix: str,
) -> Iterator[World]:
    with Longshore(stack.url, KEY) as hub, Longshore(stack.url, OTHER_KEY) as other:
        yield World(
            stack=stack,
            echo=echo,
            encryption_key=encryption_key,
            database_url=door_database_url,
            topic_prefix=door_topic_prefix,
            hub=hub,
            other=other,
            store=store,
            provider=provider,
            document=httpx.get(f"{stack.url}/openapi.json").json(),
            **_furnish(store, hub),
        )


def _furnish(store: SimulatedWoo, hub: Longshore) -> dict[str, Any]:
    """What there is of the first organisation."""
    credentials = {"consumer_key": STORE_KEY, "consumer_secret": STORE_SECRET, "webhook_secret": WEBHOOK_SECRET}
    connected = hub.integrations.create("woocommerce", "Door", store.url, credentials=credentials)
    until(lambda: hub.integrations.get(connected.id).status == "active")
    # A SKU that is listed, so that stock can be short of it.
    until(lambda: list(hub.inventory.levels(sku=SKU)))
    for quantity in (1, 1, 25):
        _sim(store, "orders", {"sku": SKU, "quantity": quantity, "status": "processing", "force": True})
    orders = until(lambda: found if len(found := list(hub.orders.list())) == 3 else None)
    shipped, fulfillable = [each for each in orders if each.lines[0].quantity == 1]
    parcel = hub.orders.fulfil(shipped.id).fulfillment
    # Signed, JSON, and no order.
    poison = {"id": 987_654, "line_items": 7, "billing": {"email": BUYER_EMAIL, "phone": BUYER_PHONE}}
    deliver(hub.integrations.get(connected.id).webhook_url or "", poison)
    letter = until(lambda: next(iter(hub.dead_letters.list()), None))
    alert = until(lambda: next(iter(hub.inventory.alerts()), None))
    channel = hub.integrations.create("api", "Door's own channel")
    listing = next(iter(hub.listings.list(sku=SKU)))
    key = hub.api_keys.create("one to look at", ["read"])
    until(lambda: hub.system.state().settled, 60)
    person = hub.users.create("someone@door.example", "viewer", name="Someone")
    asked = hub.privacy.export(connected.id, email="nobody@door.example").request
    objects = {
        "/api/v1/users/{id}": str(person.id),
        "/api/v1/integrations/{id}": str(connected.id),
        "/api/v1/ingest/{integration_id}": str(channel.id),
        "/api/v1/orders/{order_id}": str(shipped.id),
        "/api/v1/orders/{order_id}/fulfillments/{fulfillment_id}": str(parcel.id),
        "/api/v1/listings/{listing_id}": str(listing.id),
        "/api/v1/products/{product_id}": str(listing.product_id),
        "/api/v1/products/{product_id}/publish/{integration_id}": str(connected.id),
        "/api/v1/dead-letters/{id}": str(letter.id),
        "/api/v1/inventory/alerts/{alert_id}": str(alert.id),
        "/api/v1/api-keys/{id}": str(key.id),
        "/api/v1/privacy/requests/{id}": str(asked.id),
    }
    return {
        "integration_id": str(connected.id),
        "order_id": str(shipped.id),
        "fulfillable_id": str(fulfillable.id),
        "objects": objects,
    }


def _sim(store: SimulatedWoo, path: str, body: object) -> None:
    httpx.post(f"{store.url}/_sim/{path}", json=body, timeout=20).raise_for_status()


def deliver(url: str, body: object, topic: str = "order.updated") -> None:
    """A delivery of a WooCommerce store, signed with the planted secret."""
    content = json.dumps(body).encode()
    signature = base64.b64encode(hmac.new(WEBHOOK_SECRET.encode(), content, hashlib.sha256).digest()).decode()
    resource, _, event = topic.partition(".")
    headers = {
        "X-WC-Webhook-Topic": topic, "X-WC-Webhook-Resource": resource, "X-WC-Webhook-Event": event,
        "X-WC-Webhook-Signature": signature, "X-WC-Webhook-ID": "1", "X-WC-Webhook-Delivery-ID": "1",
        "Content-Type": "application/json",
    }  # fmt: skip
    httpx.post(url, content=content, headers=headers, timeout=20).raise_for_status()
