"""From bodies to items, and what is wrong with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from longshore.contracts import Platform
from longshore.platforms.protocols import RawRecord
from longshore_devkit.raw_records import raw_record
from longshore_gateway.ingest import rules
from longshore_gateway.ingest.rules import MOST_ITEMS, BadBody, Item, Kind, Taken, TooManyItems, Wrong

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
RECORD = raw_record(Platform.API, b"", "orders", resource="order", received_at=NOW)
ORDER: dict[str, Any] = {
    "external_id": "1",
    "currency": "EUR",
    "placed_at": "2026-11-20T09:30:00Z",
    "lines": [{"sku": "TEA", "quantity": 2, "unit_price": "12.50"}],
}


def split(body: bytes, *, lines: bool) -> list[Item]:
    return list(rules.split(body, lines=lines))


def check(kind: Kind, items: list[Item], record: RawRecord) -> tuple[list[Taken], list[Wrong]]:
    found = [rules.check(kind, index, item, record) for index, item in enumerate(items)]
    taken = [each for each in found if isinstance(each, Taken)]
    return taken, [wrong for each in found if isinstance(each, list) for wrong in each]


def wrong_with(kind: Kind, *items: object) -> list[tuple[int, str]]:
    _, wrong = check(kind, split(json.dumps(items).encode(), lines=False), RECORD)
    return [(each.index, each.pointer) for each in wrong]


class TestSplit:
    @pytest.mark.parametrize(
        ("body", "lines", "texts"),
        [
            (b'{"a": 1.50}', False, ['{"a": 1.50}']),
            (b'\xef\xbb\xbf {"a":1}\n', False, ['{"a":1}']),
            (b'[{"a":1}, {"b":\n2}]', False, ['{"a":1}', '{"b":\n2}']),
            (b'{"a":1}\n{"b":2}', False, ['{"a":1}', '{"b":2}']),
            (b'{"a":1}\r\n\r\n{"b":2}\r\n', True, ['{"a":1}', '{"b":2}']),
        ],
    )
    def test_items_keep_their_exact_text(self, body: bytes, lines: bool, texts: list[str]) -> None:
        assert [each.text for each in split(body, lines=lines)] == texts

    @pytest.mark.parametrize("body", [b"", b"  \n", b"[]", b"\xff{}"])
    def test_no_items_at_all(self, body: bytes) -> None:
        with pytest.raises(BadBody):
            split(body, lines=False)

    @pytest.mark.parametrize(
        ("body", "index"),
        [
            (b"{", 0),
            (b"nope", 0),
            (b'[{"a":1},', 1),
            (b'[{"a":1} {"b":2}]', 1),
            (b'[{"a":1},{"b":NaN}]', 1),
            (b'[{"a":1}] {"b":2}', 1),
            (b'{"a":1}\n{"b":', 1),
        ],
    )
    def test_what_is_broken_is_named_by_its_place(self, body: bytes, index: int) -> None:
        items = split(body, lines=False)
        assert [n for n, each in enumerate(items) if each.broken is not None] == [index]

    def test_a_broken_line_does_not_hide_the_others(self) -> None:
        items = split(b'{"a":1}\n{"b"\n{"c":3}\n', lines=True)
        assert [each.broken is None for each in items] == [True, False, True]

    def test_as_many_as_are_allowed_and_not_one_more(self) -> None:
        item = b'{"a":1}'
        assert len(split(b"[" + b",".join([item] * MOST_ITEMS) + b"]", lines=False)) == MOST_ITEMS
        for body, lines in (
            (b"[" + b",".join([item] * (MOST_ITEMS + 1)) + b"]", False),
            (b"\n".join([item] * (MOST_ITEMS + 1)), True),
        ):
            with pytest.raises(TooManyItems):
                split(body, lines=lines)

    def test_a_thousand_levels(self) -> None:
        body = b"[" * 100_000
        assert split(body, lines=False)[-1].broken is not None


class TestCheck:
    def test_a_good_one(self) -> None:
        taken, wrong = check("orders", split(json.dumps(ORDER).encode(), lines=False), RECORD)
        assert wrong == []
        assert [(each.external_id, json.loads(each.body)) for each in taken] == [("1", ORDER)]

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"external_id": ""}, "/external_id"),
            ({"currency": "euros, please"}, "/currency"),
            ({"placed_at": "2026-11-20T09:30:00"}, "/placed_at"),
            ({"placed_at": "2027-01-01T00:00:00Z"}, "/placed_at"),
            ({"updated_at": "2027-01-01T00:00:00Z"}, "/updated_at"),
            ({"status": "shipped"}, "/status"),
            ({"lines": None}, "/lines"),
            ({"lines": [{"quantity": 1}]}, "/lines/0/unit_price"),
            ({"lines": [{"quantity": 1, "unit_price": "1,50"}]}, "/lines/0/unit_price"),
            ({"lines": [{"quantity": 1, "unit_price": ""}]}, "/lines/0/unit_price"),
            ({"lines": [{"quantity": 1.5, "unit_price": "1"}]}, "/lines/0/quantity"),
            ({"lines": [{"quantity": 1, "unit_price": "1e400"}]}, "/lines/0/unit_price"),
            ({"lines": [{"quantity": 1, "unit_price": "92233720368547758.08"}]}, "/lines/0/unit_price"),
            ({"lines": [{"quantity": 1, "unit_price": "1e-11"}, {"quantity": 1, "unit_price": "92233720.37"}]},
             "/lines/1/unit_price"),
            ({"lines": [{"quantity": 2, "unit_price": "92233720368547758.07"}]}, ""),
            ({"lines": [{"quantity": 1, "unit_price": "50000000000000000"}] * 2}, ""),
            ({"lines": [{"quantity": 1, "unit_price": {"amount": 1, "currency": "USD", "exponent": 2}}]},
             "/lines/0/unit_price"),
            ({"lines": [{"quantity": 1, "unit_price": {"amount": 1.5, "currency": "EUR", "exponent": 2}}]},
             "/lines/0/unit_price"),
            ({"lines": [{"external_id": "a", "quantity": 1, "unit_price": 1}] * 2}, "/lines/1/external_id"),
            ({"refunds": [{"external_id": "r", "amount": "1", "lines": [{"external_id": "x", "quantity": 1}]}]},
             "/refunds/0/lines/0"),
            ({"fulfillments": [{"lines": [{"quantity": 1}]}]}, "/fulfillments/0/lines/0"),
            ({"number": "a\x00b"}, ""),
            ({"number": "a\ud83d"}, ""),
            ({"number": "1", "of": {"nobody": [{"\udfff": 1}]}}, ""),
            ({"placed_at": "0001-01-01T00:00:00+23:59"}, "/placed_at"),
            ({"placed_at": "9999-12-31T23:59:59-23:59"}, "/placed_at"),
        ],
    )  # fmt: skip
    def test_orders_that_cannot_be(self, change: dict[str, Any], pointer: str) -> None:
        assert wrong_with("orders", ORDER, ORDER | change) == [(1, pointer)]

    @pytest.mark.parametrize("quantity", ["1e999999999", "-1e999999999", "1e12"])
    def test_a_number_beyond_all_measure_is_told_at_once(self, quantity: str) -> None:
        """As an integer it would take all memory."""
        line = f'{{"quantity": {quantity}, "unit_price": "1"}}'
        order = json.dumps(ORDER | {"lines": ["LINE"]}).replace('"LINE"', line)
        for kind, item, pointer in (("stock", f'{{"sku": "a", "quantity": {quantity}}}', "/quantity"),
                                    ("orders", order, "/lines/0/quantity")):  # fmt: skip
            _, wrong = check(kind, split(item.encode(), lines=False), RECORD)  # type: ignore[arg-type]
            assert [each.pointer for each in wrong] == [pointer]

    @pytest.mark.parametrize(
        ("kind", "item", "pointer"),
        [
            ("products", {"external_id": "p", "title": "Mug", "variants": []}, "/variants"),
            ("products", {"external_id": "p", "title": "Mug", "variants": [{}]}, "/variants/0"),
            ("products", {"external_id": "p", "title": "Mug", "variants": [{"sku": "a", "price": "1"}]}, "/currency"),
            ("products", {"external_id": "p", "title": "M", "variants": [{"sku": "a"}] * 2}, "/variants/1/external_id"),
            ("stock", {"quantity": 1}, ""),
            ("stock", {"sku": "a", "quantity": "many"}, "/quantity"),
            ("customers", {"email": "a@example.com"}, "/external_id"),
            ("customers", 7, ""),
        ],
    )
    def test_other_things_that_cannot_be(self, kind: Kind, item: object, pointer: str) -> None:
        assert wrong_with(kind, item) == [(0, pointer)]

    def test_no_value_is_repeated_in_what_is_wrong(self) -> None:
        secret = ORDER | {"customer": {"email": ["planted@example.com"]}}
        _, wrong = check("orders", split(json.dumps(secret).encode(), lines=False), RECORD)
        assert wrong
        assert "planted" not in str(wrong)
