"""Cursors: what we give out comes back, and nothing else passes."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.paging import Place, page, read_cursor, read_number_cursor, read_text_cursor, write_cursor
from longshore.problems import Problem


class TestCursors:
    @given(st.datetimes(timezones=st.just(UTC)), st.uuids())
    def test_times_come_back(self, at: datetime, id: UUID) -> None:
        assert read_cursor(write_cursor(at, id)) == Place(at, id)
        assert "=" not in write_cursor(at, id)

    @given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), st.uuids())
    def test_texts_come_back(self, sku: str, id: UUID) -> None:
        assert read_text_cursor(write_cursor(sku, id)) == (sku, id)

    @given(st.integers(0, 10**18 - 1))
    def test_numbers_come_back(self, number: int) -> None:
        assert read_number_cursor(write_cursor(number, UUID(int=1))) == number

    def test_the_first_page_has_none(self) -> None:
        assert (read_cursor(None), read_text_cursor(None), read_number_cursor(None)) == (None, None, None)

    def test_padding_and_z_are_taken_too(self) -> None:
        id = uuid4()
        text = urlsafe_b64encode(f"2026-11-20T12:00:00Z|{id}".encode()).decode()
        assert read_cursor(text) == Place(datetime(2026, 11, 20, 12, tzinfo=UTC), id)

    @pytest.mark.parametrize("text", ["", "x", "!!!!", "äöü"])
    def test_what_is_no_base64_is_a_bad_request(self, text: str) -> None:
        with pytest.raises(Problem) as refused:
            read_cursor(text)
        assert refused.value.status == 400

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"x",
            b"\xff\xff",
            b"1|2",
            b"2026-11-20T12:00:00+00:00",
            b"now|00000000-0000-0000-0000-000000000001",
            b"2026-11-20T12:00:00|00000000-0000-0000-0000-000000000001",
            b"0001-01-01T00:00:00+14:00|00000000-0000-0000-0000-000000000001",
        ],
    )
    def test_what_is_no_place_is_a_bad_request(self, raw: bytes) -> None:
        with pytest.raises(Problem) as refused:
            read_cursor(urlsafe_b64encode(raw).decode())
        assert refused.value.status == 400

    @pytest.mark.parametrize("place", ["", "-1", "x", "9" * 30, "²"])
    def test_numbers_only(self, place: str) -> None:
        with pytest.raises(Problem):
            read_number_cursor(write_cursor(place, UUID(int=1)))


class TestPage:
    def test_one_more_than_the_limit_means_another_page(self) -> None:
        assert page([1, 2, 3], 2, str) == ([1, 2], "2")
        assert page([1, 2], 2, str) == ([1, 2], None)
        assert page([], 2, str) == ([], None)
