"""Queries against the official schema: validation, limits, scopes, pages."""

from __future__ import annotations

from typing import Any

import pytest

from longshore_devkit.stores.shopify.cost import Bucket
from longshore_devkit.stores.shopify.engine import Engine
from longshore_devkit.stores.shopify.rest_orders import order_payload
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig

from .conftest import NOON


def codes(answer: dict[str, Any]) -> list[str | None]:
    return [error.get("extensions", {}).get("code") for error in answer["errors"]]


class TestValidation:
    @pytest.mark.parametrize(
        "query",
        [
            "{ shop { nonsense } }",
            "{ orders(first: 1) { nodes { id",
            "{ order { id } }",
            'mutation { inventorySetQuantities(input: {name: "available"}) { userErrors { code } } }',
            "query($id: ID!) { order(id: $id) { id } } query { shop { name } }",
        ],
    )
    def test_refuses_what_shopify_refuses(self, engine: Engine, query: str) -> None:
        answer = engine.execute(query, {})
        assert answer["errors"]
        assert "data" not in answer

    def test_refuses_variables_of_the_wrong_type(self, engine: Engine) -> None:
        answer = engine.execute("query($n: Int!) { orders(first: $n) { nodes { id } } }", {"n": "many"})
        assert answer["errors"]

    def test_names_what_it_does_not_simulate(self, engine: Engine) -> None:
        answer = engine.execute("{ giftCards(first: 1) { nodes { id } } }", {})
        assert "simulated store" in answer["errors"][0]["message"]

    def test_an_unknown_order_is_null(self, engine: Engine) -> None:
        answer = engine.execute('{ order(id: "gid://shopify/Order/1") { id } }', {})
        assert answer["data"] == {"order": None}
        assert "errors" not in answer


class TestLimits:
    def _engine(self, points: float) -> tuple[Engine, list[float]]:
        clock = [0.0]
        bucket = Bucket(rate=100, capacity=points, clock=lambda: clock[0])
        return Engine(Shop(ShopConfig(products=3), now=lambda: NOON), bucket), clock

    def test_each_answer_tells_the_bucket(self) -> None:
        engine, _ = self._engine(2000)
        cost = engine.execute("{ shop { name } }", {})["extensions"]["cost"]
        assert cost["requestedQueryCost"] == cost["actualQueryCost"] == 1
        assert cost["throttleStatus"] == {
            "maximumAvailable": 2000.0,
            "currentlyAvailable": 1999.0,
            "restoreRate": 100.0,
        }

    def test_an_empty_bucket_throttles_and_refills(self) -> None:
        engine, clock = self._engine(60)
        query = "{ products(first: 100) { nodes { id title } } }"
        assert "data" in engine.execute(query, {})
        for _ in range(12):
            answer = engine.execute(query, {})
        assert codes(answer) == ["THROTTLED"]
        assert "data" not in answer
        clock[0] = 1.0
        assert "data" in engine.execute(query, {})

    def test_a_query_can_be_too_large_for_any_bucket(self) -> None:
        engine, _ = self._engine(20_000)
        query = "{ orders(first: 250) { nodes { id lineItems(first: 250) { nodes { id } } } } }"
        assert codes(engine.execute(query, {})) == ["MAX_COST_EXCEEDED"]

    def test_pages_have_a_size(self, engine: Engine) -> None:
        assert codes(engine.execute("{ orders { nodes { id } } }", {})) == ["BAD_REQUEST"]
        assert codes(engine.execute("{ orders(first: 251) { nodes { id } } }", {})) == ["BAD_REQUEST"]


class TestScopes:
    def _engine(self, *scopes: str) -> Engine:
        shop = Shop(ShopConfig(products=3, scopes=frozenset(scopes)), now=lambda: NOON)
        shop.place_order()
        return Engine(shop)

    def test_a_missing_scope_denies(self) -> None:
        answer = self._engine("read_products").execute("{ orders(first: 1) { nodes { id } } }", {})
        assert codes(answer) == ["ACCESS_DENIED"]

    def test_a_missing_fulfilment_scope_gives_an_empty_list_instead(self) -> None:
        query = "{ orders(first: 1) { nodes { fulfillmentOrders(first: 5) { nodes { id } } } } }"
        answer = self._engine("read_orders").execute(query, {})
        assert answer["data"]["orders"]["nodes"][0]["fulfillmentOrders"]["nodes"] == []
        granted = self._engine("read_orders", "write_merchant_managed_fulfillment_orders")
        assert granted.execute(query, {})["data"]["orders"]["nodes"][0]["fulfillmentOrders"]["nodes"]

    def test_the_app_can_ask_what_it_was_granted(self) -> None:
        query = "{ currentAppInstallation { accessScopes { handle } } }"
        handles = self._engine("write_orders").execute(query, {})["data"]["currentAppInstallation"]["accessScopes"]
        assert handles == [{"handle": "read_orders"}, {"handle": "write_orders"}]


class TestPages:
    QUERY = """query($after: String, $query: String) {
        orders(first: 7, after: $after, query: $query, sortKey: UPDATED_AT) {
            nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }"""

    def _all(self, engine: Engine, query: str | None = None) -> list[str]:
        found: list[str] = []
        after = None
        while True:
            answer = engine.execute(self.QUERY, {"after": after, "query": query})
            page = answer["data"]["orders"]
            found += [node["id"] for node in page["nodes"]]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return found

    def test_every_order_is_seen_once(self, shop: Shop, engine: Engine) -> None:
        for _ in range(30):
            shop.place_order()
        assert sorted(self._all(engine)) == sorted(f"gid://shopify/Order/{number}" for number in shop.orders)

    def test_search_by_time(self, shop: Shop, engine: Engine) -> None:
        shop.place_order()
        assert len(self._all(engine, "updated_at:>='2026-11-20T12:00:00Z'")) == 1
        assert self._all(engine, "updated_at:>'2026-11-20T12:00:00Z'") == []
        assert len(self._all(engine, "updated_at:<=2026-11-20T07:00:00-05:00 status:open")) == 1

    def test_an_unknown_search_term_is_not_ignored(self, engine: Engine) -> None:
        answer = engine.execute(self.QUERY, {"query": "updatedat:>2026"})
        assert "cannot search" in answer["errors"][0]["message"]

    def test_products_and_stock(self, shop: Shop, engine: Engine) -> None:
        query = """{ productVariants(first: 5, query: "sku:LS-0003") { nodes { sku price inventoryItem {
            inventoryLevels(first: 5) { nodes { location { name } quantities(names: ["available", "on_hand"]) {
            name quantity } } } } } } }"""
        shop.place_order([("LS-0003", 4)], plain=True)
        nodes = engine.execute(query, {})["data"]["productVariants"]["nodes"]
        assert [node["sku"] for node in nodes] == ["LS-0003"]
        level = nodes[0]["inventoryItem"]["inventoryLevels"]["nodes"][0]
        assert level["quantities"] == [{"name": "available", "quantity": 96}, {"name": "on_hand", "quantity": 100}]


def test_graphql_and_webhooks_tell_the_same_order(shop: Shop, engine: Engine) -> None:
    query = """query($id: ID!) { order(id: $id) { legacyResourceId name currencyCode taxesIncluded updatedAt
        totalPriceSet { shopMoney { amount } presentmentMoney { amount currencyCode } }
        currentTotalPriceSet { shopMoney { amount } } totalTaxSet { shopMoney { amount } }
        displayFinancialStatus
        lineItems(first: 20) { nodes { id sku quantity taxLines { priceSet { shopMoney { amount } } } } }
        refunds { id totalRefundedSet { shopMoney { amount } } } } }"""
    for _ in range(40):
        order = shop.place_order()
        shop.refund(order.id)
        rest = order_payload(order, "x.myshopify.com")
        node = engine.execute(query, {"id": rest["admin_graphql_api_id"]})["data"]["order"]
        assert node["legacyResourceId"] == str(rest["id"])
        assert float(node["totalPriceSet"]["shopMoney"]["amount"]) == float(rest["total_price"])
        assert float(node["currentTotalPriceSet"]["shopMoney"]["amount"]) == float(rest["current_total_price"])
        assert float(node["totalTaxSet"]["shopMoney"]["amount"]) == float(rest["total_tax"])
        assert node["displayFinancialStatus"] == rest["financial_status"].upper()
        assert [line["id"] for line in node["lineItems"]["nodes"]] == [
            line["admin_graphql_api_id"] for line in rest["line_items"]
        ]
        assert [refund["id"] for refund in node["refunds"]] == [r["admin_graphql_api_id"] for r in rest["refunds"]]


def test_what_belongs_to_an_order_can_be_looked_up_by_its_own_id(shop: Shop, engine: Engine) -> None:
    order = shop.place_order([("LS-0001", 2)], plain=True)
    found = order.fulfillment_orders[0]
    done = shop.fulfil(order, [(found, found.lines[0], 2)], numbers=["1Z"])
    refund = shop.refund(order.id)
    assert order.customer is not None
    for kind, number in (
        ("fulfillment", done.id),
        ("refund", refund.id),
        ("fulfillmentOrder", found.id),
        ("customer", order.customer.id),
    ):
        global_id = f"gid://shopify/{kind[0].upper()}{kind[1:]}/{number}"
        query = f"query($id: ID!) {{ {kind}(id: $id) {{ id }} node(id: $id) {{ id }} }}"
        answer = engine.execute(query, {"id": global_id})
        assert answer["data"] == {kind: {"id": global_id}, "node": {"id": global_id}}


def test_lines_go_to_where_stock_is() -> None:
    shop = Shop(ShopConfig(products=4, locations=2), now=lambda: NOON)
    primary, second = (place.id for place in shop.locations)
    shop.set_quantity(shop.variant_by_sku("LS-0001"), primary, 0)
    shop.set_quantity(shop.variant_by_sku("LS-0001"), second, 3)
    order = shop.place_order([("LS-0001", 1), ("LS-0002", 1)], plain=True)
    assert sorted(found.location_id for found in order.fulfillment_orders) == sorted((primary, second))
    groups = [
        {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{found.id}"} for found in order.fulfillment_orders
    ]
    mutation = """mutation($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) {
        userErrors { message } } }"""
    answer = Engine(shop).execute(mutation, {"f": {"lineItemsByFulfillmentOrder": groups}})
    assert "same location" in answer["data"]["fulfillmentCreate"]["userErrors"][0]["message"]
    assert order.fulfillments == []
