"""Deliveries: signed, retried unchanged, given up, duplicated, lost."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from longshore_devkit.stores.common import Faults, sign_base64
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig
from longshore_devkit.stores.shopify.webhooks import RETRY_DELAYS_S, Subscription, enum_of, topic_of

from .conftest import NOON, Hooks

ORDER_TOPICS = ["orders/create", "orders/paid", "orders/updated"]


def _subscribe(shop: Shop, url: str, *topics: str) -> list[Subscription]:
    made = [Subscription(shop.ids.next("subscription"), topic, url, NOON, NOON) for topic in topics]
    shop.webhooks.subscriptions |= {subscription.id: subscription for subscription in made}
    return made


@pytest.fixture
def shop() -> Shop:
    return Shop(ShopConfig(products=10, retry_scale=1e-6), Faults(), now=lambda: NOON)


def test_hmac_agrees_with_the_published_vectors() -> None:
    parents = Path(__file__).resolve().parents
    path = next((p / "shared/fixtures/shopify/hmac_vectors.json" for p in parents if (p / "shared").is_dir()), None)
    if path is None or not path.is_file():
        pytest.skip("the vectors are not on this machine")
    for vector in json.loads(path.read_text())["webhook_body_base64"]:
        assert sign_base64(vector["secret"], vector["body"].encode()) == vector["hmac"]


async def test_an_order_is_announced_with_signature_and_ids(shop: Shop, hooks: Hooks) -> None:
    _subscribe(shop, hooks.url, *ORDER_TOPICS, "inventory_levels/update")
    order = shop.place_order([("LS-0001", 2)], plain=True)
    await shop.webhooks.deliverer.drain()
    assert hooks.topics() == ["inventory_levels/update", *ORDER_TOPICS]
    for headers, body in hooks.received:
        assert headers["x-shopify-hmac-sha256"] == sign_base64(shop.config.api_secret, body)
        assert headers["x-shopify-shop-domain"] == "demo-shop.myshopify.com"
        assert headers["x-shopify-api-version"] == "2026-07"
    assert len({headers["x-shopify-webhook-id"] for headers, _ in hooks.received}) == 4
    assert len({headers["x-shopify-event-id"] for headers, _ in hooks.received}) == 1
    bodies = {headers["x-shopify-topic"]: orjson.loads(body) for headers, body in hooks.received}
    assert bodies["orders/create"]["id"] == order.id
    assert bodies["inventory_levels/update"]["available"] == 98
    await shop.webhooks.deliverer.close()


async def test_retries_send_the_original_bytes_under_the_same_id(shop: Shop, hooks: Hooks) -> None:
    _subscribe(shop, hooks.url, "orders/create")
    hooks.script = [500, 503]
    order = shop.place_order([("LS-0001", 2)], plain=True)
    shop.annotate(order, note="changed before the retry", tags=[])
    await shop.webhooks.deliverer.drain()
    assert len(hooks.received) == 3
    assert len({body for _, body in hooks.received}) == 1
    assert len({headers["x-shopify-webhook-id"] for headers, _ in hooks.received}) == 1
    assert shop.webhooks.sent.accepted == {"orders/create": 1}
    await shop.webhooks.deliverer.close()


async def test_eight_failures_in_a_row_remove_the_subscription(shop: Shop, hooks: Hooks) -> None:
    _subscribe(shop, hooks.url, "orders/create")
    hooks.script = [500] * 20
    shop.place_order()
    await shop.webhooks.deliverer.drain()
    assert len(hooks.received) == 8
    assert shop.webhooks.subscriptions == {}
    assert [removed.topic for removed in shop.webhooks.removed] == ["orders/create"]
    await shop.webhooks.deliverer.close()


async def test_a_success_in_between_forgives(shop: Shop, hooks: Hooks) -> None:
    (subscription,) = _subscribe(shop, hooks.url, "orders/create")
    hooks.script = [500] * 7
    shop.place_order()
    await shop.webhooks.deliverer.drain()
    assert len(hooks.received) == 8
    assert (subscription.failures, len(shop.webhooks.subscriptions)) == (0, 1)
    await shop.webhooks.deliverer.close()


async def test_duplicates_and_losses(hooks: Hooks) -> None:
    faults = Faults(webhook_duplicate_rate=1)
    shop = Shop(ShopConfig(products=10), faults, now=lambda: NOON)
    _subscribe(shop, hooks.url, "orders/create")
    shop.place_order()
    await shop.webhooks.deliverer.drain()
    assert len({headers["x-shopify-webhook-id"] for headers, _ in hooks.received}) == 1
    assert len(hooks.received) == 2
    faults.update({"webhook_loss_rate": 1})
    shop.place_order()
    await shop.webhooks.deliverer.drain()
    assert (len(hooks.received), shop.webhooks.deliverer.lost) == (2, 1)
    await shop.webhooks.deliverer.close()


async def test_what_happens_later_is_announced_too(shop: Shop, hooks: Hooks) -> None:
    order = shop.place_order([("LS-0001", 2)], plain=True)
    other = shop.place_order([("LS-0002", 1)], plain=True)
    _subscribe(shop, hooks.url, "orders/updated", "orders/cancelled", "orders/edited", "refunds/create")
    _subscribe(shop, hooks.url, "fulfillments/create", "orders/fulfilled", "app/uninstalled")
    shop.edit(order.id)
    shop.refund(order.id)
    shop.cancel(other.id)
    shop.uninstall()
    await shop.webhooks.deliverer.drain()
    topics = hooks.topics()
    assert topics.count("orders/updated") == 3
    assert topics.count("refunds/create") == 2
    assert {"orders/edited", "orders/cancelled", "app/uninstalled"} <= set(topics)
    await shop.webhooks.deliverer.close()


async def test_stock_set_to_what_it_is_says_nothing(shop: Shop, hooks: Hooks) -> None:
    _subscribe(shop, hooks.url, "inventory_levels/update", "products/update")
    variant = shop.variant_by_sku("LS-0001")
    shop.set_quantity(variant, shop.locations[0].id, 100)
    shop.set_quantity(variant, shop.locations[0].id, 99)
    await shop.webhooks.deliverer.drain()
    assert hooks.topics() == ["inventory_levels/update", "products/update"]
    await shop.webhooks.deliverer.close()


def test_eight_retries_take_four_hours() -> None:
    assert (len(RETRY_DELAYS_S), sum(RETRY_DELAYS_S)) == (8, 4 * 3600)


@pytest.mark.parametrize(
    ("enum", "topic"),
    [
        ("ORDERS_CREATE", "orders/create"),
        ("ORDERS_PARTIALLY_FULFILLED", "orders/partially_fulfilled"),
        ("INVENTORY_LEVELS_UPDATE", "inventory_levels/update"),
        ("INVENTORY_ITEMS_DELETE", "inventory_items/delete"),
        ("APP_UNINSTALLED", "app/uninstalled"),
        ("FULFILLMENT_ORDERS_PLACED_ON_HOLD", "fulfillment_orders/placed_on_hold"),
        ("FULFILLMENT_EVENTS_CREATE", "fulfillment_events/create"),
    ],
)
def test_topics_have_two_spellings(enum: str, topic: str) -> None:
    assert topic_of(enum) == topic
    assert enum_of(topic) == enum
