"""The same order by webhook and by our GraphQL documents has the same content and the same digest.

The simulated shop tells each order in both ways; what happens to the orders is drawn at random from fixed seeds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from longshore.contracts import OrderSnapshot, ProductSnapshot, StockLevel, has_detail, same_content
from longshore_connector_shopify.documents import document
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.stores.shopify import rest, rest_orders
from longshore_devkit.stores.shopify.buyers import Habits
from longshore_devkit.stores.shopify.engine import Engine
from longshore_devkit.stores.shopify.model import Order
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig, ShopError

EVERYTHING = Habits(
    order_discount=0.5,
    line_discount=0.4,
    shipping_discount=0.3,
    tip=0.3,
    duties=0.3,
    anonymous=0.15,
    custom_line=0.2,
    presentment=0.3,
    unpaid=0.15,
    note=0.3,
)
ORDERS = 40
# When `make.record` was received.
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _ship_one(shop: Shop, order: Order, rng: random.Random) -> None:
    waiting = [
        (found, part, 1)
        for found in order.fulfillment_orders[:1]
        if found.status == "open"
        for part in found.lines
        if part.remaining
    ]
    if waiting:
        number = f"T{rng.randint(0, 99)}"
        shop.fulfil(order, waiting, numbers=[number], urls=[f"https://example.com/{number}"], company="DHL")


def _orders(shop: Shop, seed: int) -> Iterator[Order]:
    """Orders to which up to three things have happened."""
    rng = random.Random(seed)
    for _ in range(ORDERS):
        order = shop.place_order()
        for _ in range(rng.randint(0, 3)):
            with suppress(ShopError):
                match rng.randrange(6):
                    case 0:
                        shop.refund(order.id)
                    case 1:
                        shop.refund(order.id, full=True, restock=False)
                    case 2:
                        shop.edit(order.id)
                    case 3:
                        shop.cancel(order.id)
                    case 4:
                        shop.cancel(order.id, refund=False)
                    case _:
                        _ship_one(shop, order, rng)
        yield order


def _both(make: Any, engine: Engine, order: Order) -> tuple[OrderSnapshot, OrderSnapshot]:
    told = orjson.dumps(rest_orders.order_payload(order, engine.shop.config.domain))
    answer = engine.execute(document("order"), {"id": rest.gid("Order", order.id)})
    assert "errors" not in answer
    fetched = make.record(orjson.dumps(answer), resource="order", external_id=str(order.id))
    (webhook,) = ShopifyTranslator().translate(make.record(told)).events
    (fetch,) = ShopifyTranslator().translate(fetched).events
    assert isinstance(webhook, OrderSnapshot)
    assert isinstance(fetch, OrderSnapshot)
    return webhook, fetch


@pytest.mark.parametrize(("seed", "currency"), [(1, "USD"), (2, "JPY"), (3, "KWD"), (4, "EUR")])
def test_orders(make: Any, seed: int, currency: str) -> None:
    shop = Shop(
        ShopConfig(seed=seed, currency=currency, locations=2, plan="enterprise", habits=EVERYTHING), now=lambda: NOW
    )
    engine = Engine(shop)
    for order in _orders(shop, seed):
        webhook, fetch = _both(make, engine, order)
        where = {"version", "raw"}
        assert webhook.model_dump(exclude=where) == fetch.model_dump(exclude=where)
        assert webhook.digest == fetch.digest
        assert webhook.reconciled, webhook.discrepancies
        assert webhook.problems == []


def test_the_digest_tells_content_apart(make: Any) -> None:
    shop = Shop(ShopConfig(), now=lambda: NOW)
    engine = Engine(shop)
    order = shop.place_order([("LS-0001", 2)])
    before, _ = _both(make, engine, order)
    shop.refund(order.id)
    after, fetched = _both(make, engine, order)
    assert before.digest != after.digest
    assert after.digest == fetched.digest


def test_products_and_stock(make: Any) -> None:
    shop = Shop(ShopConfig(products=12, locations=3), now=lambda: NOW)
    engine = Engine(shop)
    for product in shop.products.values():
        told = make.record(orjson.dumps(rest.product_payload(product, "USD")), "products/update")
        answer = engine.execute(document("product"), {"id": rest.gid("Product", product.id), "after": None})
        fetched = make.record(orjson.dumps(answer), resource="product", external_id=str(product.id))
        (webhook,), (fetch,) = (ShopifyTranslator().translate(each).events for each in (told, fetched))
        assert isinstance(webhook, ProductSnapshot)
        assert isinstance(fetch, ProductSnapshot)
        # What a webhook does not tell is the fetch's detail.
        assert same_content(webhook.digest, fetch.digest)
        assert (has_detail(webhook.digest), has_detail(fetch.digest)) == (False, True)
        assert fetch.currency == "USD"
        assert all(variant.price is not None for variant in fetch.variants)
    variant = shop.variants[0]
    answer = engine.execute(document("stock"), {"id": rest.gid("InventoryItem", variant.inventory_item_id)})
    fetched = make.record(orjson.dumps(answer), resource="stock", external_id=str(variant.inventory_item_id))
    found = ShopifyTranslator().translate(fetched).events
    levels = {each.external_id: each for each in found if isinstance(each, StockLevel)}
    assert len(levels) == 3
    for location_id, level in variant.levels.items():
        told = make.record(rest.inventory_level_payload(variant, location_id, level), "inventory_levels/update")
        (event,) = ShopifyTranslator().translate(told).events
        assert isinstance(event, StockLevel)
        assert levels[event.external_id].digest == event.digest
        assert levels[event.external_id].quantity == level.available


def test_an_order_in_several_answers(make: Any) -> None:
    """Lines, shipments and refunds that the first answer cuts off come in answers of their own."""
    shop = Shop(ShopConfig(products=60, plan="enterprise"), now=lambda: NOW)
    engine = Engine(shop)
    order = shop.place_order([(variant.sku or "", 1) for variant in shop.variants[:45]])
    whole = order.fulfillment_orders[0]
    for part in whole.lines[:12]:
        shop.fulfil(order, [(whole, part, 1)])
    first = engine.execute(document("order"), {"id": rest.gid("Order", order.id)})
    data = first["data"]["order"]
    pages = [first]
    after = data["lineItems"]["pageInfo"]["endCursor"]
    while after:
        page = engine.execute(document("order_lines"), {"id": data["id"], "after": after})
        pages.append(page)
        connection = page["data"]["order"]["lineItems"]["pageInfo"]
        after = connection["endCursor"] if connection["hasNextPage"] else None
    known = {each["id"] for each in data["fulfillments"]}
    for done in order.fulfillments:
        node = engine.nodes.fulfillment(order, done)
        if node["id"] not in known:
            lines = [
                {"quantity": quantity, "lineItem": {"id": rest.gid("LineItem", line.id)}}
                for _, line, quantity in done.lines
            ]
            shipment = {name: node[name] for name in ("id", "status", "displayStatus", "createdAt")}
            shipment |= {"trackingInfo": [], "fulfillmentLineItems": {"nodes": lines}}
            pages.append({"data": {"fulfillment": shipment}})
    body = b"[" + b",".join(orjson.dumps(page) for page in pages) + b"]"
    (fetch,) = ShopifyTranslator().translate(make.record(body, resource="order", external_id=str(order.id))).events
    told = orjson.dumps(rest_orders.order_payload(order, shop.config.domain))
    (webhook,) = ShopifyTranslator().translate(make.record(told)).events
    assert isinstance(fetch, OrderSnapshot)
    assert isinstance(webhook, OrderSnapshot)
    assert len(fetch.lines) == 45
    assert len(fetch.fulfillments) == 12
    assert fetch.digest == webhook.digest
