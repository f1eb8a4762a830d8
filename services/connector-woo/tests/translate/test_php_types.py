"""Fields as PHP makes them. What says the same in another type is read the same; what cannot be read is named, and the
order arrives all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from longshore.contracts import OrderSnapshot
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.forms import examples

# What connectors read of an order, each with something that it cannot be.
UNREADABLE = {
    "number": [["1"], {"a": 1}],
    "status": [["processing"], {"a": 1}],
    "customer_id": ["x", 1.5, [3], -4],
    "customer_note": [["a"], {"a": "b"}],
    "date_created_gmt": ["0000-00-00T00:00:00", "soon", 17, ["x"]],
    "date_modified_gmt": ["0000-00-00T00:00:00", "soon", 17, ["x"]],
    "date_paid_gmt": ["soon", 17, ["x"]],
    "total_tax": ["NaN", "x", [1], True, "1e400"],
    "shipping_total": ["NaN", "x", [1], {"a": 1}],
    "discount_total": ["NaN", "x", [1], "--"],
    "billing": ["x", 5, ["a"]],
    "shipping": ["x", 5, ["a"]],
    "refunds": ["x", 5, [5]],
    "line_items": ["x", 5, [5]],
    "shipping_lines": ["x", 5, ["x"]],
    "fee_lines": ["x", 5, [None]],
    "coupon_lines": ["x", 5, [1.5]],
    "tax_lines": [["x"]],
}


def translated(record: Any, body: dict[str, Any]) -> OrderSnapshot:
    """The snapshot of an order's delivery."""
    events = WooTranslator().translate(record(body)).events
    (snapshot,) = [each for each in events if isinstance(each, OrderSnapshot)]
    snapshot.to_json()
    return snapshot


def said(snapshot: OrderSnapshot) -> dict[str, Any]:
    """What it says of the order."""
    return snapshot.model_dump(exclude={"version", "raw", "digest", "problems"})


def other_types(value: Any) -> list[Any]:
    """The same in other types that PHP, its plugins and its JSON make of it."""
    match value:
        case None:
            return ["", False]
        case "" | []:
            return [None, False] if value == "" else [None, {}, ""]
        case dict() if not value:
            return [[], None]
        case list():
            # A list with gaps.
            return [{str(n): each for n, each in enumerate(value)}]
        case bool():
            return []
        case int():
            return [str(value)]
        case str() if value.isdecimal() and str(int(value)) == value and len(value) < 10:
            return [int(value)]
    return []


# Texts of PHP's own making; elsewhere a number is a text, and an empty one is nothing.
_READ = frozenset(
    "number customer_id customer_note status billing shipping line_items shipping_lines fee_lines coupon_lines refunds "
    "total_tax shipping_total discount_total id quantity subtotal total product_id variation_id sku parent_name "
    "first_name last_name company address_1 address_2 city state postcode country email phone "
    "transaction_id reason date_paid_gmt".split()
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], list[Any]]]:
    """Where a value may be of another type, and of which."""
    if path and path[-1] in _READ and (others := other_types(value)):
        yield path, others
    if path and path[-1] in ("meta_data", "taxes", "_links"):
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in entries:
        yield from places(each, (*path, key))


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Put `new` where `path` leads."""
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


@pytest.fixture(scope="module")
def orders(recordings: Any) -> list[dict[str, Any]]:
    """Every recorded order that is delivered whole."""
    names = [each for each in recordings.delivery_names() if "order" in each]
    bodies = [recordings.order(name) for name in names]
    return [each for each in bodies if "line_items" in each]


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_same_in_another_type_is_read_the_same(data: st.DataObject, orders: Any, record: Any) -> None:
    order = data.draw(st.sampled_from(orders))
    before = translated(record, order)
    changed = json.loads(json.dumps(order))
    # From the inside out: what is in a list that becomes an object must have been changed before.
    chosen = data.draw(
        st.lists(st.sampled_from(list(places(order))), min_size=1, max_size=6, unique_by=lambda one: one[0])
    )
    for path, others in sorted(chosen, key=lambda one: -len(one[0])):
        put(changed, path, data.draw(st.sampled_from(others)))
    after = translated(record, changed)
    assert after.problems == before.problems
    assert said(after) == said(before)


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_cannot_be_read_is_named_and_the_order_arrives(data: st.DataObject, orders: Any, record: Any) -> None:
    order = data.draw(st.sampled_from(orders))
    before = translated(record, order)
    names = data.draw(st.lists(st.sampled_from(sorted(UNREADABLE)), min_size=1, max_size=5, unique=True))
    odd = {name: data.draw(st.sampled_from(UNREADABLE[name])) for name in names}
    after = translated(record, order | odd)
    named = {problem.partition(".")[0].partition("[")[0] for problem in after.problems}
    assert set(names) <= named
    assert (after.external_id, after.currency) == (before.external_id, before.currency)
    assert after.totals.total.decimal() == before.totals.total.decimal()


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_line_that_cannot_be_read_costs_no_other(data: st.DataObject, orders: Any, record: Any) -> None:
    order = json.loads(json.dumps(data.draw(st.sampled_from([each for each in orders if each["line_items"]]))))
    n = data.draw(st.integers(0, len(order["line_items"]) - 1))
    field = data.draw(st.sampled_from(["quantity", "subtotal", "total", "total_tax", "product_id", "variation_id"]))
    order["line_items"][n][field] = data.draw(st.sampled_from(["x", ["1"], {"a": 1}, "NaN", 1e300]))
    snapshot = translated(record, order)
    assert f"line_items[{n}].{field}" in snapshot.problems
    assert len(snapshot.lines) >= len(order["line_items"])
