"""Outgoing webhooks of one shop: subscriptions, signed deliveries, Shopify's retries.

PLATFORMS.md: 1 s to connect, 5 s in all; 8 retries over 4 h with the original payload; after 8 failures in a row the
subscription is deleted; order is not guaranteed.
"""

from __future__ import annotations

import random
import re
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from longshore_devkit.stores.common import Attempt, Deliverer, Delivery, Faults, sign_base64

RETRY_DELAYS_S = (60, 120, 300, 600, 1200, 2400, 3600, 6120)
"""Eight retries over four hours."""

FAILURES_BEFORE_REMOVAL = 8

_RESOURCES = (
    "inventory_levels|inventory_items|fulfillment_orders|fulfillments|orders|refunds|products|customers|locations"
    "|app|shop"
)


@dataclass
class Subscription:
    """One webhook subscription; `failures` counts attempts that failed in a row."""

    id: int
    topic: str
    uri: str
    created_at: datetime
    updated_at: datetime
    include_fields: list[str] = field(default_factory=list)
    failures: int = 0


@dataclass
class Sent:
    """What became of the deliveries so far, by topic."""

    accepted: Counter[str] = field(default_factory=Counter)
    failed_attempts: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)


class Webhooks:
    """Publishes a shop's events to its subscriptions. Topics are spelled as the header has them ("orders/create")."""

    def __init__(
        self,
        domain: str,
        api_secret: str,
        faults: Faults,
        rng: random.Random,
        now: Callable[[], datetime],
        *,
        api_version: str,
        time_scale: float = 1.0,
        timeout_s: float = 5.0,
    ) -> None:
        self._domain = domain
        self._secret = api_secret
        self._now = now
        self._version = api_version
        self.subscriptions: dict[int, Subscription] = {}
        self.removed: list[Subscription] = []
        self.sent = Sent()
        self.deliverer = Deliverer(
            faults,
            rng,
            self._on_attempt,
            retry_delays_s=[delay * time_scale for delay in RETRY_DELAYS_S],
            timeout_s=timeout_s,
            connect_timeout_s=1.0,
        )

    def event_id(self) -> str:
        """A new id for one thing that happened; all topics that it sends carry it."""
        return str(uuid.uuid4())  # not from the seeded generator: a restarted store must not repeat its ids

    def wanted(self, topic: str) -> bool:
        """Whether anyone subscribes to the topic."""
        return any(subscription.topic == topic for subscription in self.subscriptions.values())

    def publish(self, topic: str, payload: dict[str, object], event_id: str) -> None:
        """Send to each subscription of the topic; the bytes are fixed now and stay the same on each retry."""
        for subscription in list(self.subscriptions.values()):
            if subscription.topic == topic:
                kept = subscription.include_fields
                body = orjson.dumps({k: v for k, v in payload.items() if k in kept} if kept else payload)
                headers = delivery_headers(
                    body,
                    topic=topic,
                    shop=self._domain,
                    secret=self._secret,
                    api_version=self._version,
                    webhook_id=str(uuid.uuid4()),
                    event_id=event_id,
                    triggered_at=self._now(),
                )
                self.deliverer.submit(
                    Delivery(subscription.uri, body, headers, f"{subscription.id} {topic}", subscription)
                )

    def _on_attempt(self, attempt: Attempt) -> bool:
        subscription = attempt.delivery.context
        assert isinstance(subscription, Subscription)
        if attempt.status is not None and 200 <= attempt.status < 300:
            subscription.failures = 0
            self.sent.accepted[subscription.topic] += 1
            return True
        self.sent.failed_attempts[subscription.topic] += 1
        subscription.failures += 1
        if subscription.failures >= FAILURES_BEFORE_REMOVAL:
            removed = self.subscriptions.pop(subscription.id, None)
            if removed is not None:
                self.removed.append(removed)
        if subscription.id not in self.subscriptions or attempt.number > len(RETRY_DELAYS_S):
            self.sent.given_up[subscription.topic] += 1
            return True
        return False


def delivery_headers(
    body: bytes,
    *,
    topic: str,
    shop: str,
    secret: str,
    webhook_id: str,
    event_id: str,
    triggered_at: datetime,
    api_version: str = "2026-07",
) -> dict[str, str]:
    """The headers of one delivery, its HMAC made over exactly these bytes."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Shopify-Captain-Hook",
        "X-Shopify-Topic": topic,
        "X-Shopify-Hmac-Sha256": sign_base64(secret, body),
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-API-Version": api_version,
        "X-Shopify-Webhook-Id": webhook_id,
        "X-Shopify-Event-Id": event_id,
        "X-Shopify-Triggered-At": f"{triggered_at:%Y-%m-%dT%H:%M:%S.%f}000Z",
    }


def topic_of(enum_value: str) -> str:
    """`ORDERS_CREATE` -> `orders/create`, `INVENTORY_LEVELS_UPDATE` -> `inventory_levels/update`."""
    name = enum_value.lower()
    known = re.match(rf"({_RESOURCES})_(.+)", name)
    return f"{known[1]}/{known[2]}" if known else "/".join(name.rsplit("_", 1))


def enum_of(topic: str) -> str:
    """The reverse of topic_of."""
    return topic.replace("/", "_").upper()
