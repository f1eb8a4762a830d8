"""Percentiles, and the pace of this machine. Pure, but for the clock."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterable, Sequence


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are not above; `ordered` ascending, not empty."""
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def in_ms(seconds: Iterable[float]) -> dict[str, int | None]:
    """p50, p99 and maximum of times in seconds, as whole milliseconds; None where there are none."""
    ordered = sorted(seconds)
    if not ordered:
        return {"p50_ms": None, "p99_ms": None, "max_ms": None}
    return {
        "p50_ms": round(percentile(ordered, 0.5) * 1000),
        "p99_ms": round(percentile(ordered, 0.99) * 1000),
        "max_ms": round(ordered[-1] * 1000),
    }


def by_minute(times: Iterable[tuple[float, float]], begin: float) -> list[dict[str, int | None]]:
    """`in_ms` of (moment, seconds) for each minute since `begin`."""
    minutes: dict[int, list[float]] = {}
    for moment, seconds in times:
        minutes.setdefault(max(0, int((moment - begin) // 60)), []).append(seconds)
    return [in_ms(minutes.get(minute, ())) for minute in range(max(minutes, default=-1) + 1)]


def calibration_per_s() -> int:
    """How often a second this machine does a fixed piece of work (parse, dump, digest; one thread), best of five.

    Machines of one name differ by a factor of two: this tells whether two results come from machines alike.
    """
    document = {
        "lines": [{"sku": f"SKU-{n}", "quantity": n, "total": f"{n}.90"} for n in range(40)],
        "note": "x" * 1500,
    }
    text = json.dumps(document)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(400):
            hashlib.sha256(json.dumps(json.loads(text)).encode()).digest()
        best = max(best, 400 / (time.perf_counter() - began))
    return round(best)
