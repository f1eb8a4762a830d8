"""Which topic means what."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLEnumType

from longshore.contracts import (
    CustomerDeleted,
    CustomerSnapshot,
    OrderDeleted,
    ProductDeleted,
    ProductSnapshot,
    ProductStatus,
    StockLevel,
)
from longshore.platforms.protocols import FetchRequest, Translation, Untranslatable
from longshore_connector_shopify.client.topics import enum_of
from longshore_connector_shopify.translate import SNAPSHOT_TOPICS, ShopifyTranslator
from longshore_connector_shopify.translate.translator import (
    CHECK_TOPICS,
    CUSTOMER_TOPICS,
    ITEM_TOPICS,
    LEVEL_TOPICS,
    LOCATION_TOPICS,
    ORDER_TOPICS,
    OTHERS,
    PART_TOPICS,
    PRODUCT_TOPICS,
)
from longshore_devkit.stores.shopify.schema import load_admin_schema

# Topics of families that we follow, of marketing, risk and the like.
SAYING_NOTHING = {
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE",
    "CUSTOMERS_MARKETING_CONSENT_UPDATE",
    "CUSTOMERS_PURCHASING_SUMMARY",
    "CUSTOMERS_WHATS_APP_MARKETING_CONSENT_UPDATE",
    "ORDERS_LINK_REQUESTED",
    "ORDERS_RISK_ASSESSMENT_CHANGED",
    "ORDERS_SHOPIFY_PROTECT_ELIGIBILITY_CHANGED",
}
FAMILIES = (
    "ORDERS REFUNDS FULFILLMENTS ORDER_TRANSACTIONS RETURNS PRODUCTS INVENTORY_LEVELS INVENTORY_ITEMS LOCATIONS"
    " CUSTOMERS APP_UNINSTALLED APP_SCOPES_UPDATE SHOP_UPDATE"
).split()

BIG = 9_007_199_254_740_993


def translate(record: Any) -> Translation:
    return ShopifyTranslator().translate(record)


@pytest.mark.parametrize("topic", sorted(topic for topic in SNAPSHOT_TOPICS if topic.startswith("orders/")))
def test_every_whole_order_is_a_snapshot(make: Any, topic: str) -> None:
    first, second = (translate(make.record(make.order(), each)).events[0] for each in (topic, "orders/create"))
    assert first == second


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("orders/edited", {"order_edit": {"id": 1, "order_id": BIG}}),
        ("refunds/create", {"id": 1, "order_id": BIG}),
        ("fulfillments/create", {"id": 1, "order_id": BIG}),
        ("fulfillments/update", {"id": 1, "order_id": BIG}),
        ("order_transactions/create", {"id": 1, "order_id": BIG}),
        ("returns/request", {"id": 1, "order_id": BIG}),
        ("returns/approve", {"id": 1, "order": {"id": BIG}}),
        ("returns/close", {"id": 1, "order": {"admin_graphql_api_id": f"gid://shopify/Order/{BIG}"}}),
    ],
)
def test_a_part_of_an_order_makes_us_fetch_it(make: Any, topic: str, body: dict[str, Any]) -> None:
    translation = translate(make.record(body, topic))
    assert translation.events == []
    assert translation.fetches == [FetchRequest("order", str(BIG))]


@pytest.mark.parametrize("body", [{"admin_graphql_api_id": f"gid://shopify/Return/{BIG}"}, {"id": BIG}])
def test_a_return_that_names_no_order_is_asked_for_it(make: Any, body: dict[str, Any]) -> None:
    translation = translate(make.record(body | {"return_line_items": {"removals": []}}, "returns/update"))
    assert translation.fetches == [FetchRequest("order", f"return/{BIG}")]


def test_a_refund_in_other_money_is_fetched_beside(make: Any) -> None:
    body = make.order(financial_status="partially_refunded")
    refund = make.refund(8, [make.refund_line(body["line_items"][1], 1, "5.50")], "7.43")
    refund["transactions"][0]["currency"] = "CAD"
    translation = translate(make.record(body | {"refunds": [refund]}))
    assert len(translation.events) == 1
    assert translation.fetches == [FetchRequest("order", str(body["id"]))]


def test_a_deleted_order(make: Any) -> None:
    record = make.record({"id": BIG}, "orders/delete")
    (event,) = translate(record).events
    assert isinstance(event, OrderDeleted)
    assert (event.external_id, event.observed_at) == (str(BIG), record.received_at)


def _product(**more: Any) -> dict[str, Any]:
    return {
        "id": 11,
        "title": "Lamp",
        "status": "active",
        "updated_at": "2026-11-20T06:30:00-05:00",
        "variants": [
            {"id": 22, "inventory_item_id": 33, "sku": "L-1", "barcode": "", "title": "Blue", "price": "9.00"},
            {"id": 21, "inventory_item_id": 34, "sku": None, "title": "Red", "price": "9.00"},
        ],
    } | more


@pytest.mark.parametrize("topic", ["products/create", "products/update"])
def test_products(make: Any, topic: str) -> None:
    (event,) = translate(make.record(_product(), topic)).events
    assert isinstance(event, ProductSnapshot)
    assert (event.external_id, event.title, event.status) == ("11", "Lamp", ProductStatus.ACTIVE)
    assert [(v.external_id, v.inventory_external_id, v.sku, v.tracked) for v in event.variants] == [
        ("21", "34", None, True),
        ("22", "33", "L-1", True),
    ]


@pytest.mark.parametrize(
    ("word", "status", "problems"),
    [
        ("draft", ProductStatus.DRAFT, []),
        ("archived", ProductStatus.ARCHIVED, []),
        ("unlisted", ProductStatus.ACTIVE, []),
        ("dreamt", ProductStatus.ACTIVE, ["status"]),
    ],
)
def test_product_states(make: Any, word: str, status: ProductStatus, problems: list[str]) -> None:
    (event,) = translate(make.record(_product(status=word), "products/update")).events
    assert isinstance(event, ProductSnapshot)
    assert (event.status, event.platform_status, event.problems) == (status, word, problems)


def test_a_product_cut_at_its_hundredth_variant_is_fetched(make: Any) -> None:
    body = _product(variant_gids=[{"admin_graphql_api_id": f"gid://shopify/ProductVariant/{n}"} for n in range(3)])
    translation = translate(make.record(body, "products/update"))
    assert translation.events == []
    assert translation.fetches == [FetchRequest("product", "11")]


def test_a_deleted_product(make: Any) -> None:
    (event,) = translate(make.record({"id": 11}, "products/delete")).events
    assert isinstance(event, ProductDeleted)


@pytest.mark.parametrize("topic", ["inventory_levels/update", "inventory_levels/connect"])
def test_levels(make: Any, topic: str) -> None:
    body = {"inventory_item_id": BIG, "location_id": 4, "available": -2, "updated_at": "2026-11-20T06:30:00-05:00"}
    (event,) = translate(make.record(body, topic)).events
    assert isinstance(event, StockLevel)
    assert event.external_id == f"{BIG}@4"
    assert (event.inventory_external_id, event.location_external_id, event.quantity) == (str(BIG), "4", -2)


def test_what_is_not_stocked_is_no_level(make: Any) -> None:
    body = {"inventory_item_id": 3, "location_id": 4, "available": None}
    translation = translate(make.record(body, "inventory_levels/update"))
    assert translation.ignored
    assert translation.events == []


def test_customers(make: Any) -> None:
    body = {
        "id": 7,
        "email": "a@example.com",
        "first_name": "A",
        "last_name": None,
        "updated_at": "2026-11-20T06:30:00Z",
    }
    (event,) = translate(make.record(body, "customers/update")).events
    assert isinstance(event, CustomerSnapshot)
    assert (event.external_id, event.email, event.last_name) == ("7", "a@example.com", None)


def test_a_deleted_customer(make: Any) -> None:
    record = make.record({"id": BIG, "phone": None, "addresses": []}, "customers/delete")
    (event,) = translate(record).events
    assert isinstance(event, CustomerDeleted)
    assert (event.external_id, event.observed_at) == (str(BIG), record.received_at)


def test_of_two_merged_customers_one_is_gone_and_the_other_read(make: Any) -> None:
    body = {
        "admin_graphql_api_customer_kept_id": f"gid://shopify/Customer/{BIG}",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/7",
        "status": "completed",
    }
    translation = translate(make.record(body, "customers/merge"))
    assert [type(each) for each in translation.events] == [CustomerDeleted]
    assert translation.events[0].external_id == "7"
    assert translation.fetches == [FetchRequest("customer", str(BIG))]


@pytest.mark.parametrize("topic", sorted(LOCATION_TOPICS))
def test_a_location_that_opens_or_closes_makes_us_read_all_stock(make: Any, topic: str) -> None:
    translation = translate(make.record({"id": 4, "name": "Harbour", "active": False}, topic))
    assert (translation.events, translation.fetches, translation.reread) == ([], [], "inventory")


@pytest.mark.parametrize(
    ("level", "location", "quantity"), [(True, True, 7), (False, True, 0), (True, False, 0), (None, None, 7)]
)
def test_nothing_is_sold_where_an_item_is_stocked_no_more(make: Any, level: Any, location: Any, quantity: int) -> None:
    """An answer of a document of before did not tell; it counts as it did."""
    node = {
        "isActive": level,
        "updatedAt": "2026-11-20T06:30:00Z",
        "location": {"id": "gid://shopify/Location/4", "isActive": location},
        "quantities": [{"name": "available", "quantity": 7}],
    }
    item = {"id": "gid://shopify/InventoryItem/3", "tracked": True, "inventoryLevels": {"nodes": [node]}}
    (event,) = translate(make.record({"data": {"inventoryItem": item}}, resource="stock", external_id="3")).events
    assert isinstance(event, StockLevel)
    assert (event.external_id, event.quantity, event.stocked) == ("3@4", quantity, quantity == 7)


def test_an_item_that_is_stocked_there_no_more(make: Any) -> None:
    record = make.record({"inventory_item_id": BIG, "location_id": 4}, "inventory_levels/disconnect")
    (event,) = translate(record).events
    assert isinstance(event, StockLevel)
    assert (event.external_id, event.quantity, event.stocked) == (f"{BIG}@4", 0, False)
    assert event.version.updated_at == record.received_at


@pytest.mark.parametrize("topic", sorted(ITEM_TOPICS))
def test_an_inventory_item_is_looked_up_at_all_locations(make: Any, topic: str) -> None:
    translation = translate(make.record({"id": BIG, "sku": "A", "tracked": True}, topic))
    assert (translation.events, translation.fetches) == ([], [FetchRequest("stock", str(BIG))])


@pytest.mark.parametrize("topic", sorted(CHECK_TOPICS))
def test_what_may_change_our_permissions_makes_us_look(make: Any, topic: str) -> None:
    translation = translate(make.record({"id": 1}, topic))
    assert translation.check
    assert translation.ignored
    assert not translation.events


@pytest.mark.parametrize("topic", [*sorted(OTHERS), "", "carts/update", "orders/a_topic_of_tomorrow"])
def test_other_topics_are_ignored_with_a_reason(make: Any, topic: str) -> None:
    translation = translate(make.record({"id": 1}, topic))
    assert translation.ignored
    assert not translation.events
    assert not translation.fetches
    assert not translation.check


@pytest.mark.parametrize("family", FAMILIES)
def test_every_topic_of_the_schema_is_understood(make: Any, family: str) -> None:
    """Of the families that we follow none is unknown, but those that say nothing of the shop's trade."""
    topics = load_admin_schema().type_map["WebhookSubscriptionTopic"]
    assert isinstance(topics, GraphQLEnumType)
    named = [name for name in topics.values if name == family or name.startswith(family + "_")]
    known = ORDER_TOPICS | PRODUCT_TOPICS | LEVEL_TOPICS | CUSTOMER_TOPICS | PART_TOPICS | ITEM_TOPICS | CHECK_TOPICS
    known |= LOCATION_TOPICS | set(OTHERS) | {"orders/delete", "products/delete", "inventory_levels/disconnect"}
    known |= {"customers/delete", "customers/merge"}
    spelled = {enum_of(topic) for topic in known}
    unknown = {name for name in named if name not in spelled}
    assert named
    assert unknown <= SAYING_NOTHING


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'"text"', b"[" * 100_000, b"9" * 5000])
def test_what_is_not_an_object_is_poison(make: Any, body: bytes) -> None:
    with pytest.raises(Untranslatable):
        translate(make.record(body, "orders/create"))


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("orders/delete", {}),
        ("products/update", {"title": "x"}),
        ("refunds/create", {"order_id": True}),
        ("refunds/create", {"id": 1}),
        ("returns/update", {"order_id": None}),
        ("inventory_levels/update", {"inventory_item_id": 1}),
        ("inventory_levels/update", {"inventory_item_id": 1, "location_id": 2, "available": "some"}),
        ("customers/update", {"email": "a@example.com"}),
        ("customers/delete", {}),
        ("customers/merge", {"admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1"}),
    ],
)
def test_what_names_nothing_is_poison(make: Any, topic: str, body: dict[str, Any]) -> None:
    with pytest.raises(Untranslatable):
        translate(make.record(body, topic))


def test_what_is_gone(make: Any) -> None:
    gone = {
        resource: translate(make.record({"data": {resource: None}}, resource=resource, external_id="5", gone=True))
        for resource in ("order", "product", "customer", "stock")
    }
    assert isinstance(gone["order"].events[0], OrderDeleted)
    assert isinstance(gone["product"].events[0], ProductDeleted)
    assert isinstance(gone["customer"].events[0], CustomerDeleted)
    assert gone["stock"].ignored


@pytest.mark.parametrize("body", [{}, {"data": None}, [], [{"data": {}}, {"errors": []}], {"data": {"order": None}}, 5])
def test_a_fetched_body_that_is_no_answer_is_poison(make: Any, body: Any) -> None:
    with pytest.raises(Untranslatable):
        translate(make.record(body, resource="order", external_id="5"))
