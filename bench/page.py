"""bench/README.md from the published results: each benchmark writes its own section."""

from __future__ import annotations

from collections.abc import Iterable

from bench.benchmark import Benchmark, Found

_HEAD = """# Benchmarks

Written by `python -m bench`; do not edit. Each figure has its reference in the same run: judge the ratios, the machine
is shared and noisy. `bench/results.json` has all figures. How to run, read and compare them:
[docs/performance.md](../docs/performance.md).

"""


def readme(benchmarks: Iterable[Benchmark], results: dict[str, Found]) -> str:
    """The whole page: what has been published, in the benchmarks' own order."""
    sections = [_section(each, results[each.name]) for each in benchmarks if each.name in results]
    return "\n".join(part.rstrip() + "\n" for part in (_HEAD, *sections))


def _section(benchmark: Benchmark, found: Found) -> str:
    return f"## {benchmark.name.capitalize()}\n\n{benchmark.section(found).rstrip()}\n\n{circumstances(found)}"


def circumstances(found: Found) -> str:
    """Where and when it was measured."""
    measured = found["measured"]
    pace = f", pace {measured['calibration_per_s']}" if "calibration_per_s" in measured else ""
    return (
        f"Measured {measured['at']} at {measured['commit']}: {measured['cores']} cores{pace}, Python"
        f" {measured['python']}, load {measured['load_before']} before it began.\n"
    )


def table(head: list[str], rows: Iterable[list[object]]) -> str:
    """A Markdown table and an empty line."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n\n"


def slashed(found: Found, *keys: str) -> str:
    """Some of `found`, as `1 / 2 / 3`."""
    return " / ".join("-" if found[key] is None else str(found[key]) for key in keys)
