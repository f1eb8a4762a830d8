"""The whole simulated store over HTTP, and its control API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from longshore_devkit.stores.shopify.__main__ import main
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig

from .conftest import Hooks

SHOP = ShopConfig(products=10, plan="plus")
OTHER = ShopConfig("other.myshopify.com", access_token="other", products=3)
FULFIL = """mutation($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) {
    fulfillment { id } userErrors { message } } }"""


@pytest.fixture
async def store() -> AsyncIterator[SimulatedShopify]:
    async with SimulatedShopify([SHOP, OTHER]) as running:
        yield running


@pytest.fixture
async def client(store: SimulatedShopify) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=store.url, timeout=5) as http:
        yield http


async def ask(
    client: httpx.AsyncClient, query: str, variables: Any = None, *, shop: str = SHOP.domain, token: str = ""
) -> httpx.Response:
    return await client.post(
        f"/{shop}/admin/api/2026-07/graphql.json",
        json={"query": query, "variables": variables},
        headers={"X-Shopify-Access-Token": token or SHOP.access_token},
    )


class TestGraphql:
    async def test_answers_with_its_version(self, client: httpx.AsyncClient) -> None:
        answer = await ask(client, "{ shop { myshopifyDomain } }")
        assert answer.status_code == 200
        assert answer.headers["X-Shopify-Api-Version"] == "2026-07"
        assert answer.json()["data"]["shop"]["myshopifyDomain"] == SHOP.domain

    async def test_each_shop_has_its_own_token(self, client: httpx.AsyncClient) -> None:
        assert (await ask(client, "{ shop { name } }", token="wrong")).status_code == 401
        assert (await ask(client, "{ shop { name } }", shop=OTHER.domain)).status_code == 401
        assert (await ask(client, "{ shop { name } }", shop=OTHER.domain, token="other")).status_code == 200
        assert (await ask(client, "{ shop { name } }", shop="nobody.myshopify.com")).status_code == 404

    async def test_an_invalid_document_is_refused_with_200(self, client: httpx.AsyncClient) -> None:
        answer = await ask(client, "{ shop { nonsense } }")
        assert (answer.status_code, list(answer.json())) == (200, ["errors"])

    async def test_a_body_that_is_no_request_is_400(self, client: httpx.AsyncClient) -> None:
        headers = {"X-Shopify-Access-Token": SHOP.access_token}
        path = f"/{SHOP.domain}/admin/api/2026-07/graphql.json"
        assert (await client.post(path, content=b"{", headers=headers)).status_code == 400
        assert (await client.post(path, json={}, headers=headers)).status_code == 400


class TestFaults:
    async def test_throttling_is_a_200(self, client: httpx.AsyncClient) -> None:
        await client.put("/_sim/faults", json={"error_rate_429": 1})
        answer = await ask(client, "{ shop { name } }")
        assert answer.status_code == 200
        assert answer.json()["errors"][0]["extensions"]["code"] == "THROTTLED"

    async def test_server_errors(self, client: httpx.AsyncClient) -> None:
        await client.put("/_sim/faults", json={"error_rate_5xx": 1})
        assert (await ask(client, "{ shop { name } }")).status_code >= 500

    async def test_a_dropped_connection_after_the_write_has_shipped(
        self, store: SimulatedShopify, client: httpx.AsyncClient
    ) -> None:
        order = store.shop().place_order([("LS-0001", 1)], plain=True)
        group = {"fulfillmentOrderId": f"gid://shopify/FulfillmentOrder/{order.fulfillment_orders[0].id}"}
        await client.put("/_sim/faults", json={"drop_after_write_rate": 1})
        with pytest.raises(httpx.TransportError):
            await ask(client, FULFIL, {"f": {"lineItemsByFulfillmentOrder": [group]}})
        assert (await ask(client, "{ shop { name } }")).status_code == 200
        shipped = (await client.get("/_sim/fulfillments")).json()
        assert (shipped["count"], shipped["units"]) == (1, 1)

    async def test_unknown_knobs_are_refused(self, client: httpx.AsyncClient) -> None:
        answer = await client.put("/_sim/faults", json={"error_rate": 1})
        assert answer.status_code == 400
        assert "unknown fault" in answer.json()["error"]


class TestControl:
    async def test_places_orders_and_tells_of_them(self, client: httpx.AsyncClient, hooks: Hooks) -> None:
        create = """mutation($w: WebhookSubscriptionInput!) { webhookSubscriptionCreate(topic: ORDERS_CREATE,
            webhookSubscription: $w) { userErrors { message } } }"""
        await ask(client, create, {"w": {"uri": hooks.url}})
        placed = await client.post("/_sim/orders", json={"sku": "LS-0004", "quantity": 3, "plain": True, "n": 2})
        orders = placed.json()["orders"]
        assert [line["quantity"] for order in orders for line in order["lines"]] == [3, 3]
        await client.post("/_sim/drain", json={})
        state = (await client.get("/_sim/state")).json()
        assert (state["orders"], state["stock"]["LS-0004"]) == (2, 94)
        assert state["deliveries"]["accepted"] == {"orders/create": 2}
        assert state["subscriptions"][0]["uri"] == hooks.url
        assert state["api_calls"] == {"webhookSubscriptionCreate": 1}
        assert (await client.get("/_sim/orders")).json()["orders"] == orders

    async def test_refund_edit_and_cancel(self, client: httpx.AsyncClient) -> None:
        made = await client.post("/_sim/orders", json={"lines": [{"sku": "LS-0001", "quantity": 3}], "plain": True})
        order_id = made.json()["orders"][0]["id"]
        for action, left in (("edit", 2), ("refund", 1), ("cancel", 0)):
            answer = (await client.post(f"/_sim/orders/{order_id}/{action}", json={})).json()["order"]
            assert answer["lines"][0]["current_quantity"] == left
        assert answer["cancelled"] is True
        assert (await client.post(f"/_sim/orders/{order_id}/cancel")).status_code == 400
        assert (await client.get("/_sim/stock")).json()["stock"]["LS-0001"] == 100

    async def test_a_merchant_edits_stock(self, client: httpx.AsyncClient) -> None:
        answer = await client.put("/_sim/stock", json={"sku": "LS-0002", "quantity": 42})
        assert answer.json() == {"stock": {"LS-0002": 42}}
        assert (await client.put("/_sim/stock", json={"sku": "none", "quantity": 1})).status_code == 400

    async def test_buyers_come_when_told(
        self, store: SimulatedShopify, client: httpx.AsyncClient, hooks: Hooks
    ) -> None:
        await client.put("/_sim/traffic", json={"orders_per_minute": 60_000, "aftermath": 0.5})
        while len(store.shop().orders) + len(store.shop(OTHER.domain).orders) < 20:
            await client.get("/_sim/traffic")
        answer = await client.put("/_sim/traffic", json={"orders_per_minute": 0})
        assert answer.json() == {"orders_per_minute": 0.0, "aftermath": 0.5}

    async def test_another_shop_can_be_chosen(self, client: httpx.AsyncClient) -> None:
        await client.post(f"/_sim/orders?shop={OTHER.domain}", json={})
        assert (await client.get(f"/_sim/state?shop={OTHER.domain}")).json()["orders"] == 1
        assert (await client.get("/_sim/state")).json()["orders"] == 0

    async def test_an_uninstalled_app_has_no_token(self, client: httpx.AsyncClient) -> None:
        await client.post("/_sim/uninstall", json={})
        assert (await ask(client, "{ shop { name } }")).status_code == 401

    async def test_products_change_and_go(self, client: httpx.AsyncClient) -> None:
        assert (await client.post("/_sim/products/LS-0001/update")).status_code == 200
        assert (await client.post("/_sim/products/LS-0001/delete")).status_code == 200
        assert (await client.post("/_sim/products/LS-0001/update")).status_code == 400


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--fault", "typo=1"]) == 1
    assert "unknown fault" in capsys.readouterr().err
