"""How far a store's clock is off, by what its answers say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from longshore.platforms.store_clock import clock_ahead_s

NOW = datetime(2026, 11, 28, 12, 0, 0, 400_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Sat, 28 Nov 2026 12:00:00 GMT", 0.0),
        ("Sat, 28 Nov 2026 11:59:56 GMT", 0.0),
        ("Sat, 28 Nov 2026 12:00:05 GMT", 0.0),
        ("Sat, 28 Nov 2026 13:00:00 GMT", 3599.6),
        ("Sat, 28 Nov 2026 11:00:00 GMT", -3600.4),
        ("Sat, 28 Nov 2026 13:00:00 -0000", 3599.6),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_how_far_a_clock_is_ahead(date: str | None, ahead: float | None) -> None:
    found = clock_ahead_s(date, NOW)
    assert found == (None if ahead is None else pytest.approx(ahead))
