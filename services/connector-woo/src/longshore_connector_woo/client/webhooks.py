"""Webhook subscriptions: each topic once, to our address, alive, signed with our secret."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from longshore.contracts import Webhook, WebhookStatus
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


async def states(http: StoreHttp, callback_url: str, secret: str) -> list[Webhook]:
    """Each topic that we need, and what the store has of it."""
    ours = await _ours(http, callback_url)
    return [_state(topic, ours.get(topic, []), _wanted(topic, callback_url, secret)) for topic in TOPICS]


async def ensure(http: StoreHttp, callback_url: str, secret: str) -> list[str]:
    """Make it so; answers the topics. Repeating it changes nothing.

    WooCommerce shows no secret: a fingerprint of ours is part of the webhook's name, so that one made with an older
    secret is seen and corrected.
    """
    ours = await _ours(http, callback_url)
    for topic in TOPICS:
        wanted = _wanted(topic, callback_url, secret)
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


def _wanted(topic: str, callback_url: str, secret: str) -> dict[str, str]:
    return {
        "name": f"Longshore {topic} ({_fingerprint(secret)})",
        "topic": topic,
        "status": "active",
        "delivery_url": callback_url,
    }


def _state(topic: str, found: list[dict[str, Any]], wanted: dict[str, str]) -> Webhook:
    if not found:
        return Webhook(topic=topic, status=WebhookStatus.MISSING)
    first, *others = found
    status, detail = WebhookStatus.ACTIVE, None
    if first.get("status") != wanted["status"]:
        # WooCommerce's own word: `disabled` after failures, `paused` by a person.
        status, detail = WebhookStatus.DISABLED, f"The store has it as {str(first.get('status'))[:20]}."
    elif first.get("name") != wanted["name"]:
        status, detail = WebhookStatus.WRONG, "It may be signed with an older secret."
    elif others:
        status, detail = WebhookStatus.WRONG, f"It is registered {len(found)} times."
    return Webhook(topic=topic, status=status, external_id=str(first["id"]), detail=detail)


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
