"""Whatever a store sends, the translator answers with a snapshot or refuses by its own error."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from longshore.platforms.protocols import Untranslatable
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.forms import examples

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.text(),
    st.sampled_from(
        ["", " ", "0", "-1.005", "1e400", "NaN", "Infinity", "1_0", "0.1234567890123", "٣", "\ud800", "\0"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["id", "0", "total"]), st.one_of(st.none(), st.integers(), st.text()), max_size=2),
)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be replaced."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [prefix] if prefix else []
    for key, each in entries:
        found += paths(each, (*prefix, key))
    return found


def replace(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Replace what stands at `path`, if it still does."""
    for key in path[:-1]:
        if not isinstance(value, dict | list):
            return
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(value, dict) or (isinstance(value, list) and path[-1] in range(len(value))):
        value[path[-1]] = new


@settings(max_examples=examples(250), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_orders(data: st.DataObject, recordings: Any, record: Any) -> None:
    order = json.loads(recordings.rest("13-order-refunded-partial"))
    refunds = json.loads(recordings.rest("14-order-refunds-partial"))
    body = {"order": order, "refunds": refunds}
    for path in data.draw(st.lists(st.sampled_from(paths(body)), min_size=1, max_size=4)):
        replace(body, path, data.draw(ODD))
    try:
        translation = WooTranslator().translate(record(body, resource="order", external_id="34"))
    except Untranslatable:
        return
    for event in translation.events:
        event.to_json()


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_products(data: st.DataObject, recordings: Any, record: Any) -> None:
    body = json.loads(recordings.rest("22-product-variation"))
    for path in data.draw(st.lists(st.sampled_from(paths(body)), min_size=1, max_size=4)):
        replace(body, path, data.draw(ODD))
    try:
        translation = WooTranslator().translate(record(body, "product.updated"))
    except Untranslatable:
        return
    for event in translation.events:
        event.to_json()


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_customers(data: st.DataObject, recordings: Any, record: Any) -> None:
    """With the id that it was asked for by, a customer arrives whatever its other fields are."""
    body = json.loads(recordings.rest("25-customer"))
    for path in data.draw(st.lists(st.sampled_from(paths(body)), min_size=1, max_size=4)):
        replace(body, path, data.draw(ODD))
    whole = data.draw(st.booleans())
    try:
        record_of = record(body, "customer.updated") if whole else record(body, resource="customer", external_id="2")
        translation = WooTranslator().translate(record_of)
    except Untranslatable:
        assert body["id"] != 2
        return
    for event in translation.events:
        event.to_json()


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60), topic=st.sampled_from(["order.updated", "order.deleted", "customer.created", "x"]))
def test_any_bytes(body: bytes, topic: str, record: Any) -> None:
    try:
        WooTranslator().translate(record(body, topic))
    except Untranslatable:
        return
