"""Webhook subscriptions: each topic once, to our address, alive, signed with our secret."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from longshore.platforms.protocols import StoreRefused
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.paging import pages

TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "product.created",
    "product.updated",
    "product.deleted",
    "product.restored",
    "customer.created",
    "customer.updated",
)


async def ensure(http: StoreHttp, callback_url: str, secret: str) -> list[str]:
    """Make it so; answers the topics. Repeating it changes nothing.

    WooCommerce shows no secret: a fingerprint of ours is part of the webhook's name, so that one made with an older
    secret is seen and corrected.
    """
    ours = await _ours(http, callback_url)
    for topic in TOPICS:
        wanted = {
            "name": f"Longshore {topic} ({_fingerprint(secret)})",
            "topic": topic,
            "status": "active",
            "delivery_url": callback_url,
        }
        found = ours.get(topic, [])
        if not found:
            await http.post("/webhooks", {**wanted, "secret": secret})
            continue
        first, *others = found
        if any(first.get(field) != value for field, value in wanted.items()):
            await http.post(f"/webhooks/{first['id']}", {**wanted, "secret": secret})
        for other in others:
            await _delete(http, other)
    return list(TOPICS)


async def remove(http: StoreHttp, callback_url: str) -> None:
    """Delete all that deliver to our address."""
    for found in (await _ours(http, callback_url)).values():
        for each in found:
            await _delete(http, each)


async def _ours(http: StoreHttp, callback_url: str) -> dict[str, list[dict[str, Any]]]:
    """Webhooks to our address by topic, the oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    async for page in pages(http, "/webhooks", {"orderby": "id", "order": "asc"}):
        for each in page.objects():
            if each.get("delivery_url") == callback_url and isinstance(each.get("id"), int):
                found.setdefault(str(each.get("topic")), []).append(each)
    return found


async def _delete(http: StoreHttp, webhook: dict[str, Any]) -> None:
    try:
        await http.delete(f"/webhooks/{webhook['id']}")
    except StoreRefused as error:
        if error.code != "not-found":
            raise


def _fingerprint(secret: str) -> str:
    return hmac.new(secret.encode(), b"longshore webhook", hashlib.sha256).hexdigest()[:8]
