"""Pages of sync runs: everything once, in the shape in which it is fetched alone; what has changed since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from longshore.platforms.protocols import FetchRequest, StoreUnauthorized, SyncPage, SyncRequest
from longshore_connector_shopify.client.syncing import search
from longshore_connector_shopify.permissions import ASKED
from longshore_connector_shopify.translate import ShopifyTranslator


async def all_pages(client: Any, request: SyncRequest) -> list[SyncPage]:
    pages: list[SyncPage] = []
    cursor: str | None = None
    while True:
        pages.append(await client.sync_page(request, cursor))
        cursor = pages[-1].cursor
        if cursor is None:
            return pages


def ids(pages: list[SyncPage]) -> list[str]:
    return [each.external_id for page in pages for each in page.entities]


async def test_all_orders_as_they_are_fetched_alone(open_store: Any, make: Any) -> None:
    store = await open_store(plan="enterprise")
    placed = [str(store.shop.place_order([("LS-0001", 1)]).id) for _ in range(45)]
    pages = await all_pages(store.client, SyncRequest("orders"))
    assert ids(pages) == placed
    assert [page.count for page in pages] == [20, 20, 5]
    (alone,) = await store.client.fetch(FetchRequest("order", placed[0]))
    (read,), (fetched,) = (
        ShopifyTranslator().translate(make.record(each.body, resource="order", external_id=placed[0])).events
        for each in (pages[0].entities[0], alone)
    )
    assert read == fetched


async def test_orders_that_come_and_change_meanwhile_push_none_aside(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    orders = [store.shop.place_order([("LS-0001", 1)]) for _ in range(30)]
    first = await store.client.sync_page(SyncRequest("orders"), None)
    store.shop.cancel(orders[3].id)
    new = store.shop.place_order([("LS-0002", 1)])
    second = await store.client.sync_page(SyncRequest("orders"), first.cursor)
    assert ids([first, second]) == [str(each.id) for each in [*orders, new]]


async def test_what_has_changed_since(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    old, new = (store.shop.place_order([("LS-0001", 1)]) for _ in range(2))
    now = datetime.now(UTC)
    old.updated_at = now - timedelta(hours=2)
    new.updated_at = now - timedelta(minutes=30)
    pages = await all_pages(store.client, SyncRequest("orders", since=now - timedelta(hours=1)))
    assert ids(pages) == [str(new.id)]


async def test_products_stock_and_customers(open_store: Any) -> None:
    store = await open_store(plan="enterprise", products=60)
    store.shop.place_order([("LS-0001", 1)])
    products = await all_pages(store.client, SyncRequest("products"))
    assert ids(products) == [str(id) for id in sorted(store.shop.products)]
    stock = await all_pages(store.client, SyncRequest("inventory"))
    assert ids(stock) == sorted((str(each.inventory_item_id) for each in store.shop.variants), key=int)
    customers = await all_pages(store.client, SyncRequest("customers"))
    assert ids(customers) == sorted((str(each.id) for each in store.shop.buyers.customers), key=int)


async def test_stock_of_a_location_that_is_closed(open_store: Any, make: Any) -> None:
    """By pages, by a bulk operation and alone: what lies there cannot be sold."""
    store = await open_store(locations=2, products=3)
    main, harbour = (place.id for place in store.shop.locations)
    for variant in store.shop.variants:
        store.shop.set_quantity(variant, harbour, 5)
    store.shop.set_location(harbour, active=False)
    by_bulk = store.again(bulk_from={"inventory": 0})
    for client in (store.client, by_bulk):
        pages = await all_pages(client, SyncRequest("inventory", key="run"))
        entities = [each for page in pages for each in page.entities]
        assert len(entities) == 3
        alone = await client.fetch(FetchRequest("stock", entities[0].external_id))
        for entity in [*entities, *alone]:
            record = make.record(entity.body, resource="stock", external_id=entity.external_id)
            levels = {each.location_external_id: each.quantity for each in ShopifyTranslator().translate(record).events}
            assert levels == {str(main): 100, str(harbour): 0}


@pytest.mark.parametrize("orders", [0, 3])
async def test_customers_that_may_not_be_read_are_told_from_none(open_store: Any, orders: int) -> None:
    store = await open_store(scopes=frozenset(ASKED) - {"read_customers"})
    for _ in range(orders):
        store.shop.place_order()
    with pytest.raises(StoreUnauthorized, match="read_customers") as caught:
        await store.client.sync_page(SyncRequest("customers"), None)
    assert (caught.value.code, caught.value.partial) == ("missing-scope", True)


async def test_a_store_without_customers(open_store: Any) -> None:
    store = await open_store(scopes=frozenset(ASKED))
    page = await store.client.sync_page(SyncRequest("customers"), None)
    assert (page.count, page.total, page.cursor) == (0, 0, None)


async def test_what_a_run_will_read_is_known_where_the_store_counts(open_store: Any) -> None:
    store = await open_store(plan="enterprise", products=30)
    for _ in range(3):
        store.shop.place_order([("LS-0001", 1)])
    since = datetime.now(UTC) + timedelta(hours=1)
    totals = {
        (resource, at): (await store.client.sync_page(SyncRequest(resource, at), None)).total
        for resource in ("orders", "products", "customers", "inventory")
        for at in (None, since)
    }
    assert totals == {
        ("orders", None): 3,
        ("orders", since): 0,
        ("products", None): len(store.shop.products),
        ("products", since): 0,
        ("customers", None): len(store.shop.buyers.customers),
        ("customers", since): 0,
        ("inventory", None): 30,
        ("inventory", since): None,
    }


def test_the_search() -> None:
    assert search(None, None) is None
    since = datetime(2026, 11, 28, 13, 0, 5, tzinfo=UTC)
    assert search(since, "7") == "id:>7 updated_at:>='2026-11-28T13:00:05Z'"
