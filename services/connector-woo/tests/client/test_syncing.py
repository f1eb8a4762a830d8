"""Pages of sync runs against a simulated shop, and against lists that change under the walk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore.platforms.protocols import FetchedEntity, StoreUnavailable, SyncPage, SyncRequest
from longshore_connector_woo.client import customers
from longshore_connector_woo.client.answers import Answer
from longshore_connector_woo.client.reader import MOST_AT_A_TIME, Reader
from longshore_connector_woo.client.walking import STEP_PAGES, Place, read_place, walk, write_place
from longshore_devkit.forms import examples
from longshore_devkit.stores.woo import SimulatedWoo


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


def entity(pages: list[SyncPage], id: object) -> FetchedEntity:
    return next(each for page in pages for each in page.entities if each.external_id == str(id))


class TestOrders:
    async def test_all_with_the_trash_and_refunds_with_their_lines(self, client: Any, sim: Any) -> None:
        orders = (await sim("POST", "/orders", {"n": 12}))["orders"]
        placed = [each["id"] for each in orders]
        await sim("POST", f"/orders/{placed[3]}/trash", {})
        await sim("POST", f"/orders/{placed[4]}/refund", {"lines": [{"sku": orders[4]["lines"][0]["sku"]}]})
        pages = await all_pages(client, SyncRequest("orders"))
        assert sorted(ids(pages), key=int) == [str(id) for id in placed]
        assert [page.total for page in pages] == [12, 12]
        assert sum(page.count for page in pages) == 12
        body = json.loads(entity(pages, placed[4]).body)
        assert body["order"]["id"] == placed[4]
        assert body["refunds"][0]["line_items"]
        assert json.loads(entity(pages, placed[0]).body)["refunds"] == []

    async def test_what_has_changed_since(self, woo: SimulatedWoo, client: Any, sim: Any) -> None:
        old, new = [each["id"] for each in (await sim("POST", "/orders", {"n": 2}))["orders"]]
        now = woo.shop.now()
        woo.shop.orders[old].modified = now - timedelta(hours=2)
        woo.shop.orders[new].modified = now - timedelta(minutes=30)
        # By UTC, whatever the shop's zone is; the border itself is not what has changed since.
        pages = await all_pages(client, SyncRequest("orders", since=now - timedelta(hours=1)))
        assert ids(pages) == [str(new)]

    async def test_one_order_whose_refunds_cannot_be_read_is_named_and_the_others_are_read(self, serve: Any) -> None:
        orders = [{"id": 1, "refunds": []}, {"id": 2, "refunds": [{"id": 9}]}]

        async def answer(request: web.Request) -> web.StreamResponse:
            if request.path.endswith("/refunds"):
                return web.json_response({"code": "woocommerce_rest_cannot_x", "message": "No."}, status=400)
            trash = request.query.get("status") == "trash"
            return web.json_response([] if trash else orders, headers={"X-WP-Total": "0" if trash else "2"})

        client = await serve(answer)
        pages = await all_pages(client, SyncRequest("orders"))
        assert ids(pages) == ["1"]
        assert [(each.request.external_id, each.detail) for each in pages[0].failed] == [("2", "No.")]

    async def test_the_refunds_of_a_page_are_one_request(self, woo: SimulatedWoo, client: Any, sim: Any) -> None:
        orders = (await sim("POST", "/orders", {"n": 6}))["orders"]
        for each in orders:
            await sim("POST", f"/orders/{each['id']}/refund", {"lines": [{"sku": each["lines"][0]["sku"]}]})
        pages = await all_pages(client, SyncRequest("orders"))
        for each in orders:
            body = json.loads(entity(pages, each["id"]).body)
            assert [refund["id"] for refund in body["refunds"]] == [refund["id"] for refund in body["order"]["refunds"]]
            assert body["refunds"][0]["line_items"]
        assert woo.shop.api_calls["GET refunds"] == 1
        assert woo.shop.api_calls["GET orders/refunds"] == 0

    async def test_a_store_without_a_list_of_refunds_is_asked_order_by_order(self, serve: Any) -> None:
        orders = [{"id": n, "refunds": [{"id": 90 + n}]} for n in (1, 2)]
        asked: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.path.removeprefix("/wp-json/wc/v3")
            asked.append(path)
            if path == "/refunds":
                return web.json_response({"code": "rest_no_route", "message": "No route"}, status=404)
            if path.endswith("/refunds"):
                return web.json_response([{"id": 90 + int(path.split("/")[2]), "line_items": []}])
            return web.json_response([] if request.query.get("status") == "trash" else orders)

        client = await serve(answer)
        for _ in range(2):
            pages = await all_pages(client, SyncRequest("orders"))
            assert [json.loads(each.body)["refunds"][0]["id"] for page in pages for each in page.entities] == [91, 92]
        assert asked.count("/refunds") == 1

    async def test_a_refund_that_the_list_does_not_show_is_read_with_its_order(self, serve: Any) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.path.removeprefix("/wp-json/wc/v3")
            if path == "/refunds":
                return web.json_response([])
            if path.endswith("/refunds"):
                return web.json_response([{"id": 9}])
            trash = request.query.get("status") == "trash"
            return web.json_response([] if trash else [{"id": 1, "refunds": [{"id": 9}]}])

        pages = await all_pages(await serve(answer), SyncRequest("orders"))
        assert json.loads(pages[0].entities[0].body)["refunds"] == [{"id": 9}]

    async def test_a_store_that_cannot_give_a_hundred_is_asked_for_fewer(self, serve: Any) -> None:
        sizes: list[int] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            size, start = int(request.query["per_page"]), int(request.query.get("offset", 0))
            if request.query.get("status") == "trash":
                return web.json_response([])
            sizes.append(size)
            if size > 30:
                # What PHP leaves when its memory is used up.
                return web.Response(status=500, text="<p>There has been a critical error on this website.</p>")
            found = [{"id": n, "refunds": []} for n in range(start + 1, min(start + size, 120) + 1)]
            return web.json_response(found, headers={"X-WP-Total": "120"})

        client = await serve(answer)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await client.sync_page(SyncRequest("orders"), None)
        assert ids(await all_pages(client, SyncRequest("orders"))) == [str(n) for n in range(1, 121)]
        assert [size for size, _ in groupby(sizes)] == [100, 50, 25]


class TestProducts:
    @pytest.mark.parametrize("resource", ["products", "inventory"])
    async def test_all_with_their_variations(self, woo: SimulatedWoo, client: Any, resource: Any) -> None:
        pages = await all_pages(client, SyncRequest(resource))
        assert sorted(ids(pages), key=int) == sorted((str(id) for id in woo.shop.products), key=int)
        variation = next(each for each in woo.shop.products.values() if each.parent_id)
        body = json.loads(entity(pages, variation.id).body)
        assert body["parent_name"] == woo.shop.products[variation.parent_id].name
        assert body["variation"]["id"] == variation.id

    async def test_a_variation_that_has_changed_although_its_product_has_not(
        self, woo: SimulatedWoo, client: Any
    ) -> None:
        now = woo.shop.now()
        for each in woo.shop.products.values():
            each.modified = now - timedelta(hours=2)
        changed = next(each for each in woo.shop.products.values() if each.parent_id)
        changed.modified = now
        pages = await all_pages(client, SyncRequest("products", since=now - timedelta(hours=1)))
        assert ids(pages) == [str(changed.id)]
        body = json.loads(entity(pages, changed.id).body)
        assert body["parent_name"] == woo.shop.products[changed.parent_id].name
        assert body["variation"]["id"] == changed.id

    async def test_a_store_without_a_list_of_variations_is_asked_product_by_product(self, serve: Any) -> None:
        asked: list[str] = []

        async def answer(request: web.Request) -> web.StreamResponse:
            path = request.path.removeprefix("/wp-json/wc/v3")
            asked.append(path)
            if path == "/variations":
                return web.json_response({"code": "rest_no_route", "message": "No route"}, status=404)
            if path == "/products/7/variations":
                assert request.query["modified_after"]
                return web.json_response([{"id": 71}])
            found = [{"id": 7, "name": "Mug"}] if request.query.get("type") == "variable" else []
            return web.json_response(found, headers={"X-WP-Total": str(len(found))})

        client = await serve(answer)
        for _ in range(2):
            pages = await all_pages(client, SyncRequest("products", since=datetime(2026, 1, 1, tzinfo=UTC)))
            assert [json.loads(each.body) for page in pages for each in page.entities] == [
                {"parent_name": "Mug", "variation": {"id": 71}}
            ]
        assert asked.count("/variations") == 1


class TestCustomers:
    async def test_all(self, woo: SimulatedWoo, client: Any) -> None:
        pages = await all_pages(client, SyncRequest("customers"))
        assert ids(pages) == [str(id) for id in sorted(woo.shop.customers)]


class TestChangedCustomers:
    """WooCommerce does not say who has changed."""

    async def read(self, store: ChangingList, **asked: Any) -> tuple[list[int], str | None]:
        """The ids that a run reads, and what it leaves for the next."""
        cursor: str | None = None
        found: list[int] = []
        reader = Reader(store)
        for _ in range(50):
            page = await customers.sync_page(reader, SyncRequest("customers", **asked), cursor)
            found += [int(each.external_id) for each in page.entities]
            cursor = page.cursor
            if cursor is None:
                return found, page.mark
        raise AssertionError("it does not come to an end")

    async def test_new_ones_at_once_and_the_others_in_turn(self) -> None:
        store = ChangingList(list(range(1, 251)), [], set())
        read, mark = await self.read(store)
        assert read == list(range(1, 251))
        store.ids += range(251, 401)
        read, mark = await self.read(store, mark=mark)
        assert set(range(251, 401)) <= set(read)
        assert set(read) - set(range(251, 401)) == set(range(1, 101))
        seen: set[int] = set(read)
        for _ in range(4):
            read, mark = await self.read(store, mark=mark)
            assert len(read) <= 100
            seen |= set(read)
        assert seen == set(store.ids)
        # Then from the beginning.
        read, mark = await self.read(store, mark=mark)
        assert read == list(range(1, 101))

    async def test_who_was_there_before_is_left_alone_where_that_is_wanted(self, woo: SimulatedWoo) -> None:
        store = ChangingList(list(range(1, 251)), [], set())
        read, mark = await self.read(store, since=woo.shop.now())
        assert read == []
        store.ids += [251, 252]
        assert sorted((await self.read(store, mark=mark))[0]) == [251, 252]

    async def test_a_shop_without_customers(self) -> None:
        store = ChangingList([], [], set())
        _, mark = await self.read(store)
        store.ids += [7]
        assert set((await self.read(store, mark=mark))[0]) == {7}


class ChangingList:
    """A list by id, paged by position as WooCommerce pages, of which something happens before each request.

    `waits`: how many turns of the loop each request takes to arrive, so that those that are under way together are
    answered in any order.
    """

    def __init__(
        self, ids: list[int], changes: list[list[tuple[str, int]]], hidden: set[int], waits: Sequence[int] = ()
    ) -> None:
        self.ids = ids
        self.changes = changes
        self.hidden = hidden
        self.always = set(ids)
        self.waits = list(waits)
        self.under_way = self.most_under_way = self.asked = 0

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        assert query is not None
        self.asked += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        for _ in range(self.waits.pop(0) if self.waits else 0):
            await asyncio.sleep(0)
        self.under_way -= 1
        for kind, id in self.changes.pop(0) if self.changes else ():
            if kind == "gone" and id in self.ids:
                self.ids.remove(id)
                self.always.discard(id)
            elif kind == "come" and id not in self.ids:
                self.ids = sorted([*self.ids, id])
        start, size = int(query.get("offset", 0)), int(query["per_page"])
        ordered = self.ids[::-1] if query["order"] == "desc" else self.ids
        shown = [{"id": id} for id in ordered[start : start + size] if id not in self.hidden]
        body = json.dumps(shown)
        return Answer(200, {"x-wp-total": str(len(self.ids))}, body, shown)


async def walked(reader: Reader) -> list[int]:
    """All ids of a walk, in its order."""
    place, read = Place(), []
    for _ in range(200):
        found = await walk(reader, "/orders", {}, place)
        read += [parsed["id"] for _, parsed in found.rows]
        if found.place is None:
            return read
        # As a run keeps it.
        place = read_place(write_place(found.place))[0]
    raise AssertionError("it does not come to an end")


class TestNothingIsSkipped:
    @settings(max_examples=examples(300))
    @given(
        st.sets(st.integers(1, 900), min_size=1, max_size=500),
        st.lists(
            st.lists(st.tuples(st.sampled_from(["gone", "come"]), st.integers(1, 1000)), max_size=60), max_size=12
        ),
        st.sets(st.integers(1, 900), max_size=40),
        st.lists(st.integers(0, 5), max_size=20),
        st.integers(1, MOST_AT_A_TIME),
        st.sampled_from([10, 25, 100]),
    )
    async def test_however_rows_come_and_go(
        self,
        first: set[int],
        changes: list[list[tuple[str, int]]],
        hidden: set[int],
        waits: list[int],
        at_a_time: int,
        size: int,
    ) -> None:
        store = ChangingList(sorted(first), list(changes), hidden, waits)
        reader = Reader(store, at_a_time=at_a_time)
        reader.size = size
        read = await walked(reader)
        assert store.always - hidden <= set(read)

    @pytest.mark.parametrize("at_a_time", [1, 2, 4])
    async def test_a_quiet_list_is_read_once_and_in_order(self, at_a_time: int) -> None:
        store = ChangingList(list(range(1, 1001)), [], set(), [3, 1, 2, 4] * 5)
        read = await walked(Reader(store, at_a_time=at_a_time))
        assert read == list(range(1, 1001))
        assert store.most_under_way >= at_a_time
        assert store.asked == 11

    async def test_the_store_is_not_left_idle_when_it_has_said_how_many_there_are(self) -> None:
        # The second page takes longest by far, and the first step takes it in all the same.
        store = ChangingList(list(range(1, 1001)), [], set(), [1, 200])
        found = await walk(Reader(store, at_a_time=2), "/orders", {}, Place(total=200))
        assert store.asked > STEP_PAGES
        assert [parsed["id"] for _, parsed in found.rows] == list(range(1, 2 + 99 * STEP_PAGES))

    async def test_pages_behind_a_gap_are_asked_for_again(self) -> None:
        # While four pages are under way half of the rows before them go.
        store = ChangingList(list(range(1, 801)), [[], [("gone", id) for id in range(1, 80)]], set(), [0, 0, 5, 0, 0])
        read = await walked(Reader(store, at_a_time=4))
        assert store.always <= set(read)
