"""The HTTP interface, as the gateway calls it."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from longshore.commands import commands_router
from longshore.internal import internal_headers, internal_tokens
from longshore.problems import install_problem_handlers
from longshore_inventory.listings.api import catalogue_router
from longshore_inventory.listings.rules import VariantIds
from longshore_inventory.pushes.models import commands
from longshore_inventory.pushes.rules import STOCK_SET
from longshore_inventory.stock.api import inventory_router
from longshore_inventory.system.api import system_router

from ..conftest import World, line  # noqa: TID252  (tests are no package of their own)

KEYS = ("k",)


@pytest.fixture
def app(world: World) -> FastAPI:
    app = FastAPI()
    app.state.internal_tokens = internal_tokens(KEYS)
    install_problem_handlers(app)
    app.include_router(inventory_router(world.engine, world.ledger, VariantIds()))
    app.include_router(catalogue_router(world.engine))
    app.include_router(commands_router(world.engine, commands, STOCK_SET))
    app.include_router(system_router(world.engine))
    return app


def client_of(app: FastAPI, org_id: UUID) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://inventory", headers=internal_headers(KEYS, org_id)
    )


@pytest.fixture
async def client(app: FastAPI, world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app, world.org) as client:
        yield client


class TestInventory:
    async def test_levels_by_sku_and_page_by_page(self, client: httpx.AsyncClient, world: World) -> None:
        a = world.store()
        for sku in ("C", "A", "B"):
            await world.list_sku(a, sku, 3)
        first = (await client.get("/api/v1/inventory", params={"limit": 2})).json()
        assert [each["sku"] for each in first["items"]] == ["A", "B"]
        second = await client.get("/api/v1/inventory", params={"limit": 2, "cursor": first["next_cursor"]})
        assert [each["sku"] for each in second.json()["items"]] == ["C"]
        assert second.json()["next_cursor"] is None
        found = (await client.get("/api/v1/inventory", params={"sku": "B"})).json()["items"]
        assert found == [
            {
                "sku": "B",
                "variant_id": found[0]["variant_id"],
                "location": "default",
                "on_hand": 3,
                "reserved": 0,
                "available": 3,
                "channels": [
                    {
                        "integration_id": str(a.id),
                        "listing_id": found[0]["channels"][0]["listing_id"],
                        "quantity": 3,
                        "pushed_at": None,
                        "in_sync": True,
                    }
                ],
            }
        ]
        assert (await client.get("/api/v1/inventory", params={"sku": "Z"})).json()["items"] == []

    async def test_bad_cursor_and_limit(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/api/v1/inventory", params={"cursor": "%%"})).status_code == 400
        assert (await client.get("/api/v1/commands", params={"cursor": "bm8"})).status_code == 400
        answer = await client.get("/api/v1/inventory", params={"limit": 201})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_only_the_gateway_may_ask(self, app: FastAPI) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inventory") as stranger:
            for path in ("/api/v1/inventory", "/api/v1/products", "/api/v1/commands", "/internal/state-hash"):
                assert (await stranger.get(path)).status_code == 401


class TestAdjustments:
    async def test_answers_the_movement_and_the_level(self, client: httpx.AsyncClient, world: World) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        body = {"sku": "HAT", "location": "default", "set": 7, "reason": "counted"}
        answer = await client.post("/api/v1/inventory/adjustments", json=body)
        assert answer.status_code == 201
        assert (answer.json()["movement"]["delta"], answer.json()["level"]["on_hand"]) == (-3, 7)
        listed = (await client.get("/api/v1/inventory/movements", params={"sku": "HAT"})).json()["items"]
        assert [(each["kind"], each["delta"]) for each in listed] == [("adjustment", -3), ("initial", 10)]

    async def test_idempotency_key(self, client: httpx.AsyncClient, world: World) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        body = {"sku": "HAT", "delta": 1, "reason": "found one"}
        answers = [
            await client.post("/api/v1/inventory/adjustments", json=body, headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]
        assert answers[0].json() == answers[1].json()
        assert await world.figures("HAT") == (11, 0, 11)

    @pytest.mark.parametrize(
        "body",
        [
            {"sku": "HAT", "reason": "neither"},
            {"sku": "HAT", "delta": 1, "set": 1, "reason": "both"},
            {"sku": "HAT", "delta": 1},
            {"sku": "HAT", "delta": 1, "reason": ""},
            {"sku": "HAT", "delta": 1.5, "reason": "half"},
            {"sku": "HAT", "delta": 10**12, "reason": "many"},
            {"sku": "\u0000", "delta": 1, "reason": "zero"},
            {"delta": 1, "reason": "no sku"},
        ],
    )
    async def test_what_makes_no_sense_is_refused(
        self, client: httpx.AsyncClient, world: World, body: dict[str, object]
    ) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        assert (await client.post("/api/v1/inventory/adjustments", json=body)).status_code == 422

    async def test_unknown_sku(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/api/v1/inventory/adjustments", json={"sku": "NO", "delta": 1, "reason": "x"})
        assert answer.status_code == 404
        assert answer.json()["type"] == "/problems/not-found"


class TestMovements:
    async def test_page_by_page(self, client: httpx.AsyncClient, world: World) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        for _ in range(4):
            await world.adjust("HAT", delta=1)
        seen, cursor = [], None
        while True:
            params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            answer = (await client.get("/api/v1/inventory/movements", params=params)).json()
            seen += [each["delta"] for each in answer["items"]]
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        assert seen == [1, 1, 1, 1, 10]


class TestAlerts:
    async def test_listed_and_dismissed(self, client: httpx.AsyncClient, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT", 1)
        await world.order(a, "77", [line("1", "HAT", 3)])
        (alert,) = (await client.get("/api/v1/inventory/alerts")).json()["items"]
        assert (alert["kind"], alert["sku"], alert["quantity"]) == ("oversold", "HAT", 2)
        assert (await client.delete(f"/api/v1/inventory/alerts/{alert['id']}")).status_code == 204
        assert (await client.delete(f"/api/v1/inventory/alerts/{alert['id']}")).status_code == 404
        assert (await client.get("/api/v1/inventory/alerts")).json()["items"] == []


class TestCatalogue:
    async def test_products_and_listings(self, client: httpx.AsyncClient, world: World) -> None:
        a = world.store()
        await world.catalogue.apply([world.product(a, "p1", [("v1", "HAT"), ("v2", None)])], [])
        (product,) = (await client.get("/api/v1/products")).json()["items"]
        assert (product["external_id"], product["status"]) == ("p1", "active")
        assert {(each["sku"], each["variant_id"] is None) for each in product["listings"]} == {
            ("HAT", False),
            (None, True),
        }
        assert product["listings"][0]["price"] == {"amount": 1999, "currency": "EUR", "exponent": 2}
        first = (await client.get("/api/v1/listings", params={"limit": 1})).json()
        second = (await client.get("/api/v1/listings", params={"cursor": first["next_cursor"]})).json()
        assert len(first["items"] + second["items"]) == 2
        found = (await client.get("/api/v1/listings", params={"sku": "HAT"})).json()["items"]
        assert [each["variant_external_id"] for each in found] == ["v1"]


class TestCommands:
    async def test_newest_first_with_the_cursor_that_order_sync_has(
        self, client: httpx.AsyncClient, world: World
    ) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 10, updated=10)
        await world.list_sku(b, "HAT", 10, updated=20)
        for number in range(3):
            await world.adjust("HAT", delta=1)
            await world.deliver(a, b)
            world.now = world.now.replace(second=number + 1)
        answer = (await client.get("/api/v1/commands", params={"limit": 4})).json()
        assert [each["type"] for each in answer["items"]] == ["stock.set"] * 4
        text = answer["next_cursor"] + "=" * (-len(answer["next_cursor"]) % 4)
        moment, _, name = urlsafe_b64decode(text).decode().partition("|")
        assert datetime.fromisoformat(moment).tzinfo is not None
        assert name == answer["items"][-1]["id"]
        rest = (await client.get("/api/v1/commands", params={"cursor": answer["next_cursor"]})).json()
        assert len(rest["items"]) == 2
        assert {each["status"] for each in rest["items"]} == {"succeeded"}
        assert (await client.get("/api/v1/commands", params={"status": "pending"})).json()["items"] == []
        assert (await client.get("/api/v1/commands", params={"order_id": str(uuid4())})).json()["items"] == []


class TestOrganisations:
    async def test_no_route_crosses_them(self, app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 1, updated=10)
        await world.list_sku(b, "HAT", 1, updated=20)
        await world.order(a, "1", [line("1", "HAT", 3)])
        (alert,) = (await client.get("/api/v1/inventory/alerts")).json()["items"]
        async with client_of(app, uuid4()) as other:
            for path in (
                "/api/v1/inventory",
                "/api/v1/inventory/movements",
                "/api/v1/inventory/movements?sku=HAT",
                "/api/v1/inventory/alerts",
                "/api/v1/products",
                "/api/v1/listings",
                "/api/v1/commands",
            ):
                assert (await client.get(path)).json()["items"] != [], path
                assert (await other.get(path)).json()["items"] == [], path
            assert (await other.delete(f"/api/v1/inventory/alerts/{alert['id']}")).status_code == 404
            body = {"sku": "HAT", "delta": 1, "reason": "x"}
            assert (await other.post("/api/v1/inventory/adjustments", json=body)).status_code == 404


class TestStateHash:
    async def test_of_one_organisation(self, client: httpx.AsyncClient, world: World) -> None:
        path = f"/internal/state-hash?org_id={world.org}"
        empty = (await client.get(path)).json()
        assert set(empty) == {"products", "stock", "reservations"}
        a = world.store()
        await world.list_sku(a, "HAT", 1)
        listed = (await client.get(path)).json()
        await world.order(a, "1", [line("1", "HAT", 3)])
        ordered = (await client.get(path)).json()
        assert empty["products"] != listed["products"] == ordered["products"]
        assert len({empty["stock"], listed["stock"], ordered["stock"]}) == 3
        assert empty["reservations"] == listed["reservations"] != ordered["reservations"]
