"""The shapes of webhook bodies, held against sample payloads of the platform where these are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from longshore_devkit.stores.shopify import rest, rest_orders
from longshore_devkit.stores.shopify.shop import Shop

_SAMPLES = next(
    (parent / "shared/fixtures/shopify" for parent in Path(__file__).resolve().parents if (parent / "shared").is_dir()),
    Path("/nonexistent"),
)
_NOT_SIMULATED = {"company", "sales_line_item_group_id", "amount_rounding", "manual_payment_gateway"}
_NOT_SIMULATED |= {"payment_details", "payments_refund_attributes", "total_unsettled_set", "origin_location"}
_NOT_SIMULATED |= {"pre_tax_price", "pre_tax_price_set", "tax_code", "price_set", "latitude", "longitude"}
_NOT_SIMULATED |= {"merchant_business_entity_id"}


def _sample(name: str) -> dict[str, Any]:
    path = _SAMPLES / "structure_only" / name
    if not path.is_file():
        pytest.skip("the sample payloads are not on this machine")
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def _missing(sample: Any, made: Any, path: str = "") -> list[str]:
    """Keys that the sample has and ours has not, at any depth."""
    if isinstance(sample, dict) and isinstance(made, dict):
        out = [f"{path}.{key}" for key in sample.keys() - made.keys() - _NOT_SIMULATED]
        return out + [
            m for key in sample.keys() & made.keys() for m in _missing(sample[key], made[key], f"{path}.{key}")
        ]
    if isinstance(sample, list) and isinstance(made, list) and sample and made:
        return _missing(sample[0], made[0], path + "[]")
    return []


def _busy_order(shop: Shop) -> Any:
    """An order that has a discount, taxes, duties and a refund."""
    for _ in range(2000):
        order = shop.place_order()
        if order.discounts and order.tip == 0 and order.lines[0].duties and order.lines[0].taxes and order.transactions:
            shop.refund(order.id, full=True)
            return order
    raise AssertionError("no such order")


def test_an_order_has_every_field_of_the_sample(shop: Shop) -> None:
    made = rest_orders.order_payload(_busy_order(shop), "x.myshopify.com")
    assert _missing(_sample("2025-04_orders_1.json"), made) == []


def test_a_refund_has_every_field_of_the_sample(shop: Shop) -> None:
    order = _busy_order(shop)
    made = rest_orders.refund_payload(order, order.refunds[0])
    made["transactions"][0].pop("receipt")
    assert [m for m in _missing(_sample("2025-04_refunds_1.json"), made) if "receipt" not in m] == []


def test_a_fulfillment_has_every_field_of_the_sample(shop: Shop) -> None:
    order = shop.place_order([("LS-0001", 1)], plain=True)
    fulfillment_order = order.fulfillment_orders[0]
    done = shop.fulfil(order, [(fulfillment_order, fulfillment_order.lines[0], 1)], numbers=["1Z"])
    made = rest_orders.fulfillment_payload(order, done)
    missing = _missing(_sample("2025-04_fulfillments_1.json"), made)
    assert [m for m in missing if "origin_address" not in m and "receipt" not in m] == []


def test_a_stock_level_has_every_field_of_the_sample(shop: Shop) -> None:
    variant = shop.variants[0]
    location_id, level = next(iter(variant.levels.items()))
    made = rest.inventory_level_payload(variant, location_id, level)
    assert made.keys() == _sample("2025-04_inventory_levels_1.json").keys()


def test_ids_are_past_what_a_float_holds_and_money_is_text(shop: Shop) -> None:
    order = shop.place_order()
    text = orjson.dumps(rest_orders.order_payload(order, "x.myshopify.com")).decode()
    parsed = json.loads(text, parse_float=lambda raw: pytest.fail(raw) if "e" in raw else float(raw))
    assert parsed["id"] == order.id > 2**53
    assert isinstance(parsed["total_price"], str)


def test_times_carry_the_shops_offset(shop: Shop) -> None:
    assert rest_orders.order_payload(shop.place_order(), "x")["created_at"] == "2026-11-20T07:00:00-05:00"
