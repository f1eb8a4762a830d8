"""New results against published ones: ratios, so that above 1 is better, whatever the figure. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.benchmark import Benchmark, Found


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure, then and now. `ratio` above 1: now is better."""

    benchmark: str
    figure: str
    before: float
    now: float
    ratio: float


def compared(
    benchmarks: Iterable[Benchmark], published: Mapping[str, Found], newest: Mapping[str, Found]
) -> list[Compared]:
    """All figures that both have. A figure that is zero in either cannot be compared and is left out."""
    found: list[Compared] = []
    for each in benchmarks:
        if each.name not in published or each.name not in newest:
            continue
        before = {figure.name: figure for figure in each.figures(published[each.name])}
        for figure in each.figures(newest[each.name]):
            then = before.get(figure.name)
            if then is None or not then.value or not figure.value:
                continue
            ratio = figure.value / then.value if figure.better == "higher" else then.value / figure.value
            found.append(Compared(each.name, figure.name, then.value, figure.value, round(ratio, 3)))
    return found


def pace_ratio(published: Found, newest: Found) -> float | None:
    """How fast the machine was now, against then; None when one of the two does not say."""
    then = published.get("measured", {}).get("calibration_per_s")
    now = newest.get("measured", {}).get("calibration_per_s")
    return round(now / then, 2) if then and now else None


def told(rows: Iterable[Compared], published: Mapping[str, Found], newest: Mapping[str, Found]) -> str:
    """For the terminal."""
    lines: list[str] = []
    last = ""
    for row in rows:
        if row.benchmark != last:
            last = row.benchmark
            lines.append(_head(last, published[last], newest[last]))
        lines.append(f"  {row.figure:<48} {row.before:>12g} -> {row.now:<12g} {row.ratio:>6.2f}")
    return "\n".join(lines) or "nothing to compare: no benchmark is in both results"


def _head(name: str, published: Found, newest: Found) -> str:
    then, now = published.get("measured", {}), newest.get("measured", {})
    pace = pace_ratio(published, newest)
    return (
        f"{name}: {then.get('commit', '?')} ({then.get('at', '?')}, {then.get('cores', '?')} cores, load"
        f" {then.get('load_before', '?')}) -> {now.get('commit', '?')} ({now.get('cores', '?')} cores, load"
        f" {now.get('load_before', '?')}{', quick' if now.get('quick') else ''}); this machine's pace:"
        f" {'unknown' if pace is None else f'{pace} of that one'}"
    )


def below(rows: Iterable[Compared], least: float) -> list[Compared]:
    """Figures that have become worse than `least` times what they were."""
    return [row for row in rows if row.ratio < least]
