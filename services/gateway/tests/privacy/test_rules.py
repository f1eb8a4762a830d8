"""What compliance deliveries ask for: bodies as Shopify documents them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from longshore.problems import Problem
from longshore_gateway.privacy.rules import Kind, Subject, read_subject

CUSTOMER = {"id": 9007199254740993, "email": "planted@example.com", "phone": "555-625-1199"}
DATA_REQUEST = {
    "shop_id": 954889,
    "shop_domain": "a.myshopify.com",
    "orders_requested": [9007199254740995, 280263220],
    "customer": CUSTOMER,
    "data_request": {"id": 9999},
}
REDACT = {"shop_id": 954889, "shop_domain": "a.myshopify.com", "customer": CUSTOMER, "orders_to_redact": [299938]}


def test_ids_are_exact_and_nothing_else_is_kept() -> None:
    asked = read_subject(Kind.EXPORT, json.dumps(DATA_REQUEST).encode())
    assert asked == Subject("9007199254740993", ("9007199254740995", "280263220"))
    assert read_subject(Kind.ERASE_BUYER, json.dumps(REDACT).encode()) == Subject("9007199254740993", ("299938",))
    assert read_subject(Kind.ERASE_STORE, b'{"shop_id":1,"shop_domain":"a.myshopify.com"}') == Subject()
    assert "planted" not in repr(asked)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"customer": None}, Subject(None, ("299938",))),
        ({"customer": {}}, Subject(None, ("299938",))),
        ({"orders_to_redact": None}, Subject("9007199254740993")),
        ({"orders_to_redact": [True, None, {}]}, Subject("9007199254740993")),
    ],
)
def test_parts_that_are_missing(change: dict[str, Any], left: Subject) -> None:
    assert read_subject(Kind.ERASE_BUYER, json.dumps(REDACT | change).encode()) == left


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"customer":{"id":null},"orders_to_redact":[]}', b"\xff", b"[" * 99_999]
)
def test_what_names_nobody_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as refused:
        read_subject(Kind.ERASE_BUYER, body)
    assert refused.value.status == 400
