"""Whether an order adds up: any single wrong amount is found, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from longshore.contracts import OrderContent, Totals, discrepancies
from longshore.money import Money
from longshore_devkit.forms import examples

from .builders import consistent_orders

order_settings = settings(
    max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

SUMMED = ("subtotal", "discount", "shipping", "fees", "tip", "tax", "total")


def with_total(order: OrderContent, name: str, change: int) -> OrderContent:
    was: Money = getattr(order.totals, name)
    totals = order.totals.model_copy(update={name: replace(was, amount=was.amount + change)})
    return order.model_copy(update={"totals": totals})


def with_part(order: OrderContent, parts: str, index: int, name: str, change: int) -> OrderContent:
    each: list[Any] = list(getattr(order, parts))
    was: Money = getattr(each[index], name)
    each[index] = each[index].model_copy(update={name: replace(was, amount=was.amount + change)})
    return order.model_copy(update={parts: each})


@order_settings
@given(consistent_orders())
def test_an_order_that_adds_up_has_none(order: OrderContent) -> None:
    assert discrepancies(order) == []


@order_settings
@given(consistent_orders(), st.sampled_from(SUMMED), st.integers(-1000, 1000).filter(bool))
def test_any_one_wrong_total_is_found(order: OrderContent, name: str, change: int) -> None:
    assert any(each.startswith((f"{name}:", "total:")) for each in discrepancies(with_total(order, name, change)))


PARTS = {
    "lines": ("total", "discount", "tax"),
    "shipping_lines": ("total", "discount", "tax"),
    "fee_lines": ("total", "tax"),
}


@order_settings
@given(consistent_orders(), st.data(), st.integers(-1000, 1000).filter(bool))
def test_any_one_wrong_amount_of_a_part_is_found(order: OrderContent, data: st.DataObject, change: int) -> None:
    there = [parts for parts in PARTS if getattr(order, parts)]
    assume(there)
    parts = data.draw(st.sampled_from(there))
    index = data.draw(st.integers(0, len(getattr(order, parts)) - 1))
    name = data.draw(st.sampled_from(PARTS[parts]))
    assert discrepancies(with_part(order, parts, index, name, change))


@order_settings
@given(consistent_orders(), st.booleans())
def test_taxes_count_towards_the_total_unless_included(order: OrderContent, included: bool) -> None:
    assume(order.totals.tax.amount and included != order.taxes_included)
    found = discrepancies(order.model_copy(update={"taxes_included": included}))
    assert [each.split(":")[0] for each in found] == ["total"]


@order_settings
@given(consistent_orders(), st.sampled_from(sorted(set(Totals.model_fields) - {"fees"})))
def test_negative_amounts_are_found(order: OrderContent, name: str) -> None:
    was: Money = getattr(order.totals, name)
    found = discrepancies(with_total(order, name, -was.amount - 1))
    assert f"{name}: negative (-1)" in found


@order_settings
@given(consistent_orders())
def test_fees_may_be_negative(order: OrderContent) -> None:
    assert not any("fees: negative" in each for each in discrepancies(with_total(order, "fees", -(10**12))))


@pytest.mark.parametrize("refunded", [0, 5])
@order_settings
@given(order=consistent_orders())
def test_refunds_do_not_change_the_sum(order: OrderContent, refunded: int) -> None:
    assert discrepancies(with_total(order, "refunded", refunded)) == []


@order_settings
@given(consistent_orders())
def test_both_figures_are_named_in_minor_units(order: OrderContent) -> None:
    found = discrepancies(with_total(order, "total", 7))
    total = order.totals.total.amount
    assert found == [f"total: the store says {total + 7}, its parts sum to {total}"]
