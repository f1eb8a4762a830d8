"""The HTTP API over a real database: pages, filters, one order in time, and that no organisation sees another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from longshore.commands import commands_router
from longshore.contracts import CustomerRef, OrderStatus, Platform
from longshore.internal import internal_headers, internal_tokens
from longshore.problems import install_problem_handlers
from longshore_order_sync.commands.models import commands
from longshore_order_sync.customers.api import customers_router
from longshore_order_sync.fulfillments.api import fulfillments_router
from longshore_order_sync.orders.api import orders_router
from longshore_order_sync.statehash import state_hash_router

KEYS = ("k" * 44,)


@pytest.fixture
async def app(hub: Any) -> AsyncIterator[httpx.AsyncClient]:
    api = FastAPI()
    api.state.internal_tokens = internal_tokens(KEYS)
    install_problem_handlers(api)
    for router in (orders_router, customers_router, state_hash_router):
        api.include_router(router(hub.engine))
    api.include_router(commands_router(hub.engine, commands))
    api.include_router(fulfillments_router(hub.fulfillments))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://order-sync") as client:
        yield client


class Caller:
    """One organisation's calls."""

    def __init__(self, client: httpx.AsyncClient, org_id: Any) -> None:
        self.client = client
        self.headers = internal_headers(KEYS, org_id)

    async def get(self, path: str, **params: Any) -> httpx.Response:
        return await self.client.get(path, params=params, headers=self.headers)

    async def post(self, path: str, json: Any, **headers: str) -> httpx.Response:
        return await self.client.post(path, json=json, headers=self.headers | headers)

    async def numbers(self, **params: Any) -> list[str]:
        answer = await self.get("/api/v1/orders", **params)
        assert answer.status_code == 200, answer.text
        return [each["external_id"] for each in answer.json()["items"]]

    async def all_pages(self, path: str, **params: Any) -> list[Any]:
        items: list[Any] = []
        while True:
            page = (await self.get(path, **params)).json()
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            params["cursor"] = page["next_cursor"]


@pytest.fixture
def call(app: httpx.AsyncClient, shop: Any) -> Caller:
    return Caller(app, shop.org_id)


class TestOrders:
    async def test_newest_first_in_pages(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(*(shop.snapshot(str(n), placed=n // 3) for n in range(25)))
        listed = await call.all_pages("/api/v1/orders", limit=4)
        assert len({each["id"] for each in listed}) == len(listed) == 25
        places = [(each["placed_at"], each["id"]) for each in listed]
        assert places == sorted(places, reverse=True)

    async def test_a_page_ends_exactly(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(*(shop.snapshot(str(n), placed=n) for n in range(4)))
        assert (await call.get("/api/v1/orders", limit=4)).json()["next_cursor"] is None
        assert (await call.get("/api/v1/orders", limit=3)).json()["next_cursor"] is not None

    async def test_stores_are_merged(self, call: Caller, hub: Any, shop: Any, make_shop: Any) -> None:
        second = make_shop(Platform.SHOPIFY, org_id=shop.org_id)
        await hub.deliver(*((shop, second)[n % 2].snapshot(str(n), placed=n) for n in range(6)))
        assert await call.numbers(limit=5) == ["5", "4", "3", "2", "1"]
        assert await call.numbers(integration_id=second.integration_id) == ["5", "3", "1"]
        assert await call.numbers(platform="woocommerce") == ["4", "2", "0"]
        assert await call.numbers(platform="api") == []

    async def test_by_status(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot("1"), shop.snapshot("2", status=OrderStatus.FULFILLED))
        assert await call.numbers(status="fulfilled") == ["2"]
        assert (await call.get("/api/v1/orders", status="lost")).status_code == 422

    async def test_a_number_is_no_time(self, call: Caller) -> None:
        for given in ("0.5", "12", "2026-11-28", "soon"):
            assert (await call.get("/api/v1/orders", updated_after=given)).status_code == 422, given

    async def test_changes_come_oldest_first(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(*(shop.snapshot(str(n), at=10 - n, placed=n) for n in range(5)))
        after = shop.snapshot(at=7).updated_at.isoformat()
        listed = await call.all_pages("/api/v1/orders", updated_after=after, limit=1)
        assert [each["external_id"] for each in listed] == ["2", "1", "0"]

    @pytest.mark.parametrize(
        ("q", "found"),
        [
            ("#1001", ["a"]), ("1001", ["a"]), ("100", ["b", "a"]), ("anna@example.com", ["a"]), ("ANNA", ["a"]),
            ("anna o'ne", ["a"]), ("red-s", ["b"]), ("red-s anna", []), ("nobody", []), ("' | :* \\", []),
        ],
    )  # fmt: skip
    async def test_search(self, call: Caller, hub: Any, shop: Any, q: str, found: list[str]) -> None:
        anna = CustomerRef(email="Anna@Example.com", first_name="Anna", last_name="O'Neil")
        await hub.deliver(
            shop.snapshot("a", number="#1001", customer=anna),
            shop.snapshot("b", number="#1002", placed=1, skus=("RED-S", "BLUE")),
        )
        assert await call.numbers(q=q) == found

    async def test_search_follows_changes_and_filters(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot("1", skus=("OLD", "X")))
        await hub.deliver(shop.snapshot("1", at=5, skus=("NEW", "X")), shop.snapshot("2", skus=("NEW", "X"), placed=3))
        assert await call.numbers(q="old") == []
        assert await call.numbers(q="new") == ["2", "1"]
        assert await call.numbers(q="new", integration_id=uuid4()) == []
        assert [each["external_id"] for each in await call.all_pages("/api/v1/orders", q="new", limit=1)] == ["2", "1"]

    @pytest.mark.parametrize(
        ("params", "status"), [({"cursor": "nonsense"}, 400), ({"limit": 0}, 422), ({"limit": 201}, 422)]
    )
    async def test_wrong_paging(self, call: Caller, params: dict[str, Any], status: int) -> None:
        answer = await call.get("/api/v1/orders", **params)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_the_whole_order(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(2, 1)))
        one = (await call.get(f"/api/v1/orders/{shop.order_id()}")).json()
        assert one == (await call.get("/api/v1/orders")).json()["items"][0]
        assert (one["id"], one["org_id"]) == (str(shop.order_id()), str(shop.org_id))
        assert one["totals"]["total"] == {"amount": 1500, "currency": "EUR", "exponent": 2}
        assert one["updated_at"] == "2026-11-20T12:00:00Z"
        assert {"reconciled", "platform_status", "lines", "fulfillments", "refunds", "notes"} <= one.keys()
        assert "digest" not in one

    async def test_as_of(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(
            shop.snapshot(at=10), shop.snapshot(at=20, status=OrderStatus.FULFILLED), shop.deleted(seen=30)
        )

        async def status(seconds: float) -> Any:
            moment = shop.snapshot(at=0).updated_at + timedelta(seconds=seconds)
            answer = await call.get(f"/api/v1/orders/{shop.order_id()}", as_of=moment.isoformat())
            return answer.json()["status"] if answer.status_code == 200 else answer.status_code

        assert [await status(each) for each in (9, 10, 19.9, 25, 31)] == [
            404, "processing", "processing", "fulfilled", "cancelled",
        ]  # fmt: skip

    async def test_revisions(self, call: Caller, hub: Any, shop: Any) -> None:
        for at in range(5):
            await hub.deliver(shop.snapshot(at=at, offset=at, quantities=(1 + at // 2,)))
        path = f"/api/v1/orders/{shop.order_id()}/revisions"
        listed = await call.all_pages(path, limit=2)
        assert [(each["revision"], each["raw"]["offset"]) for each in listed] == [(1, 0), (2, 2), (3, 4)]
        assert listed[0]["raw"] == {"topic": "raw.woocommerce", "partition": 0, "offset": 0, "origin": "webhook"}
        assert [each["content"]["lines"][0]["quantity"] for each in listed] == [1, 2, 3]
        assert (await call.get(path, cursor="%%%")).status_code == 400


class TestFulfilments:
    async def test_202_with_the_fulfilment_and_its_command(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(2, 1)))
        body = {
            "lines": [{"line_id": str(shop.line_id(0)), "quantity": 1}],
            "tracking": {"number": "T1", "carrier": "DHL", "url": "https://example.com/T1"},
        }
        answer = await call.post(f"/api/v1/orders/{shop.order_id()}/fulfillments", body)
        assert answer.status_code == 202
        asked = answer.json()
        assert asked["fulfillment"]["status"] == asked["command"]["status"] == "pending"
        assert asked["fulfillment"]["command_id"] == asked["command"]["id"]
        assert asked["command"]["type"] == "fulfillment.create"
        assert asked["fulfillment"]["tracking"]["carrier"] == "DHL"

    async def test_the_idempotency_key(self, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        path = f"/api/v1/orders/{shop.order_id()}/fulfillments"
        answers = [await call.post(path, {}, **{"Idempotency-Key": "k"}) for _ in range(2)]
        assert [each.status_code for each in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        assert (await call.post(path, {})).status_code == 409

    @pytest.mark.parametrize(
        "body",
        [
            {"lines": [{"line_id": "x", "quantity": 1}]},
            {"lines": [{"line_id": str(uuid4()), "quantity": 0}]},
            {"lines": [{"line_id": str(uuid4()), "quantity": 1}]},
            {"tracking": {"number": "a\0b"}},
            {"tracking": {"number": "a" * 5_000}},
            [],
        ],
    )
    async def test_what_is_not_understood(self, call: Caller, hub: Any, shop: Any, body: Any) -> None:
        await hub.deliver(shop.snapshot())
        answer = await call.post(f"/api/v1/orders/{shop.order_id()}/fulfillments", body)
        assert answer.status_code == 422
        assert answer.json()["detail"]
        assert await hub.count("fulfillments") == 0


class TestCommands:
    async def test_newest_first_by_order_and_status(self, call: Caller, hub: Any, shop: Any) -> None:
        for number in range(5):
            await hub.deliver(shop.snapshot(str(number)))
            await call.post(f"/api/v1/orders/{shop.order_id(str(number))}/fulfillments", {})
        listed = await call.all_pages("/api/v1/commands", limit=2)
        places = [(each["created_at"], each["id"]) for each in listed]
        assert places == sorted(places, reverse=True)
        assert len(listed) == 5
        of_one = await call.all_pages("/api/v1/commands", order_id=shop.order_id("3"))
        assert [each["order_id"] for each in of_one] == [str(shop.order_id("3"))]
        assert await call.all_pages("/api/v1/commands", status="failed") == []
        assert len(await call.all_pages("/api/v1/commands", integration_id=shop.integration_id)) == 5
        assert await call.all_pages("/api/v1/commands", integration_id=uuid4()) == []


class TestCustomers:
    async def test_pages(self, call: Caller, hub: Any, shop: Any) -> None:
        given = [shop.customer(str(n), at=n, email=f"{n}@example.com") for n in range(5)]
        await hub.customers.apply([(each, each.to_json()) for each in given])
        listed = await call.all_pages("/api/v1/customers", limit=2)
        assert [each["external_id"] for each in listed] == ["4", "3", "2", "1", "0"]


class TestWhoMayCall:
    PATHS = (
        "/api/v1/orders",
        "/api/v1/orders/{id}",
        "/api/v1/orders/{id}/revisions",
        "/api/v1/commands",
        "/api/v1/customers",
    )

    @pytest.mark.parametrize("path", PATHS)
    async def test_nobody_without_the_gateway(self, app: httpx.AsyncClient, shop: Any, path: str) -> None:
        assert (await app.get(path.format(id=shop.order_id()))).status_code == 401

    @pytest.mark.parametrize("path", PATHS)
    async def test_no_organisation_sees_another(self, app: Any, call: Caller, hub: Any, shop: Any, path: str) -> None:
        await hub.deliver(shop.snapshot())
        customer = shop.customer()
        await hub.customers.apply([(customer, customer.to_json())])
        await call.post(f"/api/v1/orders/{shop.order_id()}/fulfillments", {})
        path = path.format(id=shop.order_id())
        mine, other = await call.get(path), await Caller(app, uuid4()).get(path)
        assert mine.status_code == 200
        assert "items" not in mine.json() or mine.json()["items"]
        assert other.status_code == 404 or other.json()["items"] == []

    async def test_nor_by_search_or_store(self, app: Any, call: Caller, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        other = Caller(app, uuid4())
        for params in ({"q": "1001"}, {"integration_id": shop.integration_id}, {"platform": "woocommerce"}):
            assert await call.numbers(**params) == ["1001"]
            assert await other.numbers(**params) == []
        assert (await other.post(f"/api/v1/orders/{shop.order_id()}/fulfillments", {})).status_code == 404

    async def test_the_state_hash_is_for_services(self, app: httpx.AsyncClient) -> None:
        assert (await app.get("/internal/state-hash")).status_code == 401
        answer = await app.get("/internal/state-hash", headers=internal_headers(KEYS))
        assert answer.json().keys() == {"orders", "customers"}
