"""Every number exact, and as forgiving as the standard library."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.platforms.exact_json import parse_exact

LEAVES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@pytest.mark.parametrize(
    ("body", "parsed"),
    [
        (b'{"price":33.333333333333336,"id":123456789012345678901234567890}',
         {"price": Decimal("33.333333333333336"), "id": 123456789012345678901234567890}),
        (b'{"a":1.10}', {"a": Decimal("1.10")}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":NaN,"b":-Infinity}', {"a": None, "b": None}),
        (b'{"a":"\\ud800"}', {"a": "\ud800"}),
        (b'{"a":"\\u0000"}', {"a": "\0"}),
        (b"[" * 500 + b"]" * 500, None),
    ],
)  # fmt: skip
def test_what_stores_send(body: bytes, parsed: object) -> None:
    found = parse_exact(body)
    assert parsed is None or found == parsed
    if parsed == {"a": Decimal("1.10")}:
        assert str(found["a"]) == "1.10"


@pytest.mark.parametrize("body", [b"", b"{", b"{}x", b'{"a":01}', b'{"a":"\xff"}', b'{"a":"\t"}', b"<html>"])
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
        parse_exact(body)


def test_what_is_beyond_reason() -> None:
    with pytest.raises((ValueError, RecursionError)):
        parse_exact(b"[" * 100_000 + b"]" * 100_000)


@given(ANYTHING)
def test_it_reads_what_the_standard_library_reads(value: object) -> None:
    body = json.dumps(value).encode()
    expected = json.loads(body, parse_float=Decimal)
    found = parse_exact(body)
    assert found == expected
    assert repr(found) == repr(expected)
