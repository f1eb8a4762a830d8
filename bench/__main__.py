"""`python -m bench [names]` runs and publishes; `python -m bench compare [names]` sets new against published."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import page
from bench.benchmark import Benchmark, Found
from bench.compare import below, compared, told
from bench.measure import calibration_per_s
from bench.registry import BENCHMARKS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
NEWEST = HERE / "newest.json"
"""What ran last on this machine, published or not; not committed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", help="`compare`, and benchmarks (see --list); by default those of `make bench`"
    )
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument("--quick", action="store_true", help="shorter; to see that it works, not published")
    parser.add_argument("--run", action="store_true", help="compare: measure first, publish nothing")
    parser.add_argument("--fail-below", type=float, help="compare: end with code 1 if a ratio is below this")
    chosen = parser.parse_args(arguments)
    _end_in_order()
    if chosen.list:
        for each in BENCHMARKS.values():
            print(f"{each.name:<10} {'*' if each.default else ' '} {each.minutes:>4g} min  {each.about}")
        return 0
    comparing = chosen.names[:1] == ["compare"]
    names: list[str] = chosen.names[comparing:]
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name}; there are {', '.join(BENCHMARKS)}")
    if comparing:
        return _compare(names, run=chosen.run, quick=chosen.quick, fail_below=chosen.fail_below)
    for name in names or [each.name for each in BENCHMARKS.values() if each.default]:
        found = _run(BENCHMARKS[name], quick=chosen.quick)
        if not chosen.quick:
            _publish(name, found)
    return 0


def _end_in_order() -> None:
    """SIGTERM as Ctrl-C, and Ctrl-C in the background too: what was started is stopped, temporary data removed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def _run(benchmark: Benchmark, *, quick: bool) -> Found:
    print(f"{benchmark.name} ...", flush=True)
    measured = _circumstances(quick=quick)
    found = asyncio.run(benchmark.run(quick=quick)) | {"measured": measured}
    print(json.dumps(found, indent=1), flush=True)
    NEWEST.write_text(json.dumps(_read(NEWEST) | {benchmark.name: found}, indent=1) + "\n")
    return found


def _publish(name: str, found: Found) -> None:
    results = _read(RESULTS) | {name: found}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    (HERE / "README.md").write_text(page.readme(BENCHMARKS.values(), results))


def _compare(names: Sequence[str], *, run: bool, quick: bool, fail_below: float | None) -> int:
    published = _committed()
    if run:
        for name in names or [name for name in published if name in BENCHMARKS]:
            _run(BENCHMARKS[name], quick=quick)
    newest = {name: found for name, found in _read(NEWEST).items() if not names or name in names}
    rows = compared(BENCHMARKS.values(), published, newest)
    print(told(rows, published, newest))
    worse = below(rows, fail_below) if fail_below is not None else []
    for row in worse:
        print(f"below {fail_below}: {row.benchmark}, {row.figure}: {row.ratio}")
    return 1 if worse else 0


def _committed() -> dict[str, Found]:
    """The results as last committed: publishing a run does not change what it is compared with."""
    shown = subprocess.run(
        ["git", "show", "HEAD:bench/results.json"], capture_output=True, text=True, check=False, cwd=HERE
    )
    return json.loads(shown.stdout) if shown.returncode == 0 else _read(RESULTS)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _circumstances(*, quick: bool) -> dict[str, Any]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=HERE
    )
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "calibration_per_s": calibration_per_s(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "quick": quick,
    }


if __name__ == "__main__":
    sys.exit(main())
