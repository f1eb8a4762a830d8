"""How the shop tells subscribers: one attempt each, body built at delivery time, in any order (measured)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import hmac
import random
import time
from collections.abc import Callable

import aiohttp

from longshore_devkit.stores.common import Attempt, Deliverer, Delivery, Faults, sign_base64
from longshore_devkit.stores.woo import render, render_products
from longshore_devkit.stores.woo.config import VERSION, WORDPRESS_VERSION
from longshore_devkit.stores.woo.errors import Json, RestError, invalid_id
from longshore_devkit.stores.woo.models import Webhook
from longshore_devkit.stores.woo.render import View, php_json
from longshore_devkit.stores.woo.shop import Shop

USER_AGENT = f"WooCommerce/{VERSION} Hookshot (WordPress/{WORDPRESS_VERSION})"
TIMEOUT_S = 60.0
PING_TIMEOUT_S = 5.0
MAX_FAILURES = 5
"""One more is counted, the failure after that disables: the seventh in a row."""

_BASE_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "*/*",
    "Accept-Encoding": "deflate, gzip",
    "Connection": "close",
}
_ENTITIES = {
    "&quot;": '"', "&#034;": '"', "&#x22;": '"', "&#039;": "'", "&#39;": "'", "&#x27;": "'",
    "&lt;": "<", "&#060;": "<", "&gt;": ">", "&#062;": ">", "&amp;": "&", "&#038;": "&", "&#x26;": "&",
}  # fmt: skip


def signing_key(secret: str) -> str:
    """The key of a webhook: its secret with the HTML entities of the five special characters decoded (measured)."""
    for entity, character in _ENTITIES.items():
        secret = secret.replace(entity, character)
    return secret


def delivery_id(webhook_id: int, unix_time: float) -> str:
    """Shared by all deliveries of one webhook within one second (measured)."""
    text = f"{webhook_id}{int(unix_time)}".encode()
    return hmac.new(b"longshore simulated shop", text, hashlib.md5).hexdigest()


def build_body(shop: Shop, topic: str, resource_id: int, origin: str) -> bytes:
    """What a delivery holds now: the entity, `{"id"}` for deletions, or the REST error when it cannot be read."""
    resource, _, event = topic.partition(".")
    if event == "deleted":
        return php_json({"id": resource_id})
    try:
        return php_json(_entity(shop, resource, resource_id, View(shop, origin)))
    except RestError as error:
        return php_json(error.body())


def _entity(shop: Shop, resource: str, resource_id: int, view: View) -> Json:
    if not shop.webhook_owner_may_read:
        raise RestError(403, "woocommerce_rest_cannot_view", "Sorry, you cannot view this resource.")
    if resource == "order":
        if resource_id in shop.orders:
            return render.order(view, shop.orders[resource_id])
        raise invalid_id("shop_order")
    if resource == "product":
        if resource_id in shop.products:
            return render_products.product(view, shop.products[resource_id])
        raise invalid_id("product")
    if resource == "customer":
        if resource_id in shop.customers:
            return render_products.customer(view, shop.customers[resource_id])
        raise RestError(404, "woocommerce_rest_invalid_id", "Invalid resource ID.")
    if resource_id in shop.coupons:
        return render_products.coupon(view, shop.coupons[resource_id])
    raise invalid_id("shop_coupon")


class WebhookQueue:
    """Turns events into deliveries. A delivery of the same webhook and resource that still waits covers the new event.

    `origin` is asked at delivery time for the shop's own address.
    """

    def __init__(self, shop: Shop, faults: Faults, origin: Callable[[], str]) -> None:
        self._shop = shop
        self._origin = origin
        self._rng = random.Random(shop.config.seed + 1)
        self._deliverer = Deliverer(
            faults, self._rng, self._settled, timeout_s=TIMEOUT_S, concurrency=shop.config.delivery_concurrency
        )
        self._waiting: set[tuple[int, int]] = set()
        self._due: list[tuple[float, int, int]] = []
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pings: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.ok = 0
        self.failed = 0

    def start(self) -> None:
        """Begin to deliver; needs a running event loop."""
        self._shop.on_event = self.on_event
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Give up what waits."""
        tasks = [task for task in (self._task, *self._pings) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None
        await self._deliverer.close()
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def pending(self) -> int:
        """Deliveries that wait or are under way."""
        return len(self._waiting) + self._deliverer.pending

    @property
    def lost(self) -> int:
        """Deliveries that the fault knob swallowed."""
        return self._deliverer.lost

    async def settled(self, timeout_s: float = 10.0) -> None:
        """Wait until every event so far was delivered, or failed; TimeoutError otherwise."""
        async with asyncio.timeout(timeout_s):
            while self.pending or self._pings:
                self._progress.clear()
                await self._progress.wait()

    def on_event(self, topic: str, resource_id: int) -> None:
        """Queue a delivery to every active subscription of the topic."""
        low, high = self._shop.config.webhook_delay_s
        for webhook in self._shop.webhooks.values():
            wanted = webhook.topic == topic and webhook.status == "active"
            if wanted and (webhook.id, resource_id) not in self._waiting:
                self._waiting.add((webhook.id, resource_id))
                due = time.monotonic() + self._rng.uniform(low, high)
                heapq.heappush(self._due, (due, webhook.id, resource_id))
                self._wake.set()

    async def ping(self, webhook: Webhook) -> None:
        """The unsigned ping: anything but 200 leaves it owed, and it is sent again after every delivery."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=PING_TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        headers = {**_BASE_HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
        webhook.pings += 1
        body = f"webhook_id={webhook.id}".encode()
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.post(
                webhook.delivery_url, data=body, headers=headers, allow_redirects=False
            ) as response:
                await response.read()
                if response.status == 200:
                    webhook.pending_ping = False

    async def _run(self) -> None:
        """Deliver what is due, as many at once as the shop has workers."""
        while True:
            self._wake.clear()
            busy = self._deliverer.pending >= self._shop.config.delivery_concurrency
            wait_s = self._due[0][0] - time.monotonic() if self._due and not busy else None
            if wait_s is not None and wait_s <= 0:
                _, webhook_id, resource_id = heapq.heappop(self._due)
                self._waiting.discard((webhook_id, resource_id))
                self._deliver(webhook_id, resource_id)
                self._progress.set()
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)

    def _deliver(self, webhook_id: int, resource_id: int) -> None:
        webhook = self._shop.webhooks.get(webhook_id)
        if webhook is None:
            return
        body = build_body(self._shop, webhook.topic, resource_id, self._origin())
        resource, _, event = webhook.topic.partition(".")
        headers = {
            **_BASE_HEADERS,
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": self._origin() + "/",
            "X-WC-Webhook-Topic": webhook.topic,
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": sign_base64(signing_key(webhook.secret), body),
            "X-WC-Webhook-ID": str(webhook.id),
            "X-WC-Webhook-Delivery-ID": delivery_id(webhook.id, time.time()),
        }
        self._deliverer.submit(Delivery(webhook.delivery_url, body, headers, str(webhook.id)))

    def _settled(self, attempt: Attempt) -> bool:
        """Count successes and failures; never asks for another attempt."""
        asyncio.get_running_loop().call_soon(self._move)
        succeeded = attempt.status is not None and 200 <= attempt.status < 303
        self.ok += succeeded
        self.failed += not succeeded
        webhook = self._shop.webhooks.get(int(attempt.delivery.label))
        if webhook is None:
            return True
        webhook.modified = self._shop.now()
        if succeeded:
            webhook.delivered += 1
            webhook.failure_count = 0
        else:
            webhook.failed += 1
            if webhook.failure_count > MAX_FAILURES:
                webhook.status = "disabled"
            else:
                webhook.failure_count += 1
        if webhook.pending_ping and webhook.status == "active":
            task = asyncio.create_task(self.ping(webhook))
            self._pings.add(task)
            task.add_done_callback(self._pinged)
        return True

    def _pinged(self, task: asyncio.Task[None]) -> None:
        self._pings.discard(task)
        self._move()

    def _move(self) -> None:
        """A place may be free now, or all may be done."""
        self._wake.set()
        self._progress.set()
