"""Reading fields: the quick ways answer what the thorough ones do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from longshore_connector_woo.translate.reading import Fields

VALUES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "\t", "\0", "a\0b", "Tom &amp; Jerry", "Zo\u00eb", "\ud83d", "12.50", " 7 ", "1e3", "nan"]
    ),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.decimals(allow_nan=False, places=3),
    st.just([]),
    st.just({"a": 1}),
)


@given(st.dictionaries(st.sampled_from("abcdef"), VALUES))
def test_many_names_at_once_are_each_name_by_itself(data: dict[str, Any]) -> None:
    many, each = Fields(data, []), Fields(data, [])
    assert many.names("abcdef") == [each.name(key) for key in "abcdef"]
    assert many.problems == each.problems


@given(VALUES)
def test_an_amount_is_the_same_however_often_it_is_read(value: Any) -> None:
    # Padded beyond what is remembered, it is read anew each time.
    padded = value + " " * 64 if isinstance(value, str) else value
    seen = []
    for each in (value, value, padded):
        fields = Fields({"x": each}, [])
        seen.append((fields.amount("x"), fields.has_amount("x"), fields.problems))
    assert seen[0] == seen[1] == seen[2]
    assert isinstance(seen[0][0], Decimal)


def test_a_field_is_named_by_where_it_stands() -> None:
    problems: list[str] = []
    order = Fields({"line_items": [{"taxes": [{"total": "x"}]}], "billing": {"phone": {"a": 1}}}, problems)
    order.objects("line_items")[0].objects("taxes")[0].amount("total")
    order.object("billing").text("phone")
    order.object("shipping").unreadable("city")
    order.unreadable("id")
    assert problems == ["line_items[0].taxes[0].total", "billing.phone", "shipping.city", "id"]
