"""What a load run sends: signed deliveries of both platforms, ready to write to a socket."""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from longshore_devkit.stores.shopify.payloads import OrderWebhooks, order_id_of
from longshore_devkit.stores.woo.payloads import FIRST_ID, OrderBodies
from longshore_devkit.stores.woo.webhooks import USER_AGENT, delivery_id

Platform = Literal["woocommerce", "shopify"]
BodyMaker = Callable[[int, float], bytes]
"""(order number from 0, intended send time in Unix seconds) -> the body; the same arguments give the same bytes."""

WOO_TOPICS = (("order.created", 1), ("order.updated", 2), ("order.updated", 2))
"""(topic, webhook) of each delivery of an order."""
_SHOPIFY_TOPICS = ("orders/create", "orders/updated", "orders/paid")


@dataclass(frozen=True)
class LoadPlan:
    """An open-loop run: delivery `k` is due at `k / rate` seconds, whatever became of those before.

    `url` is the whole webhook address; `secret` signs; `shop` is the shop's address (WooCommerce) or domain (Shopify).
    Every order goes out `copies` times (1 to 3) with the same body: as created, as updated, and as paid (WooCommerce
    has no topic for that, and says updated once more). `rate` counts deliveries, and is so many times the orders. Give
    `orders` (distinct ids) or `duration_s`. `rate` None sends as fast as the connections are answered (closed loop: for
    capacity, not for latency). A delivery that is not answered 2xx is sent again, byte for byte the same, until
    `retry_for_s` after it was due (0: one attempt, as WooCommerce does).
    `body` makes the bodies and `order_id` tells the id of order `n`; without, they are the platform's, of `body_bytes`,
    with SKUs out of `skus` (default: the simulated shop's). Ids of WooCommerce orders start at `first_id`.
    """

    url: str
    secret: str
    platform: Platform = "woocommerce"
    shop: str = "http://shop.example.test/"
    rate: float | None = 100.0
    orders: int | None = None
    duration_s: float | None = None
    copies: int = 2
    connections: int = 32
    body: BodyMaker | None = None
    order_id: Callable[[int], int] | None = None
    body_bytes: int = 5000
    skus: tuple[str, ...] | None = None
    first_id: int = FIRST_ID
    timeout_s: float = 10.0
    retry_for_s: float = 0.0
    api_version: str = "2026-07"

    @property
    def order_count(self) -> int:
        """Distinct orders; ValueError when the plan does not say."""
        if self.orders is not None:
            return self.orders
        if self.duration_s is None or self.rate is None:
            raise ValueError("a plan needs orders, or a rate and a duration")
        return max(1, round(self.rate * self.duration_s / self.copies))


@dataclass
class Requests:
    """Makes the bytes of delivery `index`: head, signature and body."""

    plan: LoadPlan
    _make: BodyMaker = field(init=False)
    _order_id: Callable[[int], int] = field(init=False)
    _key: bytes = field(init=False)
    _head: bytes = field(init=False)
    _last: tuple[int, float, bytes, bytes] = (-1, 0.0, b"", b"")

    def __post_init__(self) -> None:
        plan = self.plan
        if plan.body is not None and plan.order_id is not None:
            self._make, self._order_id = plan.body, plan.order_id
        else:
            make, order_id = _bodies(plan)
            self._make, self._order_id = plan.body or make, plan.order_id or order_id
        self._key = plan.secret.encode()
        parts = urlsplit(plan.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        self._head = (
            f"POST {path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n".encode()
        )

    def order_id(self, index: int) -> int:
        """The id of the order that delivery `index` is about."""
        return self._order_id(index // self.plan.copies)

    def render(self, index: int, at: float) -> bytes:
        """The request; `at` is the Unix time at which its order was first due."""
        number, copy = divmod(index, self.plan.copies)
        body, signature = self._body(number, at)
        build = self._woo if self.plan.platform == "woocommerce" else self._shopify
        return b"".join(
            (self._head, build(index, copy, at, signature), f"Content-Length: {len(body)}\r\n\r\n".encode(), body)
        )

    def _body(self, number: int, at: float) -> tuple[bytes, bytes]:
        """The pair shares body and signature: they are made once."""
        last_number, last_at, body, signature = self._last
        if number != last_number or at != last_at:
            body = self._make(number, at)
            digest = hmac.digest(self._key, body, "sha256")
            signature = binascii.b2a_base64(digest, newline=False)
            self._last = (number, at, body, signature)
        return body, signature

    def _woo(self, index: int, copy: int, at: float, signature: bytes) -> bytes:
        topic, webhook_id = WOO_TOPICS[copy]
        resource, _, event = topic.partition(".")
        return (
            f"User-Agent: {USER_AGENT}\r\nX-WC-Webhook-Source: {self.plan.shop}\r\n"
            f"X-WC-Webhook-Topic: {topic}\r\nX-WC-Webhook-Resource: {resource}\r\nX-WC-Webhook-Event: {event}\r\n"
            f"X-WC-Webhook-Signature: {signature.decode()}\r\nX-WC-Webhook-ID: {webhook_id}\r\n"
            f"X-WC-Webhook-Delivery-ID: {delivery_id(webhook_id, at)}\r\n"
        ).encode()

    def _shopify(self, index: int, copy: int, at: float, signature: bytes) -> bytes:
        stamp = int(at * 1_000_000)
        event = f"{stamp:016x}{index // self.plan.copies:016x}"
        webhook = f"{stamp:016x}{index + (1 << 60):016x}"
        triggered = datetime.fromtimestamp(at, UTC)
        return (
            f"User-Agent: Shopify-Captain-Hook\r\nX-Shopify-Topic: {_SHOPIFY_TOPICS[copy]}\r\n"
            f"X-Shopify-Hmac-Sha256: {signature.decode()}\r\nX-Shopify-Shop-Domain: {self.plan.shop}\r\n"
            f"X-Shopify-API-Version: {self.plan.api_version}\r\nX-Shopify-Webhook-Id: {_uuid(webhook)}\r\n"
            f"X-Shopify-Event-Id: {_uuid(event)}\r\n"
            f"X-Shopify-Triggered-At: {triggered:%Y-%m-%dT%H:%M:%S.%f}000Z\r\n"
        ).encode()


def _bodies(plan: LoadPlan) -> tuple[BodyMaker, Callable[[int], int]]:
    """The platform's own order bodies and their ids."""
    if plan.platform == "shopify":
        shopify = OrderWebhooks(plan.shop, plan.skus or (), size_bytes=plan.body_bytes)
        return lambda n, at: shopify.make(n, moment=datetime.fromtimestamp(at, UTC)), order_id_of
    woo = OrderBodies(plan.body_bytes, plan.skus, first_id=plan.first_id)
    return woo, woo.order_id


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
