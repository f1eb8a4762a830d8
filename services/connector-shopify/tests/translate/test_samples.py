"""Sample payloads of the vendor and of others: each reconciles, or contradicts itself in a way that is named."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from longshore.contracts import OrderSnapshot
from longshore.platforms.protocols import Untranslatable
from longshore_connector_shopify.translate import ShopifyTranslator

ORDERS = 15


def _lines_sum(order: dict[str, Any]) -> Decimal:
    return sum((Decimal(line["price"]) * line["quantity"] for line in order["line_items"]), Decimal(0))


def _lines_do_not_sum(order: dict[str, Any]) -> bool:
    """The order says what its lines sum to, and they do not."""
    return _lines_sum(order) != Decimal(str(order["total_line_items_price"]))


def _shop_money_is_not_the_shops(order: dict[str, Any]) -> bool:
    """The order's total is told twice in shop money, in two currencies."""
    return bool(order["total_price_set"]["shop_money"]["currency_code"] != order["currency"])


CONTRADICTIONS: dict[str, list[Callable[[dict[str, Any]], bool]]] = {
    # Three lines of 199.00 and "total_line_items_price": "398.00"; a tax of 11.94 that no line has.
    "shopify_python_api_order.json": [_lines_do_not_sum],
    # One line of 199.99 and "total_line_items_price": "398.00"; USD, with shop money in CAD.
    "webhookdb_order_0.json": [_lines_do_not_sum, _shop_money_is_not_the_shops],
    "webhookdb_order_1.json": [_lines_do_not_sum, _shop_money_is_not_the_shops],
}


def _orders(folder: Path, pattern: str) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(folder.glob(pattern)):
        body = json.loads(path.read_bytes())
        order = body.get("order", body) if isinstance(body, dict) else {}
        if "line_items" in order and "total_price" in order:
            found[path.name] = order
    return found


def _translate(make: Any, order: dict[str, Any]) -> OrderSnapshot:
    (event,) = ShopifyTranslator().translate(make.record(order)).events
    assert isinstance(event, OrderSnapshot)
    return event


def test_every_order_of_the_vendor_reconciles(samples: Path, make: Any) -> None:
    orders = _orders(samples, "rest_orders/*.json")
    assert len(orders) >= ORDERS
    for name, order in orders.items():
        snapshot = _translate(make, order)
        assert snapshot.discrepancies == [], name
        assert snapshot.problems == [], name
        assert snapshot.totals.total.decimal() == Decimal(order["total_price"]), name


def test_orders_of_others_reconcile_or_contradict_themselves(samples: Path, make: Any) -> None:
    orders = _orders(samples, "thirdparty/*.json")
    assert orders.keys() >= CONTRADICTIONS.keys()
    for name, order in orders.items():
        snapshot = _translate(make, order)
        assert snapshot.reconciled == (name not in CONTRADICTIONS), name
        for proof in CONTRADICTIONS.get(name, ()):
            assert proof(order), name


def test_what_was_refunded_is_what_was_paid_back(samples: Path, make: Any) -> None:
    orders = _orders(samples, "rest_orders/*.json")
    told = {
        name: sum(
            Decimal(each["amount"])
            for refund in order["refunds"]
            for each in refund["transactions"]
            if each["kind"] == "refund" and each["status"] == "success"
        )
        for name, order in orders.items()
    }
    assert any(told.values())
    for name, order in orders.items():
        snapshot = _translate(make, order)
        assert snapshot.totals.refunded.decimal() == told[name], name
        # All of these refunds had money in them: they lower no quantity.
        assert [line.quantity for line in snapshot.lines] == [line["quantity"] for line in order["line_items"]]


def test_yen_have_no_decimals(samples: Path, make: Any) -> None:
    order = _orders(samples, "thirdparty/survaq*.json").popitem()[1]
    snapshot = _translate(make, order)
    assert (snapshot.currency, snapshot.exponent, snapshot.totals.total.amount) == ("JPY", 0, 19800)
    assert snapshot.taxes_included


def test_bodies_with_made_up_values_fail_in_one_way_only(samples: Path, make: Any) -> None:
    """`structure_only` has the shapes, with "example string" for every amount."""
    seen = 0
    for path in sorted(samples.glob("structure_only/*.json")):
        for topic in ("orders/create", "refunds/create", "orders/edited", "inventory_levels/update"):
            with contextlib.suppress(Untranslatable):
                ShopifyTranslator().translate(make.record(path.read_bytes(), topic))
            seen += 1
    assert seen


@pytest.mark.parametrize("folder", ["rest_other", "structure_only"])
def test_refunds_name_their_order(samples: Path, make: Any, folder: str) -> None:
    found = 0
    for path in sorted((samples / folder).glob("*refund*.json")):
        body = json.loads(path.read_bytes())
        refunds = body if isinstance(body, list) else body.get("refunds", [body.get("refund", body)])
        for refund in refunds:
            if "order_id" not in refund:
                # What a refund would be: an answer of another route, never a webhook.
                continue
            translation = ShopifyTranslator().translate(make.record(refund, "refunds/create"))
            assert translation.fetches[0].external_id == str(refund["order_id"])
            found += 1
    assert found
