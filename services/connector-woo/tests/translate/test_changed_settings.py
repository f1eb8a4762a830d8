"""Orders of a real shop that has changed its settings since: they show other figures than they were made with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from longshore.contracts import OrderSnapshot
from longshore_connector_woo.translate import WooTranslator

ROUNDING = Path(__file__).parents[1] / "fixtures" / "rounding"


def orders(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROUNDING / f"{name}.json").read_text())
    return found


def translated(record: Any, order: dict[str, Any]) -> OrderSnapshot:
    (event,) = WooTranslator().translate(record(order)).events
    assert isinstance(event, OrderSnapshot)
    return event


def rounding(snapshot: OrderSnapshot) -> list[tuple[int, int]]:
    return [(each.total.amount, each.tax.amount) for each in snapshot.fee_lines if each.title == "Rounding"]


@pytest.mark.parametrize("order", orders("prices-include-tax-since"), ids=lambda each: str(each["id"]))
def test_prices_include_tax_since(record: Any, order: dict[str, Any]) -> None:
    """Taxes of lines are rounded half down then; those by rate still sum to the order's."""
    snapshot = translated(record, order)
    assert snapshot.reconciled, snapshot.discrepancies
    assert rounding(snapshot) == []
    parts = (*snapshot.lines, *snapshot.shipping_lines, *snapshot.fee_lines)
    assert sum(each.tax.amount for each in parts) == snapshot.totals.tax.amount


@pytest.mark.parametrize("order", orders("no-decimals-since"), ids=lambda each: str(each["id"]))
def test_no_decimals_since(record: Any, order: dict[str, Any]) -> None:
    """Every figure is rounded by itself; what is left over is a line of its own, and the total the store's."""
    snapshot = translated(record, order)
    assert snapshot.reconciled, snapshot.discrepancies
    total = snapshot.totals.total
    assert total.amount == int(order["total"]) * 10**total.exponent


@pytest.mark.parametrize("name", ["prices-include-tax-since", "no-decimals-since"])
def test_more_than_rounding_shows(record: Any, name: str) -> None:
    for order in orders(name):
        order["total"] = str(float(order["total"]) + 9)
        assert not translated(record, order).reconciled
