"""`python -m bench [names] [--quick]`: run the benchmarks, print and publish them."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import ingest, oversell, report, stream

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"

BENCHMARKS: dict[str, Callable[..., Coroutine[Any, Any, dict[str, Any]]]] = {
    "ingest": ingest.run,
    "stream": stream.run,
    "oversell": oversell.run,
}


def main() -> None:
    """Run what was asked for; merge it into the published results."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(BENCHMARKS), help=f"of {', '.join(BENCHMARKS)}; all if none")
    parser.add_argument("--quick", action="store_true", help="shorter; to see that it works, not to publish")
    chosen = parser.parse_args()
    for name in chosen.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name}")
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen.names:
        print(f"{name} ...", flush=True)
        found = asyncio.run(BENCHMARKS[name](quick=chosen.quick))
        results[name] = found | {"measured": _circumstances(quick=chosen.quick)}
        print(json.dumps(found, indent=1), flush=True)
        if not chosen.quick:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            (HERE / "README.md").write_text(report.readme(results))


def _circumstances(*, quick: bool) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "quick": quick,
    }


if __name__ == "__main__":
    main()
