"""Connecting a store: what it is, what we may do there, and its webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from longshore.contracts import Webhook, WebhookStatus
from longshore.platforms.protocols import StoreInfo, StoreRefused
from longshore_connector_shopify.client.admin_api import API_VERSION, AdminApi
from longshore_connector_shopify.client.paging import nodes_of
from longshore_connector_shopify.client.topics import FOLLOWED, NEEDS, enum_of
from longshore_connector_shopify.permissions import OPTIONAL, missing, with_implied


async def check(api: AdminApi) -> StoreInfo:
    """Reach the store and compare what we may with what we need."""
    data = (await api.query("shop")).data
    shop = data.get("shop") or {}
    scopes = _scopes(data)
    other_version = api.version is not None and api.version != API_VERSION
    return StoreInfo(
        name=str(shop.get("name") or api.domain),
        platform_version=api.version,
        currency=shop.get("currencyCode"),
        missing=missing(scopes),
        lacking=tuple(scope for scope in OPTIONAL if scope not in scopes),
        version_warning=f"The store answers with API version {api.version}; this is made for {API_VERSION}."
        if other_version
        else None,
    )


async def granted(api: AdminApi) -> frozenset[str]:
    """The access scopes that the store has granted, with those that they imply."""
    return _scopes((await api.query("shop")).data)


async def webhooks(api: AdminApi, callback_url: str) -> list[Webhook]:
    """Each topic that we may have, and whether it is delivered there. Shopify disables nothing: it deletes."""
    there = {each["topic"]: each["id"] async for each in _subscriptions(api) if each.get("uri") == callback_url}
    found = []
    for topic in await _topics(api):
        id = there.get(enum_of(topic))
        status = WebhookStatus.MISSING if id is None else WebhookStatus.ACTIVE
        found.append(Webhook(topic=topic, status=status, external_id=None if id is None else id.rpartition("/")[2]))
    return found


async def ensure_webhooks(api: AdminApi, callback_url: str) -> list[str]:
    """Subscribe to each topic that is not yet delivered there, as far as we may."""
    topics = await _topics(api)
    there = {each["topic"] async for each in _subscriptions(api) if each.get("uri") == callback_url}
    for topic in topics:
        if enum_of(topic) not in there:
            await _subscribe(api, topic, callback_url)
    return topics


async def remove_webhooks(api: AdminApi, callback_url: str) -> None:
    """Remove all subscriptions that deliver there."""
    ours = [each["id"] async for each in _subscriptions(api) if each.get("uri") == callback_url]
    for subscription in ours:
        # An error here says that it is gone already.
        await api.query("webhook_delete", {"id": subscription})


async def _topics(api: AdminApi) -> list[str]:
    scopes = await granted(api)
    return [topic for topic in FOLLOWED if topic not in NEEDS or NEEDS[topic] in scopes]


async def _subscribe(api: AdminApi, topic: str, callback_url: str) -> None:
    data = (await api.query("webhook_create", {"topic": enum_of(topic), "uri": callback_url})).data
    errors = (data.get("webhookSubscriptionCreate") or {}).get("userErrors") or []
    messages = [str(each.get("message")) for each in errors]
    # Another task was faster, or an earlier try whose answer was lost.
    refused = [message for message in messages if "already been taken" not in message]
    if refused:
        raise StoreRefused("webhook-refused", f"The store refuses to deliver {topic}: {'; '.join(refused)[:300]}")


async def _subscriptions(api: AdminApi) -> AsyncIterator[dict[str, Any]]:
    after: str | None = None
    while True:
        data = (await api.query("webhooks", {"after": after})).data
        nodes, after = nodes_of(data.get("webhookSubscriptions"))
        for node in nodes:
            yield node
        if after is None:
            return


def _scopes(data: dict[str, Any]) -> frozenset[str]:
    scopes = (data.get("currentAppInstallation") or {}).get("accessScopes") or []
    return with_implied(str(each["handle"]) for each in scopes)
