from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.benchmark import Benchmark, Figure, Found
from bench.compare import below, compared, pace_ratio, told


async def _run(*, quick: bool) -> Found:
    return {"rate": 1.0 if quick else 2.0}


def _figures(found: Found) -> Sequence[Figure]:
    return [Figure("rate", found["rate"]), Figure("lag", found["lag"], "lower")]


TOY = Benchmark("toy", "", 1.0, _run, lambda found: "", _figures)


def result(rate: float, lag: float, **measured: Any) -> dict[str, Found]:
    return {"toy": {"rate": rate, "lag": lag, "measured": measured}}


class TestCompared:
    def test_above_one_is_better_whichever_way_a_figure_goes(self) -> None:
        rows = compared([TOY], result(100, 40), result(200, 20))
        assert [(row.figure, row.ratio) for row in rows] == [("rate", 2.0), ("lag", 2.0)]

    def test_what_only_one_has_is_left_out(self) -> None:
        assert compared([TOY], {}, result(1, 1)) == []
        assert compared([TOY], result(1, 1), {}) == []

    def test_a_figure_of_zero_cannot_be_compared(self) -> None:
        assert [row.figure for row in compared([TOY], result(100, 0), result(200, 20))] == ["rate"]


class TestBelow:
    def test_only_what_has_become_worse_than_that(self) -> None:
        rows = compared([TOY], result(100, 40), result(79, 40))
        assert [row.figure for row in below(rows, 0.8)] == ["rate"]
        assert below(rows, 0.7) == []


class TestTold:
    def test_the_machines_pace_stands_beside(self) -> None:
        then, now = result(100, 40, calibration_per_s=1000, cores=2), result(50, 80, calibration_per_s=500, cores=2)
        text = told(compared([TOY], then, now), then, now)
        assert "0.5 of that one" in text
        assert "rate" in text

    def test_without_a_pace(self) -> None:
        assert pace_ratio({"measured": {}}, {"measured": {"calibration_per_s": 5}}) is None

    def test_nothing(self) -> None:
        assert told([], {}, {}).startswith("nothing to compare")
