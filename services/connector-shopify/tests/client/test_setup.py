"""Connecting: check, scopes, webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from longshore.platforms.protocols import StoreRefused, StoreUnauthorized
from longshore_connector_shopify.client.admin_api import gid, shop_domain
from longshore_connector_shopify.client.topics import FOLLOWED
from longshore_connector_shopify.permissions import ASKED, OPTIONAL, REQUIRED

CALLBACK = "http://127.0.0.1:9/webhooks/shopify"


async def test_a_store_introduces_itself(store: Any) -> None:
    info = await store.client.check()
    assert (info.name, info.currency, info.platform_version, info.missing) == ("demo-shop", "USD", "2026-07", ())


async def test_missing_scopes_are_named(open_store: Any) -> None:
    store = await open_store(scopes=frozenset(ASKED) - {"write_inventory", "read_locations"})
    assert (await store.client.check()).missing == ("read_locations", "write_inventory")


async def test_what_is_only_useful_is_not_demanded(open_store: Any) -> None:
    store = await open_store(scopes=frozenset(REQUIRED))
    assert (await store.client.check()).missing == ()
    topics = await store.client.ensure_webhooks(CALLBACK)
    assert "orders/create" in topics
    assert not {"customers/create", "customers/update", "fulfillments/update"} & set(topics)
    assert {each.topic for each in store.shop.webhooks.subscriptions.values()} == set(topics)


async def test_an_expired_token_is_unauthorized(store: Any) -> None:
    with pytest.raises(StoreUnauthorized) as caught:
        await store.again(token="shpat_expired").check()
    assert "shpat_expired" not in str(caught.value)


async def test_webhooks_are_registered_once(store: Any) -> None:
    for _ in range(2):
        assert await store.client.ensure_webhooks(CALLBACK) == list(FOLLOWED)
    there = store.shop.webhooks.subscriptions.values()
    assert sorted(each.topic for each in there) == sorted(FOLLOWED)
    assert {each.uri for each in there} == {CALLBACK}


async def test_a_removed_webhook_is_registered_anew(store: Any) -> None:
    await store.client.ensure_webhooks(CALLBACK)
    subscriptions = store.shop.webhooks.subscriptions
    subscriptions.pop(next(iter(subscriptions)))
    await store.client.ensure_webhooks(CALLBACK)
    assert len(subscriptions) == len(FOLLOWED)


async def test_what_the_store_has_is_told_topic_by_topic(store: Any) -> None:
    assert {each.status.value for each in await store.client.webhooks(CALLBACK)} == {"missing"}
    await store.client.ensure_webhooks(CALLBACK)
    subscriptions = store.shop.webhooks.subscriptions
    gone = subscriptions.pop(next(iter(subscriptions)))
    found = await store.client.webhooks(CALLBACK)
    assert [each.topic for each in found] == list(FOLLOWED)
    assert [each.topic for each in found if each.status.value == "missing"] == [gone.topic]
    assert {int(each.external_id) for each in found if each.external_id} == set(subscriptions)


async def test_what_would_be_useful_is_named_too(open_store: Any) -> None:
    store = await open_store(scopes=frozenset(REQUIRED))
    assert (await store.client.check()).lacking == OPTIONAL


async def test_only_our_webhooks_are_removed(store: Any) -> None:
    await store.client.ensure_webhooks(CALLBACK)
    await store.client.ensure_webhooks("http://127.0.0.1:9/other")
    await store.client.remove_webhooks(CALLBACK)
    assert {each.uri for each in store.shop.webhooks.subscriptions.values()} == {"http://127.0.0.1:9/other"}


async def test_an_address_that_the_store_refuses(store: Any) -> None:
    with pytest.raises(StoreRefused, match="webhook-refused"):
        await store.client.ensure_webhooks("http://example.com/webhooks/shopify")


@pytest.mark.parametrize(
    "given", ["demo-shop.myshopify.com", "https://Demo-Shop.myshopify.com/", " http://demo-shop.myshopify.com "]
)
def test_shop_addresses(given: str) -> None:
    assert shop_domain(given) == "demo-shop.myshopify.com"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "demo-shop",
        "-demo.myshopify.com",
        "demo.myshopify.com.evil.com",
        "evil.com/demo.myshopify.com",
        "demo.myshopify.com/admin",
        "demo.myshopify.com:8080",
        "user@demo.myshopify.com",
        "127.0.0.1",
        "a.b.myshopify.com",
    ],
)
def test_other_addresses_are_refused(given: str) -> None:
    with pytest.raises(StoreRefused):
        shop_domain(given)


@pytest.mark.parametrize("number", ["", "x", "1/2", "-1", "1?a=b"])
def test_ids_are_numbers(number: str) -> None:
    with pytest.raises(StoreRefused):
        gid("Order", number)
