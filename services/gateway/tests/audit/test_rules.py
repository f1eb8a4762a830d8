"""What the audit log tells of a request."""

from __future__ import annotations

import json

from longshore_gateway.audit.rules import LONGEST_BODY, difference, subject_of, told_of


def test_bodies_without_secrets_and_buyers() -> None:
    body = {"reason": "count", "delta": -2, "api_secret": "planted", "customer": {"x": 1}, "note": "call 0123"}
    told = told_of(json.dumps(body).encode())
    assert told is not None
    assert (told["reason"], told["delta"]) == ("count", -2)
    assert "planted" not in str(told)
    assert "0123" not in str(told)


def test_what_is_said_of_an_order_is_not_told() -> None:
    body = json.dumps({"text": "Anna Planted called", "to_customer": True}).encode()
    assert told_of(body, "/api/v1/orders/7/notes") == {"text": "[redacted]", "to_customer": True}
    assert told_of(b'{"reason": "count"}', "/api/v1/inventory/adjustments") == {"reason": "count"}


def test_bodies_that_are_not_told_of() -> None:
    assert [told_of(body) for body in (None, b"", b"[1]", b"{", b'{"a": "' + b"x" * LONGEST_BODY + b'"}')] == [None] * 5


def test_what_a_database_cannot_hold() -> None:
    body = b'{"\\u0000\\ud800": "a\\u0000\\udc00b", "x": [NaN, -Infinity, 1e999, 1.5], "y": {"\\u0000": null}}'
    told = told_of(body)
    assert told == {"\ufffd?": "a\ufffd?b", "x": ["nan", "-inf", "inf", 1.5], "y": {"\ufffd": None}}
    json.dumps(told, allow_nan=False).encode()
    assert told_of(b'{"a":' + b"[" * 8_000 + b"]" * 8_000 + b"}") is None


def test_subjects() -> None:
    assert subject_of({"order_id": 7, "line": "a"}, b'{"id": "x"}') == "7/a"
    assert subject_of({}, b'{"id": "x"}') == "x"
    assert [subject_of({}, answer) for answer in (None, b"", b"<", b"[]", b'{"id": 7}', b"{}")] == [""] * 6


def test_only_what_has_changed() -> None:
    assert difference({"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}) == ({"b": 2}, {"b": 3, "c": 4})
