from __future__ import annotations

import pytest

from bench.measure import by_minute, calibration_per_s, in_ms, percentile


class TestPercentile:
    @pytest.mark.parametrize(("share", "value"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)])
    def test_of_a_hundred(self, share: float, value: float) -> None:
        assert percentile([float(n) for n in range(1, 101)], share) == value

    def test_of_one(self) -> None:
        assert percentile([7.0], 0.99) == 7.0

    def test_of_none(self) -> None:
        with pytest.raises(ValueError, match="no values"):
            percentile([], 0.5)


class TestInMs:
    def test_order_does_not_matter(self) -> None:
        assert in_ms([0.3, 0.1, 0.2]) == {"p50_ms": 200, "p99_ms": 300, "max_ms": 300}

    def test_none(self) -> None:
        assert set(in_ms([]).values()) == {None}


class TestByMinute:
    def test_each_minute_by_itself_and_a_silent_one_between(self) -> None:
        found = by_minute([(100.0, 0.1), (159.0, 0.3), (230.0, 0.5)], begin=100.0)
        assert [each["max_ms"] for each in found] == [300, None, 500]

    def test_what_is_older_than_the_beginning_counts_in_the_first(self) -> None:
        assert [each["max_ms"] for each in by_minute([(90.0, 0.2)], begin=100.0)] == [200]

    def test_nothing(self) -> None:
        assert by_minute([], begin=0.0) == []


def test_the_pace_is_a_figure() -> None:
    assert calibration_per_s() > 0
