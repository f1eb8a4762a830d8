from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from longshore.problems import Problem
from longshore_order_sync.paging import Cursor, parse_cursor


class TestCursor:
    def test_there_and_back(self) -> None:
        cursor = Cursor(datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC), uuid4())
        assert parse_cursor(cursor.encode()) == cursor
        assert "=" not in cursor.encode()

    def test_padding_and_z_are_taken_too(self) -> None:
        name = uuid4()
        text = urlsafe_b64encode(f"2026-11-20T12:00:00Z|{name}".encode()).decode()
        assert parse_cursor(text) == Cursor(datetime(2026, 11, 20, 12, tzinfo=UTC), name)

    def test_none_is_the_beginning(self) -> None:
        assert parse_cursor(None) is None

    @pytest.mark.parametrize(
        "text", ["", "x", "!!!!", "äöü", *(urlsafe_b64encode(each).decode() for each in (
            b"2026-11-20T12:00:00+00:00", b"2026-11-20T12:00:00|" + str(uuid4()).encode(), b"now|then", b"\xff\xff"))]
    )  # fmt: skip
    def test_anything_else_is_a_bad_request(self, text: str) -> None:
        with pytest.raises(Problem) as refused:
            parse_cursor(text)
        assert refused.value.status == 400
