"""Reading entities: whole, exact bytes, and what is gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longshore.contracts import CustomerSnapshot, OrderSnapshot
from longshore.platforms.protocols import FetchRequest, StoreRefused
from longshore_connector_shopify.permissions import ALL_ORDERS, ASKED, REQUIRED
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.stores.shopify import rest_orders

SEES_ALL = frozenset({*ASKED, ALL_ORDERS})


async def test_an_order_is_one_answer(store: Any, make: Any) -> None:
    order = store.shop.place_order([("LS-0001", 2), ("LS-0002", 1)])
    (entity,) = await store.client.fetch(FetchRequest("order", str(order.id)))
    assert (entity.resource, entity.external_id, entity.gone) == ("order", str(order.id), False)
    assert str(order.id).encode() in entity.body
    assert store.calls("order") == 1


async def test_a_large_order_is_read_to_its_last_line(open_store: Any, make: Any) -> None:
    store = await open_store(products=90, plan="enterprise")
    order = store.shop.place_order([(variant.sku, 1) for variant in store.shop.variants[:90]])
    (entity,) = await store.client.fetch(FetchRequest("order", str(order.id)))
    assert isinstance(json.loads(entity.body), list)
    record = make.record(entity.body, resource="order", external_id=entity.external_id)
    (fetched,) = ShopifyTranslator().translate(record).events
    told = rest_orders.order_payload(order, store.shop.config.domain)
    (webhook,) = ShopifyTranslator().translate(make.record(told)).events
    assert isinstance(fetched, OrderSnapshot)
    assert isinstance(webhook, OrderSnapshot)
    assert len(fetched.lines) == 90
    assert fetched.digest == webhook.digest
    assert fetched.reconciled


async def test_all_shipments_and_refunds_of_an_order(open_store: Any, make: Any) -> None:
    """More of them than the first answer lists, with more lines than it lists of each."""
    store = await open_store(products=40, plan="enterprise")
    order = store.shop.place_order([(variant.sku, 6) for variant in store.shop.variants[:15]])
    waiting = order.fulfillment_orders[0]
    for _ in range(6):
        parts = [(waiting, part, 1) for part in waiting.lines if part.remaining > 1]
        store.shop.fulfil(order, parts or [(waiting, waiting.lines[0], 1)])
    for _ in range(5):
        store.shop.refund(order.id)
    store.shop.refund(order.id, full=True)
    (entity,) = await store.client.fetch(FetchRequest("order", str(order.id)))
    record = make.record(entity.body, resource="order", external_id=entity.external_id)
    (fetched,) = ShopifyTranslator().translate(record).events
    (webhook,) = ShopifyTranslator().translate(make.record(rest_orders.order_payload(order, "x"))).events
    assert isinstance(fetched, OrderSnapshot)
    assert isinstance(webhook, OrderSnapshot)
    assert (len(fetched.fulfillments), len(fetched.refunds)) == (6, 6)
    assert fetched.model_dump(exclude={"version", "raw"}) == webhook.model_dump(exclude={"version", "raw"})


async def test_an_order_without_leave_to_read_buyers(open_store: Any, make: Any) -> None:
    """The store denies the field and tells the rest."""
    store = await open_store(scopes=frozenset(REQUIRED))
    order = store.shop.place_order([("LS-0001", 1)])
    (entity,) = await store.client.fetch(FetchRequest("order", str(order.id)))
    record = make.record(entity.body, resource="order", external_id=entity.external_id)
    (event,) = ShopifyTranslator().translate(record).events
    assert isinstance(event, OrderSnapshot)
    assert event.reconciled
    assert event.customer is None or event.customer.external_id is None


async def test_customers(store: Any, make: Any) -> None:
    order = next(order for order in iter(store.shop.place_order, None) if order.customer)
    (entity,) = await store.client.fetch(FetchRequest("customer", str(order.customer.id)))
    record = make.record(entity.body, resource="customer", external_id=entity.external_id)
    (event,) = ShopifyTranslator().translate(record).events
    assert isinstance(event, CustomerSnapshot)
    assert (event.email, event.first_name) == (order.customer.email, order.customer.first_name)


async def test_products_and_stock(store: Any, make: Any) -> None:
    product = next(iter(store.shop.products.values()))
    variant = product.variants[0]
    for request in (
        FetchRequest("product", str(product.id)),
        FetchRequest("stock", str(variant.inventory_item_id)),
        FetchRequest("stock", f"{variant.inventory_item_id}@{store.shop.locations[0].id}"),
    ):
        (entity,) = await store.client.fetch(request)
        record = make.record(entity.body, resource=entity.resource, external_id=entity.external_id)
        events = ShopifyTranslator().translate(record).events
        assert len(events) == (1 if request.resource == "product" else 2)


@pytest.mark.parametrize("resource", ["order", "product", "stock", "customer"])
async def test_what_the_store_has_no_more(open_store: Any, resource: Any) -> None:
    store = await open_store(scopes=SEES_ALL)
    (entity,) = await store.client.fetch(FetchRequest(resource, "9"))
    assert entity.gone
    assert entity.external_id == "9"


async def test_an_order_that_we_may_not_see_is_not_gone(open_store: Any) -> None:
    """Without read_all_orders an order older than 60 days looks the same as a deleted one."""
    store = await open_store(scopes=frozenset(ASKED))
    with pytest.raises(StoreRefused, match="order-not-visible"):
        await store.client.fetch(FetchRequest("order", "9"))


async def test_the_order_of_a_return(open_store: Any) -> None:
    store = await open_store(scopes=SEES_ALL | {"read_returns"})
    order = store.shop.place_order()
    store.shop.returns[77] = order
    (entity,) = await store.client.fetch(FetchRequest("order", "return/77"))
    assert (entity.resource, entity.external_id, entity.gone) == ("order", str(order.id), False)
    assert await store.client.fetch(FetchRequest("order", "return/78")) == []


async def test_a_return_that_we_may_not_see_is_let_be(open_store: Any) -> None:
    """Its order's own deliveries tell."""
    store = await open_store(scopes=SEES_ALL)
    store.shop.returns[77] = store.shop.place_order()
    assert await store.client.fetch(FetchRequest("order", "return/77")) == []


async def test_the_catalogue(open_store: Any, make: Any) -> None:
    store = await open_store(products=70, locations=7)
    pages = [page async for page in store.client.import_catalogue()]
    entities = [entity for page in pages for entity in page]
    products = {entity.external_id for entity in entities if entity.resource == "product"}
    stock = {entity.external_id for entity in entities if entity.resource == "stock"}
    assert products == {str(number) for number in store.shop.products}
    assert stock == {str(variant.inventory_item_id) for variant in store.shop.variants}
    levels = 0
    for entity in entities:
        record = make.record(entity.body, resource=entity.resource, external_id=entity.external_id)
        levels += len(ShopifyTranslator().translate(record).events) if entity.resource == "stock" else 0
    # Each item at each location, beyond what one page holds.
    assert levels == 70 * 7
