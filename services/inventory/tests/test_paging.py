"""Cursors: what we give out comes back, and nothing else passes."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.problems import Problem
from longshore_inventory.paging import encode_cursor, number_cursor, page, text_cursor, time_cursor

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


class TestCursors:
    @given(st.datetimes(timezones=st.just(UTC)), st.uuids())
    def test_times_come_back(self, at: datetime, id: UUID) -> None:
        assert time_cursor(encode_cursor(at, id)) == (at, id)

    @given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), st.uuids())
    def test_texts_come_back(self, sku: str, id: UUID) -> None:
        assert text_cursor(encode_cursor(sku, id)) == (sku, id)

    def test_numbers_come_back(self) -> None:
        assert number_cursor(encode_cursor("17", UUID(int=1))) == 17

    def test_the_first_page_has_none(self) -> None:
        assert (time_cursor(None), text_cursor(None), number_cursor(None)) == (None, None, None)

    @pytest.mark.parametrize(
        "raw", [b"", b"x", b"2026-11-20T12:00:00|00000000-0000-0000-0000-000000000001", b"\xff|1", b"1|2"]
    )
    def test_others_are_refused(self, raw: bytes) -> None:
        with pytest.raises(Problem) as problem:
            time_cursor(urlsafe_b64encode(raw).decode())
        assert problem.value.status == 400

    @pytest.mark.parametrize("place", ["", "-1", "x", "9" * 30, "²"])
    def test_numbers_only(self, place: str) -> None:
        with pytest.raises(Problem):
            number_cursor(encode_cursor(place, UUID(int=1)))


class TestPage:
    def test_one_more_than_the_limit_means_another_page(self) -> None:
        assert page([1, 2, 3], 2, str) == ([1, 2], "2")
        assert page([1, 2], 2, str) == ([1, 2], None)
        assert page([], 2, str) == ([], None)
