"""Every recorded delivery and REST answer through the translator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longshore.contracts import OrderSnapshot, ProductSnapshot, StockLevel
from longshore_connector_woo.translate import WooTranslator

FIXTURES = Path(__file__).parents[1] / "fixtures"
GOLDENS = Path(__file__).parents[1] / "goldens"
DELIVERIES = sorted(path.stem for path in (FIXTURES / "webhooks").glob("*.json"))
REST = sorted(path.stem for path in (FIXTURES / "rest").glob("*.json"))

# What a delivery becomes, by topic, where it is not its snapshot alone.
IGNORED_TOPICS = ("coupon.", "customer.deleted")

# Payloads whose parts do not give their total. There is none: the one recording with finer lines than its total
# (11-order-dp4, read with ?dp=4 from a shop of two decimals) closes with a line for the shop's rounding.
NOT_RECONCILED: dict[str, str] = {}
ROUNDED = {"11-order-dp4"}


def rest_orders(name: str) -> list[dict[str, Any]]:
    """The whole orders in a REST answer."""
    parsed = json.loads(json.loads((FIXTURES / "rest" / f"{name}.json").read_text())["body_text"])
    entries = parsed if isinstance(parsed, list) else parsed.get("update", [parsed])
    return [each for each in entries if isinstance(each, dict) and "line_items" in each and "currency" in each]


def check_order(name: str, snapshot: OrderSnapshot) -> None:
    """Reconciled, unless it is named above; nothing unreadable."""
    assert snapshot.problems == []
    assert snapshot.digest
    assert snapshot.reconciled is (name not in NOT_RECONCILED), snapshot.discrepancies
    assert any(fee.title == "Rounding" for fee in snapshot.fee_lines) is (name in ROUNDED)


@pytest.mark.parametrize("name", DELIVERIES)
def test_delivery(name: str, recordings: Any, record: Any) -> None:
    topic, body = recordings.delivery(name)
    translation = WooTranslator().translate(record(body, topic))
    if not topic or topic.startswith(IGNORED_TOPICS):
        assert translation.events == []
        assert translation.fetches == []
        assert translation.ignored
        return
    assert translation.ignored is None
    assert translation.events
    for event in translation.events:
        if isinstance(event, OrderSnapshot):
            check_order(name, event)
        elif isinstance(event, ProductSnapshot | StockLevel):
            assert event.problems == []


@pytest.mark.parametrize("name", [name for name in REST if "err-" not in name])
def test_rest_orders(name: str, record: Any) -> None:
    try:
        orders = rest_orders(name)
    except AttributeError:
        orders = []
    for order in orders:
        fetched = record({"order": order, "refunds": []}, resource="order", external_id=str(order["id"]))
        (event,) = WooTranslator().translate(fetched).events
        assert isinstance(event, OrderSnapshot)
        check_order(name, event)


def test_enough_orders_are_recorded() -> None:
    found = sum(len(rest_orders(name)) for name in REST if name[:2] in ("01", "02", "08", "10", "11", "12", "13", "51"))
    assert found >= 15


@pytest.mark.parametrize("name", ["029-order.created", "045-order.updated", "031-order.created", "012-product.created"])
def test_golden(name: str, recordings: Any, record: Any) -> None:
    """The whole normalized JSON of some deliveries, as reviewed."""
    topic, body = recordings.delivery(name)
    events = WooTranslator().translate(record(body, topic)).events
    found = [json.loads(event.to_json()) for event in events]
    assert found == json.loads((GOLDENS / f"{name}.json").read_text())
