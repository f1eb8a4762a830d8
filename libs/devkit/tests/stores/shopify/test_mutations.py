"""What writes do, once."""

from __future__ import annotations

from typing import Any

import pytest

from longshore_devkit.stores.shopify.engine import Engine
from longshore_devkit.stores.shopify.rest import gid
from longshore_devkit.stores.shopify.shop import Shop

SET = """mutation($input: InventorySetQuantitiesInput!, $key: String!) {
    inventorySetQuantities(input: $input) @idempotent(key: $key) {
        inventoryAdjustmentGroup { id reason changes { name delta quantityAfterChange } }
        userErrors { code field message } } }"""
FULFIL = """mutation($f: FulfillmentInput!) { fulfillmentCreate(fulfillment: $f) {
    fulfillment { id status trackingInfo { number company url } fulfillmentLineItems(first: 9) { nodes { quantity } } }
    userErrors { field message } } }"""
SUBSCRIBE = """mutation($topic: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) {
    webhookSubscriptionCreate(topic: $topic, webhookSubscription: $w) {
        webhookSubscription { id topic uri format apiVersion { handle } } userErrors { field message } } }"""


def set_stock(engine: Engine, quantity: int, expected: int | None, key: str = "k1", sku: str = "LS-0001") -> Any:
    shop = engine.shop
    entry = {
        "inventoryItemId": gid("InventoryItem", shop.variant_by_sku(sku).inventory_item_id),
        "locationId": gid("Location", shop.locations[0].id),
        "quantity": quantity,
        "changeFromQuantity": expected,
    }
    given = {"name": "available", "reason": "correction", "quantities": [entry]}
    return engine.execute(SET, {"input": given, "key": key})["data"]["inventorySetQuantities"]


def stock(shop: Shop, sku: str = "LS-0001") -> int:
    return shop.variant_by_sku(sku).available


class TestInventorySetQuantities:
    def test_sets_when_the_expectation_holds(self, shop: Shop, engine: Engine) -> None:
        answer = set_stock(engine, 90, 100)
        assert answer["userErrors"] == []
        assert answer["inventoryAdjustmentGroup"]["changes"][0] == {
            "name": "available",
            "delta": -10,
            "quantityAfterChange": 90,
        }
        assert stock(shop) == 90

    def test_a_sale_in_between_makes_it_stale(self, shop: Shop, engine: Engine) -> None:
        shop.place_order([("LS-0001", 1)], plain=True)
        answer = set_stock(engine, 90, 100)
        assert [error["code"] for error in answer["userErrors"]] == ["CHANGE_FROM_QUANTITY_STALE"]
        assert stock(shop) == 99

    def test_null_skips_the_check(self, shop: Shop, engine: Engine) -> None:
        assert set_stock(engine, 5, None)["userErrors"] == []
        assert stock(shop) == 5

    def test_the_expectation_must_be_given(self, engine: Engine) -> None:
        entry = {"inventoryItemId": gid("InventoryItem", 1), "locationId": gid("Location", 1), "quantity": 1}
        given = {"name": "available", "reason": "correction", "quantities": [entry]}
        answer = engine.execute(SET, {"input": given, "key": "k"})
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_FIELD_ARGUMENTS"

    def test_bad_entries_change_nothing(self, shop: Shop, engine: Engine) -> None:
        item = gid("InventoryItem", shop.variant_by_sku("LS-0001").inventory_item_id)
        place = gid("Location", shop.locations[0].id)
        entries = [
            {"inventoryItemId": item, "locationId": place, "quantity": 7, "changeFromQuantity": None},
            {
                "inventoryItemId": gid("InventoryItem", 5),
                "locationId": place,
                "quantity": 7,
                "changeFromQuantity": None,
            },
            {"inventoryItemId": item, "locationId": gid("Location", 5), "quantity": 7, "changeFromQuantity": None},
        ]
        given = {"name": "nonsense", "reason": "because", "quantities": entries}
        errors = engine.execute(SET, {"input": given, "key": "k"})["data"]["inventorySetQuantities"]["userErrors"]
        assert [error["code"] for error in errors] == [
            "INVALID_NAME",
            "INVALID_REASON",
            "INVALID_INVENTORY_ITEM",
            "INVALID_LOCATION",
        ]
        assert stock(shop) == 100


class TestIdempotency:
    def test_the_key_is_mandatory(self, engine: Engine) -> None:
        answer = engine.execute(
            SET.replace(" @idempotent(key: $key)", "").replace(", $key: String!", ""),
            {"input": {"name": "available", "reason": "correction", "quantities": []}},
        )
        assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
        assert "@idempotent" in answer["errors"][0]["message"]

    def test_the_same_key_gives_the_same_answer_and_one_effect(self, shop: Shop, engine: Engine) -> None:
        first = set_stock(engine, 90, 100)
        shop.place_order([("LS-0001", 5)], plain=True)
        assert set_stock(engine, 90, 100) == first
        assert stock(shop) == 85

    def test_a_key_whose_first_attempt_failed_stays_failed(self, engine: Engine) -> None:
        set_stock(engine, 90, 1)
        answer = set_stock(engine, 90, 1)
        assert [error["code"] for error in answer["userErrors"]] == ["IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"]
        assert set_stock(engine, 90, 100, key="k2")["userErrors"] == []

    def test_a_key_belongs_to_its_parameters(self, shop: Shop, engine: Engine) -> None:
        set_stock(engine, 90, 100)
        answer = set_stock(engine, 80, 90)
        assert [error["code"] for error in answer["userErrors"]] == ["IDEMPOTENCY_KEY_PARAMETER_MISMATCH"]
        assert stock(shop) == 90

    def test_other_mutations_do_not_take_keys(self, engine: Engine) -> None:
        query = FULFIL.replace("fulfillment: $f)", 'fulfillment: $f) @idempotent(key: "k")')
        answer = engine.execute(query, {"f": {"lineItemsByFulfillmentOrder": []}})
        assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


class TestFulfillmentCreate:
    def _fulfil(self, engine: Engine, groups: list[dict[str, Any]], number: str = "1Z") -> Any:
        given = {
            "lineItemsByFulfillmentOrder": groups,
            "trackingInfo": {"number": number, "company": "UPS", "url": "https://ups.example/1Z"},
            "notifyCustomer": True,
        }
        return engine.execute(FULFIL, {"f": given})["data"]["fulfillmentCreate"]

    def test_ships_each_unit_once(self, shop: Shop, engine: Engine) -> None:
        order = shop.place_order([("LS-0001", 3)], plain=True)
        group = {"fulfillmentOrderId": gid("FulfillmentOrder", order.fulfillment_orders[0].id)}
        made = self._fulfil(engine, [group])
        assert made["userErrors"] == []
        assert made["fulfillment"]["trackingInfo"] == [
            {"number": "1Z", "company": "UPS", "url": "https://ups.example/1Z"}
        ]
        again = self._fulfil(engine, [group])
        assert again["fulfillment"] is None
        assert "unfulfillable status= closed" in again["userErrors"][0]["message"]
        assert (order.lines[0].fulfilled, len(order.fulfillments)) == (3, 1)
        level = shop.variant_by_sku("LS-0001").levels[shop.locations[0].id]
        assert (level.available, level.committed) == (97, 0)

    def test_ships_parts_and_no_more_than_remains(self, shop: Shop, engine: Engine) -> None:
        order = shop.place_order([("LS-0001", 3)], plain=True)
        found = order.fulfillment_orders[0]
        part = {"id": gid("FulfillmentOrderLineItem", found.lines[0].id), "quantity": 2}
        group = {"fulfillmentOrderId": gid("FulfillmentOrder", found.id), "fulfillmentOrderLineItems": [part]}
        assert self._fulfil(engine, [group])["userErrors"] == []
        assert "quantity" in self._fulfil(engine, [group])["userErrors"][0]["message"]
        assert (order.lines[0].fulfilled, found.lines[0].remaining, found.status) == (2, 1, "open")

    def test_the_id_of_something_else_ships_nothing(self, shop: Shop, engine: Engine) -> None:
        order = shop.place_order([("LS-0001", 1)], plain=True)
        answer = self._fulfil(engine, [{"fulfillmentOrderId": gid("FulfillmentOrder", order.id)}])
        assert answer["userErrors"][0]["message"] == "Fulfillment order does not exist."

    def test_a_cancelled_order_does_not_ship(self, shop: Shop, engine: Engine) -> None:
        order = shop.place_order([("LS-0001", 1)], plain=True)
        shop.cancel(order.id)
        group = {"fulfillmentOrderId": gid("FulfillmentOrder", order.fulfillment_orders[0].id)}
        assert self._fulfil(engine, [group])["userErrors"]
        assert stock(shop) == 100


class TestWebhookSubscriptions:
    def _subscribe(self, engine: Engine, uri: str, topic: str = "ORDERS_CREATE") -> Any:
        answer = engine.execute(SUBSCRIBE, {"topic": topic, "w": {"uri": uri}})
        return answer["data"]["webhookSubscriptionCreate"]

    def test_create_list_update_delete(self, engine: Engine) -> None:
        made = self._subscribe(engine, "https://hub.example/webhooks/shopify")["webhookSubscription"]
        assert (made["topic"], made["format"], made["apiVersion"]) == ("ORDERS_CREATE", "JSON", {"handle": "2026-07"})
        query = "{ webhookSubscriptions(first: 9, topics: [ORDERS_CREATE]) { nodes { id uri } } }"
        listed = engine.execute(query, {})["data"]["webhookSubscriptions"]["nodes"]
        assert listed == [{"id": made["id"], "uri": "https://hub.example/webhooks/shopify"}]
        update = """mutation($id: ID!) {
            webhookSubscriptionUpdate(id: $id, webhookSubscription: {uri: "https://other.example/"}) {
                webhookSubscription { uri } userErrors { message } } }"""
        updated = engine.execute(update, {"id": made["id"]})["data"]["webhookSubscriptionUpdate"]
        assert updated["webhookSubscription"]["uri"] == "https://other.example/"
        delete = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId } }"
        deleted = engine.execute(delete, {"id": made["id"]})["data"]["webhookSubscriptionDelete"]
        assert deleted["deletedWebhookSubscriptionId"] == made["id"]
        assert engine.shop.webhooks.subscriptions == {}

    def test_the_same_address_and_topic_once(self, engine: Engine) -> None:
        self._subscribe(engine, "https://hub.example/w")
        again = self._subscribe(engine, "https://hub.example/w")
        assert "already been taken" in again["userErrors"][0]["message"]
        assert self._subscribe(engine, "https://hub.example/w", "ORDERS_PAID")["userErrors"] == []

    @pytest.mark.parametrize("uri", ["http://hub.example/w", "nonsense", "ftp://127.0.0.1/x"])
    def test_bad_addresses(self, engine: Engine, uri: str) -> None:
        assert self._subscribe(engine, uri)["userErrors"]


def test_an_order_can_be_cancelled(shop: Shop, engine: Engine) -> None:
    order = shop.place_order([("LS-0001", 2)], plain=True)
    cancel = """mutation($id: ID!) { orderCancel(orderId: $id, reason: INVENTORY, restock: true,
        refundMethod: {originalPaymentMethodsRefund: true}) { job { done } orderCancelUserErrors { code message } } }"""
    for expected in ([], ["INVALID"]):
        answer = engine.execute(cancel, {"id": gid("Order", order.id)})["data"]["orderCancel"]
        assert [error["code"] for error in answer["orderCancelUserErrors"]] == expected
        # Done a moment after the answer, as the real store does it.
        engine.shop.jobs.run()
    assert (order.cancel_reason, stock(shop), len(order.refunds)) == ("inventory", 100, 1)
