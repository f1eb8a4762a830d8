"""Latencies of a run, kept one by one: exact percentiles, eight bytes each."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass


@dataclass(frozen=True)
class LatencySummary:
    """Percentiles in milliseconds; all zero when nothing was measured."""

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float


class Latencies:
    """Collects seconds."""

    def __init__(self) -> None:
        self._seconds = array("d")

    def add(self, seconds: float) -> None:
        """One more."""
        self._seconds.append(seconds)

    def histogram(
        self, bounds_ms: tuple[float, ...] = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000)
    ) -> dict[str, int]:
        """How many were at most so many milliseconds, and above all bounds ("inf"); not cumulative."""
        counts = dict.fromkeys([*(f"{bound:g}" for bound in bounds_ms), "inf"], 0)
        for seconds in self._seconds:
            name = next((f"{bound:g}" for bound in bounds_ms if seconds * 1000 <= bound), "inf")
            counts[name] += 1
        return counts

    def summary(self) -> LatencySummary:
        """What is printed."""
        ordered = sorted(self._seconds)
        if not ordered:
            return LatencySummary(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)

        def at(share: float) -> float:
            return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000, 3)

        mean = round(sum(ordered) / len(ordered) * 1000, 3)
        return LatencySummary(len(ordered), mean, at(0.5), at(0.9), at(0.99), at(0.999), at(1.0))
