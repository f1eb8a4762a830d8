"""Bulk operations: what is refused, states, files, failures."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from longshore_devkit.stores.shopify.engine import Engine
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig

from .conftest import NOON

RUN = """mutation($query: String!, $group: Boolean! = true) {
  bulkOperationRunQuery(query: $query, groupObjects: $group) {
    bulkOperation { id status } userErrors { code message }
  }
}"""
LOOK = """query($id: ID!) {
  bulkOperation(id: $id) { status errorCode rootObjectCount objectCount fileSize url partialDataUrl }
}"""
ORDERS = "{ orders { edges { node { id name lineItems { edges { node { id quantity } } } } } } }"


def run(engine: Engine, query: str = ORDERS, *, group: bool = True) -> dict[str, Any]:
    answer: dict[str, Any] = engine.execute(RUN, {"query": query, "group": group})["data"]["bulkOperationRunQuery"]
    return answer


def look(engine: Engine, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = engine.execute(LOOK, {"id": made["bulkOperation"]["id"]})["data"]["bulkOperation"]
    return found


def lines(engine: Engine, address: str) -> list[dict[str, Any]]:
    path = engine.bulk.file(address.rpartition("/")[2])
    assert path is not None
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def orders(shop: Shop) -> list[str]:
    placed = [shop.place_order([("LS-0001", 2), ("LS-0002", 1)]) for _ in range(30)]
    return [f"gid://shopify/Order/{each.id}" for each in placed]


class TestRefusals:
    @pytest.mark.parametrize(
        ("query", "reason"),
        [
            ("{ orders { edges { node { id", "Invalid"),
            ("{ nonsense { edges { node { id } } } }", "Invalid"),
            ("{ shop { name } }", "at least one connection"),
            ("{ orders { edges { node { id } } } products { edges { node { id } } } }", "single top-level"),
            ("query($q: String) { orders(query: $q) { edges { node { id } } } }", "Variables"),
            (
                "{ orders { edges { node { id fulfillments { fulfillmentLineItems { edges { node { id } } } } } } } }",
                "within a list",
            ),
            ("{ orders { edges { node { name lineItems { edges { node { id } } } } } } }", "'id' field"),
            (
                "{ products { edges { node { id variants { edges { node { id inventoryItem { id inventoryLevels {"
                " edges { node { id item { id variants { edges { node { id } } } } } } } } } } } } } } }",
                "deeper",
            ),
            (
                "{ orders { edges { node { id a: lineItems { edges { node { id } } } b: lineItems { edges { node { id }"
                " } } c: lineItems { edges { node { id } } } d: lineItems { edges { node { id } } }"
                " e: lineItems { edges { node { id } } } } } } }",
                "more than 5",
            ),
        ],
    )
    def test_what_shopify_refuses(self, engine: Engine, query: str, reason: str) -> None:
        answer = run(engine, query)
        assert answer["bulkOperation"] is None
        assert answer["userErrors"][0]["code"] == "INVALID"
        assert reason in answer["userErrors"][0]["message"]

    async def test_more_at_a_time_than_the_version_allows(self, engine: Engine, orders: list[str]) -> None:
        engine.bulk.hold = True
        assert [run(engine)["userErrors"] for _ in range(5)] == [[]] * 5
        assert run(engine)["userErrors"][0]["code"] == "LIMIT_REACHED"
        engine.bulk.at_a_time = 1
        assert run(engine)["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"
        await engine.bulk.close()


class TestFiles:
    def test_children_stand_behind_their_parents(self, engine: Engine, orders: list[str]) -> None:
        found = look(engine, made := run(engine))
        assert made["bulkOperation"]["id"].startswith("gid://shopify/BulkOperation/")
        assert (found["status"], found["rootObjectCount"], found["objectCount"]) == ("COMPLETED", "30", "90")
        told = lines(engine, found["url"])
        assert [each["id"] for each in told[::3]] == orders
        assert all("lineItems" not in each for each in told)
        for n, order in enumerate(orders):
            assert [each["__parentId"] for each in told[3 * n + 1 : 3 * n + 3]] == [order, order]

    def test_children_that_are_not_grouped_come_later(self, engine: Engine, orders: list[str]) -> None:
        told = lines(engine, look(engine, run(engine, group=False))["url"])
        assert "__parentId" not in told[1]
        assert len(told) == 90

    def test_an_operation_that_finds_nothing_has_no_file(self, engine: Engine) -> None:
        found = look(engine, run(engine))
        assert (found["status"], found["url"]) == ("COMPLETED", None)

    def test_a_search_and_the_pages_that_it_has_not(self, engine: Engine, orders: list[str]) -> None:
        behind = orders[20].rpartition("/")[2]
        query = ORDERS.replace("orders {", f'orders(query: "id:>{behind}", sortKey: ID) {{')
        told = lines(engine, look(engine, run(engine, query))["url"])
        assert [each["id"] for each in told if "__parentId" not in each] == orders[21:]

    def test_it_costs_a_mutation_and_no_more(self, engine: Engine, orders: list[str]) -> None:
        cost = engine.execute(RUN, {"query": ORDERS})["extensions"]["cost"]
        assert cost["actualQueryCost"] < 20


class TestFailures:
    def test_what_it_had_by_then(self, engine: Engine, orders: list[str]) -> None:
        engine.bulk.fail_after = 27
        found = look(engine, run(engine))
        assert (found["status"], found["errorCode"], found["url"]) == ("FAILED", "INTERNAL_SERVER_ERROR", None)
        told = lines(engine, found["partialDataUrl"])
        assert [each["id"] for each in told if "__parentId" not in each] == orders[:27]

    def test_a_field_that_may_not_be_read(self) -> None:
        shop = Shop(ShopConfig(products=3, scopes=frozenset({"read_orders", "read_products"})), now=lambda: NOON)
        while all(order.customer is None for order in shop.orders.values()):
            shop.place_order()
        engine = Engine(shop)
        found = look(engine, run(engine, "{ orders { edges { node { id customer { id } } } } }"))
        assert (found["status"], found["errorCode"]) == ("FAILED", "ACCESS_DENIED")

    async def test_cancelled(self, engine: Engine, orders: list[str]) -> None:
        engine.bulk.hold = True
        made = run(engine)
        engine.execute(
            "mutation($id: ID!) { bulkOperationCancel(id: $id) { bulkOperation { status } userErrors { message } } }",
            {"id": made["bulkOperation"]["id"]},
        )
        assert look(engine, made)["status"] == "CANCELED"
        await engine.bulk.close()

    def test_after_a_week(self, engine: Engine, orders: list[str]) -> None:
        made = run(engine)
        address = look(engine, made)["url"]
        engine.bulk.expire()
        assert look(engine, made)["status"] == "EXPIRED"
        assert engine.bulk.file(address.rpartition("/")[2]) is None


def test_counts(engine: Engine, orders: list[str]) -> None:
    def count(field: str) -> Any:
        return engine.execute(f"{{ {field} {{ count precision }} }}", {})["data"][field.partition("(")[0]]

    assert count("ordersCount") == {"count": 30, "precision": "EXACT"}
    assert count("ordersCount(limit: 7)") == {"count": 7, "precision": "AT_LEAST"}
    assert count("ordersCount(limit: null)") == {"count": 30, "precision": "EXACT"}
    assert count("ordersCount(query: \"updated_at:>='2030-01-01'\")")["count"] == 0
    assert count("productsCount")["count"] == len(engine.shop.products)
    assert count("productVariantsCount")["count"] == len(engine.shop.variants)
    assert count("customersCount")["count"] == len(engine.shop.buyers.customers)


async def test_a_file_is_served_in_ranges_to_whoever_has_its_address() -> None:
    async with SimulatedShopify(ShopConfig(products=3)) as store, aiohttp.ClientSession() as session:
        for _ in range(3):
            store.shop().place_order()
        made = run(store.engine())
        while look(store.engine(), made)["status"] != "COMPLETED":
            async with session.get(f"{store.url}/_sim/state"):
                """Another turn of the loop that runs it."""
        address = look(store.engine(), made)["url"]
        async with session.get(address) as answer:
            whole = await answer.read()
        async with session.get(address, headers={"Range": "bytes=10-19"}) as answer:
            assert (answer.status, await answer.read()) == (206, whole[10:20])
            assert answer.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
        async with session.get(address[:-8] + "x.jsonl") as answer:
            assert answer.status == 404
