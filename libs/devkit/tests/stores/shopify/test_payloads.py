"""Order webhooks for load."""

from __future__ import annotations

from datetime import datetime

import orjson
import pytest

from longshore_devkit.stores.shopify.payloads import (
    FIRST_LINE_ID,
    OrderWebhooks,
    make_order_webhook,
    order_id_of,
)


def test_the_same_number_gives_the_same_bytes() -> None:
    assert make_order_webhook(17) == OrderWebhooks("load.myshopify.com").make(17)


def test_ids_names_and_lines_are_unique() -> None:
    orders = [orjson.loads(make_order_webhook(n, size_bytes=15_000)) for n in range(200)]
    assert len({order["id"] for order in orders}) == 200
    assert len({order["name"] for order in orders}) == 200
    lines = [line["id"] for order in orders for line in order["line_items"]]
    assert len(set(lines)) == len(lines) > 200
    assert min(lines) >= FIRST_LINE_ID
    assert orders[5]["id"] == order_id_of(5) > 2**53
    assert orders[5]["admin_graphql_api_id"] == f"gid://shopify/Order/{order_id_of(5)}"


def test_a_revision_is_the_same_order_later() -> None:
    first, second = (orjson.loads(make_order_webhook(3, revision=r)) for r in (0, 1))
    assert first["id"] == second["id"]
    assert first["created_at"] == second["created_at"] < second["updated_at"]


def test_a_body_can_be_placed_in_time() -> None:
    order = orjson.loads(OrderWebhooks("load.myshopify.com").at(1, 1_795_000_000.25))
    assert order["created_at"] == order["updated_at"]
    assert datetime.fromisoformat(order["created_at"]).timestamp() == 1_795_000_000


@pytest.mark.parametrize("size", [5000, 8000, 15_000])
def test_bodies_are_about_as_large_as_asked(size: int) -> None:
    lengths = [len(make_order_webhook(n, size_bytes=size)) for n in range(64)]
    assert min(lengths) > 0.9 * size
    assert max(lengths) < 1.15 * size


def test_only_the_given_skus_are_sold() -> None:
    skus = ["A-1", "A-2", "B-3"]
    sold = {line["sku"] for n in range(64) for line in orjson.loads(make_order_webhook(n, skus=skus))["line_items"]}
    assert sold == set(skus)
