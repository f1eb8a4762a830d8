"""Pages of sync runs against a simulated shop, and against lists that change under the walk."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore.platforms.protocols import FetchedEntity, SyncPage, SyncRequest
from longshore_connector_woo.client import customers
from longshore_connector_woo.client.answers import Answer
from longshore_connector_woo.client.walking import Place, walk
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


class TestProducts:
    @pytest.mark.parametrize("resource", ["products", "inventory"])
    async def test_all_with_their_variations(self, woo: SimulatedWoo, client: Any, resource: Any) -> None:
        pages = await all_pages(client, SyncRequest(resource))
        assert sorted(ids(pages), key=int) == sorted((str(id) for id in woo.shop.products), key=int)
        variation = next(each for each in woo.shop.products.values() if each.parent_id)
        body = json.loads(entity(pages, variation.id).body)
        assert body["parent_name"] == woo.shop.products[variation.parent_id].name
        assert body["variation"]["id"] == variation.id


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
        for _ in range(50):
            page = await customers.sync_page(store, SyncRequest("customers", **asked), cursor)  # type: ignore[arg-type]
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
    """A list by id, paged by position as WooCommerce pages, of which something happens before each request."""

    def __init__(self, ids: list[int], changes: list[list[tuple[str, int]]], hidden: set[int]) -> None:
        self.ids = ids
        self.changes = changes
        self.hidden = hidden
        self.always = set(ids)

    async def get(self, path: str, query: dict[str, str]) -> Answer:
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


class TestNothingIsSkipped:
    @settings(max_examples=150, deadline=None)
    @given(
        st.sets(st.integers(1, 900), min_size=1, max_size=500),
        st.lists(
            st.lists(st.tuples(st.sampled_from(["gone", "come"]), st.integers(1, 1000)), max_size=60), max_size=12
        ),
        st.sets(st.integers(1, 900), max_size=40),
    )
    async def test_however_rows_come_and_go(
        self, first: set[int], changes: list[list[tuple[str, int]]], hidden: set[int]
    ) -> None:
        store = ChangingList(sorted(first), changes, hidden)
        place, read = Place(), []
        for _ in range(200):
            found = await walk(store, "/orders", {}, place)  # type: ignore[arg-type]  # of it, walk needs `get`
            read += [parsed["id"] for _, parsed in found.rows]
            if found.place is None:
                break
            place = found.place
        else:
            raise AssertionError("it does not come to an end")
        assert store.always - hidden <= set(read)

    async def test_a_quiet_list_is_read_once(self) -> None:
        store = ChangingList(list(range(1, 251)), [], set())
        place, read = Place(), []
        while True:
            found = await walk(store, "/orders", {}, place)  # type: ignore[arg-type]  # of it, walk needs `get`
            read += [parsed["id"] for _, parsed in found.rows]
            if found.place is None:
                break
            place = found.place
        assert read == list(range(1, 251))
