"""Bulk operations: everything once, in the shape in which it is fetched alone, whatever happens on the way."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from longshore.contracts import OrderSnapshot
from longshore.platforms.protocols import FetchRequest, StoreUnavailable, SyncPage, SyncRequest
from longshore_connector_shopify.client import bulk
from longshore_connector_shopify.client.alone import AT_ONCE, Left
from longshore_connector_shopify.client.bulk import Place, place_of
from longshore_connector_shopify.permissions import ASKED
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.stores.shopify.bulk import BulkOperations
from longshore_devkit.stores.shopify.shop import ShopError
from longshore_devkit.testing import eventually

ALWAYS = {"orders": 0, "products": 0, "customers": 0, "inventory": 0}
RUN = "0197-run"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few dozen orders are many parts."""
    monkeypatch.setattr(bulk, "PART", 8 * 1024)


async def steps(client: Any, request: SyncRequest, cursor: str | None = None) -> list[SyncPage]:
    """All steps of a run, as the engine takes them."""
    pages: list[SyncPage] = []
    while True:
        page = await client.sync_page(request, cursor)
        pages.append(page)
        cursor = page.cursor
        if cursor is None:
            return pages
        if page.again_in_s:
            await ready(client, cursor)


async def ready(client: Any, cursor: str) -> None:
    """What the engine's pause is for."""
    place = place_of(cursor)
    assert place is not None
    if place.operation is None:
        return

    async def done() -> bool:
        found = (await client._api.query("bulk_look", {"id": place.operation})).data["bulkOperation"]
        return found["status"] not in {"CREATED", "RUNNING"}

    await eventually(done)


def operations(store: Any) -> BulkOperations:
    found: BulkOperations = store.sim.engine().bulk
    return found


def ids(pages: list[SyncPage]) -> list[str]:
    return [each.external_id for page in pages for each in page.entities]


def place_orders(store: Any, count: int) -> list[str]:
    return [str(store.shop.place_order().id) for _ in range(count)]


async def test_orders_whose_lines_and_discounts_stand_behind_them(open_store: Any, make: Any) -> None:
    store = await open_store(plan="enterprise", products=20)
    placed = place_orders(store, 40)
    pages = await steps(store.again(bulk_from=ALWAYS), SyncRequest("orders", key=RUN))
    assert sorted(ids(pages)) == sorted(placed)
    assert (pages[0].total, sum(page.count for page in pages)) == (40, 40)
    assert len(pages) > 5
    assert store.calls("order") == 0
    for entity in (each for page in pages for each in page.entities):
        (alone,) = await store.client.fetch(FetchRequest("order", entity.external_id))
        assert snapshot(make, entity.body) == snapshot(make, alone.body)


async def test_shipped_refunded_and_edited_orders_are_the_same_too(open_store: Any, make: Any) -> None:
    """What a bulk operation cannot tell is worked out where it is certain, and read alone where it is not."""
    store = await open_store(plan="enterprise", products=20, locations=2)
    rng = random.Random(4)
    for _ in range(40):
        order = store.shop.place_order()
        for _ in range(rng.randint(0, 2)):
            with suppress(ShopError):
                match rng.randrange(5):
                    case 0:
                        store.shop.refund(order.id)
                    case 1:
                        store.shop.edit(order.id)
                    case 2:
                        store.shop.cancel(order.id)
                    case _:
                        ship(store.shop, order, whole=rng.random() < 0.6)
    pages = await steps(store.again(bulk_from=ALWAYS), SyncRequest("orders", key=RUN))
    entities = [each for page in pages for each in page.entities]
    assert len(entities) == 40
    alone = store.calls("order")
    shipped_whole = sum(len(each.fulfillments) == 1 and not each.refunds for each in store.shop.orders.values())
    # Most of those that were only shipped need no request of their own.
    assert 0 < alone < 40 - shipped_whole / 2
    for entity in entities:
        (fetched,) = await store.client.fetch(FetchRequest("order", entity.external_id))
        read, again = snapshot(make, entity.body), snapshot(make, fetched.body)
        assert read == again
        assert read.reconciled


@pytest.mark.parametrize("bulk_from", [ALWAYS, {**ALWAYS, "orders": 1_000}], ids=["bulk", "pages"])
async def test_a_fault_costs_one_of_those_that_are_read_alone(open_store: Any, bulk_from: Any) -> None:
    """A store that fails at half of the calls lets no page of a hundred through whole."""
    store = await open_store(plan="enterprise", products=20)
    placed = place_orders(store, 60)
    for order in store.shop.orders.values():
        store.shop.refund(order.id)
    client, request = store.again(bulk_from=bulk_from), SyncRequest("orders", key=RUN)
    first = await client.sync_page(request, None) if bulk_from is ALWAYS else SyncPage([], 0, None)
    if first.cursor is not None:
        await ready(client, first.cursor)
    store.sim.faults.update({"error_rate_5xx": 0.5, "retry_after_s": 0})
    pages, cursor = [first], first.cursor
    while True:
        with suppress(StoreUnavailable):
            pages.append(await client.sync_page(request, cursor))
            cursor = pages[-1].cursor
            if cursor is None:
                break
    assert sorted(ids(pages)) == sorted(placed)
    assert store.calls("order") == sum(page.count for page in pages) == 60


async def test_nothing_is_asked_behind_a_step_that_failed(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    place_orders(store, 20)
    client = store.again(bulk_from={**ALWAYS, "orders": 1_000})
    page = await client.sync_page(SyncRequest("orders", key=RUN), None)
    assert page.cursor is None
    rest = Left(tuple(ids([page])), None).to_cursor()
    asked = store.calls("order")
    store.sim.faults.truncated_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await client.sync_page(SyncRequest("orders", key=RUN), rest)
    await asyncio.sleep(0.2)  # nothing should come: there is nothing to wait for
    assert store.calls("order") - asked <= AT_ONCE


def ship(shop: Any, order: Any, *, whole: bool) -> None:
    waiting = next((each for each in order.fulfillment_orders if each.status == "open"), None)
    if waiting is not None:
        parts = [(waiting, part, part.remaining if whole else 1) for part in waiting.lines if part.remaining]
        shop.fulfil(order, parts, numbers=["1Z"], company="UPS")


def snapshot(make: Any, body: bytes) -> OrderSnapshot:
    (event,) = ShopifyTranslator().translate(make.record(body, resource="order", external_id="1")).events
    assert isinstance(event, OrderSnapshot)
    return event


async def test_products_stock_and_customers(open_store: Any, make: Any) -> None:
    store = await open_store(plan="enterprise", products=60, locations=3)
    place_orders(store, 5)
    client = store.again(bulk_from=ALWAYS)
    for resource, kind, expected in (
        ("products", "product", [str(each) for each in store.shop.products]),
        ("inventory", "stock", [str(each.inventory_item_id) for each in store.shop.variants]),
        ("customers", "customer", [str(each.id) for each in store.shop.buyers.customers]),
    ):
        pages = await steps(client, SyncRequest(resource, key=RUN + resource))
        assert sorted(ids(pages)) == sorted(expected)
        entity = pages[1].entities[0] if pages[1].entities else pages[2].entities[0]
        (alone,) = await store.client.fetch(FetchRequest(kind, entity.external_id))
        read, fetched = (
            ShopifyTranslator().translate(make.record(each, resource=kind, external_id=entity.external_id)).events
            for each in (entity.body, alone.body)
        )
        assert read == fetched
        assert len(read) == (3 if kind == "stock" else 1)


async def test_only_what_has_changed_since(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    old, new = (store.shop.place_order([("LS-0001", 1)]) for _ in range(2))
    now = datetime.now(UTC)
    old.updated_at = now - timedelta(hours=2)
    request = SyncRequest("orders", since=now - timedelta(hours=1), key=RUN)
    pages = await steps(store.again(bulk_from=ALWAYS), request)
    assert (ids(pages), pages[0].total) == ([str(new.id)], 1)


async def test_nothing_at_all(open_store: Any) -> None:
    store = await open_store()
    pages = await steps(store.again(bulk_from=ALWAYS), SyncRequest("orders", key=RUN))
    assert ids(pages) == []


async def test_a_process_that_dies_goes_on_in_the_middle_of_the_file(open_store: Any) -> None:
    """The client after it knows nothing but the cursor."""
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 30)
    request = SyncRequest("orders", key=RUN)
    pages: list[SyncPage] = []
    cursor: str | None = None
    while not pages or cursor is not None:
        page = await store.again(bulk_from=ALWAYS).sync_page(request, cursor)
        cursor = page.cursor
        pages.append(page)
        if page.again_in_s and cursor is not None:
            await ready(store.client, cursor)
    assert sorted(ids(pages)) == sorted(placed)
    assert store.calls("bulkOperationRunQuery") == 1


async def test_an_operation_whose_answer_was_lost_is_found_again(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 3)
    client = store.again(bulk_from=ALWAYS)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await client.sync_page(SyncRequest("orders", key=RUN), None)
    store.sim.faults.drop_after_write_rate = 0.0
    assert sorted(ids(await steps(client, SyncRequest("orders", key=RUN)))) == sorted(placed)
    assert store.calls("bulkOperationRunQuery") == 1


async def test_the_run_before_is_not_taken_for_this_one(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    place_orders(store, 2)
    client = store.again(bulk_from=ALWAYS)
    await steps(client, SyncRequest("orders", key=RUN))
    new = place_orders(store, 1)
    assert new[0] in ids(await steps(client, SyncRequest("orders", key="0198-run")))


async def test_another_operation_is_waited_for(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 3)
    operations(store).at_a_time = 1
    operations(store).hold = True
    client = store.again(bulk_from=ALWAYS)
    first = await client.sync_page(SyncRequest("orders", key="0000-other"), None)
    waits = await client.sync_page(SyncRequest("orders", key=RUN), None)
    assert (waits.again_in_s, place_of(waits.cursor)) == (bulk.BUSY_S, Place(total=3))
    assert waits.total == 3
    operations(store).hold = False
    assert first.cursor is not None
    await ready(client, first.cursor)
    assert sorted(ids(await steps(client, SyncRequest("orders", key=RUN), waits.cursor))) == sorted(placed)


@pytest.mark.parametrize(
    ("waited", "total", "done", "wait"),
    [
        (10.0, 400, 100, 30.0),
        (10.0, 120, 100, 2.0),
        # More than there were when it began, or nearly there: it is over in a moment.
        (10.0, 100, 100, 0.5),
        # It does not tell, or nobody knows of how many: a half longer each time.
        (10.0, 100, 0, 1.5**3),
        (10.0, None, 100, 1.5**3),
    ],
)
def test_it_is_looked_at_when_it_should_be_done(waited: float, total: int | None, done: int, wait: float) -> None:
    assert bulk.pause_s(Place(polls=3, waited=waited, total=total), done) == pytest.approx(wait)


async def test_it_is_asked_for_less_and_less_often(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    place_orders(store, 1)
    operations(store).hold = True
    client = store.again(bulk_from=ALWAYS)
    page = await client.sync_page(SyncRequest("orders", key=RUN), None)
    waits = []
    for _ in range(12):
        page = await client.sync_page(SyncRequest("orders", key=RUN), page.cursor)
        waits.append(page.again_in_s)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, bulk.LONGEST_POLL_S)
    operations(store).hold = False


async def test_what_a_failed_operation_had_is_used_and_the_rest_asked_for(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 40)
    operations(store).fail_after = 25
    client = store.again(bulk_from=ALWAYS)
    request = SyncRequest("orders", key=RUN)
    pages = [await client.sync_page(request, None)]
    assert pages[0].cursor is not None
    await ready(client, pages[0].cursor)
    operations(store).fail_after = None
    pages += await steps(client, request, pages[0].cursor)
    # Its last one may lack lines: it comes from the second.
    assert ids(pages) == placed
    second = max(operations(store).operations.values(), key=lambda each: each.id)
    assert f"id:>{placed[23]}" in second.query
    assert second.roots == 16


async def test_after_three_failures_the_rest_is_read_by_pages(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 30)
    operations(store).fail_after = 5
    pages = await steps(store.again(bulk_from=ALWAYS), SyncRequest("orders", key=RUN))
    assert ids(pages) == placed
    assert store.calls("bulkOperationRunQuery") == bulk.TRIES


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "TIMEOUT", "ACCESS_DENIED"])
async def test_a_failure_with_nothing_to_show(open_store: Any, code: str) -> None:
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 3)
    operations(store).fail_after = 0
    operations(store).fail_code = code
    assert ids(await steps(store.again(bulk_from=ALWAYS), SyncRequest("orders", key=RUN))) == placed


async def test_a_file_that_has_expired_is_made_anew(open_store: Any) -> None:
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 10)
    client = store.again(bulk_from=ALWAYS)
    first = await client.sync_page(SyncRequest("orders", key=RUN), None)
    assert first.cursor is not None
    await ready(client, first.cursor)
    operations(store).expire()
    assert sorted(ids(await steps(client, SyncRequest("orders", key=RUN), first.cursor))) == sorted(placed)
    assert store.calls("bulkOperationRunQuery") == 2


async def test_buyers_that_may_not_be_seen_cost_no_order(open_store: Any, make: Any) -> None:
    """A denied field fails a whole operation: it is left out."""
    store = await open_store(plan="enterprise", scopes=frozenset(ASKED) - {"read_customers"})
    placed = place_orders(store, 3)
    pages = await steps(store.again(bulk_from=ALWAYS), SyncRequest("orders", key=RUN))
    assert sorted(ids(pages)) == sorted(placed)
    assert store.calls("order") == 0
    assert all(snapshot(make, each.body).reconciled for page in pages for each in page.entities)


@pytest.mark.parametrize("fault", ["error_rate_5xx", "down_rate", "truncated_rate", "html_rate", "warning_rate"])
async def test_a_storage_in_trouble_is_asked_again_for_the_same_part(open_store: Any, fault: str) -> None:
    store = await open_store(plan="enterprise")
    placed = place_orders(store, 12)
    client = store.again(bulk_from=ALWAYS)
    request = SyncRequest("orders", key=RUN)
    page = await client.sync_page(request, None)
    pages = [page]
    assert page.cursor is not None
    await ready(client, page.cursor)
    store.sim.faults.update({fault: 0.4})
    cursor: str | None = page.cursor
    troubles = 0
    while cursor is not None:
        try:
            page = await client.sync_page(request, cursor)
        except StoreUnavailable:
            troubles += 1
            continue
        pages.append(page)
        cursor = page.cursor
    assert sorted(ids(pages)) == sorted(placed)
    assert troubles


async def test_an_order_that_is_larger_than_a_part(open_store: Any, make: Any) -> None:
    store = await open_store(plan="enterprise", products=90)
    large = store.shop.place_order([(variant.sku, 1) for variant in store.shop.variants[:90]])
    small = store.shop.place_order([("LS-0001", 1)])
    pages = await steps(store.again(bulk_from=ALWAYS), SyncRequest("orders", key=RUN))
    assert ids(pages) == [str(large.id), str(small.id)]
    entity = next(each for page in pages for each in page.entities)
    assert len(snapshot(make, entity.body).lines) == 90


@pytest.mark.parametrize("answer_lost", [False, True])
async def test_a_run_that_ends_before_its_time_cancels_its_operation(open_store: Any, answer_lost: bool) -> None:
    """Though nobody heard that it was begun."""
    store = await open_store(plan="enterprise")
    place_orders(store, 3)
    operations(store).hold = True
    client = store.again(bulk_from=ALWAYS)
    request = SyncRequest("orders", key=RUN)
    cursor = (await client.sync_page(request, None)).cursor
    other = (await client.sync_page(SyncRequest("orders", key="another"), None)).cursor
    await client.end_sync(request, None if answer_lost else cursor)
    assert [each.status for each in operations(store).operations.values()] == ["CANCELED", "CREATED"]
    operations(store).hold = False
    await ready(client, other)
    # What is done stays as it is, and a run by pages has nothing under way.
    await client.end_sync(SyncRequest("orders", key="another"), other)
    await client.end_sync(SyncRequest("orders", key="a third"), "7")
    assert [each.status for each in operations(store).operations.values()] == ["CANCELED", "COMPLETED"]
