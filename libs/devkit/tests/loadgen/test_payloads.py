"""Bodies in bulk: valid, exact, repeatable, of the size asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from longshore_devkit.stores.woo.payloads import FIRST_ID, SENT_AT_KEY, OrderBodies, make_order_webhook

AT = 1_795_210_216.042265


def test_one_body_is_a_whole_order() -> None:
    order = json.loads(make_order_webhook(7, at=AT))
    meta = {entry["key"]: entry["value"] for entry in order["meta_data"]}
    assert (order["id"], order["number"], order["status"]) == (FIRST_ID + 7, str(FIRST_ID + 7), "processing")
    assert meta[SENT_AT_KEY] == "1795210216.042265"
    gmt = datetime.fromisoformat(order["date_modified_gmt"]).replace(tzinfo=UTC)
    assert gmt.timestamp() == int(AT)
    assert order["date_modified"] == "2026-11-20T16:30:16"
    assert str(FIRST_ID + 7) in order["payment_url"]
    assert order["_links"]["self"][0]["href"].endswith(f"/orders/{FIRST_ID + 7}")


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, second = OrderBodies(), OrderBodies()
    assert [first(n, AT) for n in range(100)] == [second(n, AT) for n in range(100)]


@pytest.mark.parametrize("size", [5000, 15_000])
def test_size(size: int) -> None:
    bodies = OrderBodies(size)
    lengths = [len(bodies(n, AT)) for n in range(64)]
    assert sum(abs(length - size) <= 0.02 * size for length in lengths) >= 50


def test_orders_add_up_and_hold_the_skus_asked_for() -> None:
    skus = ["A-1", "A-2", "A-3"]
    bodies = OrderBodies(skus=skus)
    seen: set[str] = set()
    items: set[int] = set()
    for n in range(200):
        order = json.loads(bodies(n, AT))
        groups = [order[name] for name in ("line_items", "fee_lines", "shipping_lines")]
        parts = sum((Decimal(item["total"]) for group in groups for item in group), Decimal(0))
        assert Decimal(order["total"]) == parts + Decimal(order["total_tax"])
        seen |= {line["sku"] for line in order["line_items"] if line["sku"]}
        items |= {line["id"] for line in order["line_items"]}
    assert seen == set(skus)
    assert len(items) >= 200
