"""The load generator in a process of its own: its CPU is told apart, and nothing of the benchmark delays it."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench import child
from longshore_devkit.loadgen import LatencySummary, LoadPlan, LoadResult


async def generate(plan: LoadPlan) -> LoadResult:
    """Run a plan that has no bodies of its own. Raises RuntimeError when the generator fails."""
    with tempfile.TemporaryDirectory(prefix="longshore-bench-load-") as folder:
        ids = Path(folder) / "ids.json"
        process = await child.start(
            "longshore_devkit.loadgen",
            [*arguments(plan), "--ids-file", str(ids)],
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            if await process.wait():
                raise RuntimeError(f"the load generator ended with code {process.returncode}")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return result_of(json.loads(await asyncio.to_thread(ids.read_text)))


def arguments(plan: LoadPlan) -> list[str]:
    """The generator's command line for a plan."""
    if plan.body is not None or plan.order_id is not None:
        raise ValueError("a plan with bodies of its own runs in this process")
    options = {
        "--secret": plan.secret,
        "--platform": plan.platform,
        "--shop": plan.shop,
        "--rate": plan.rate or 0,
        "--duration": plan.duration_s,
        "--orders": plan.orders,
        "--connections": plan.connections,
        "--body-bytes": plan.body_bytes,
        "--skus": ",".join(plan.skus) if plan.skus else None,
        "--first-id": plan.first_id,
        "--copies": plan.copies,
        "--timeout": plan.timeout_s,
        "--retry-for": plan.retry_for_s,
    }
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    return [plan.url, *given]


def result_of(told: dict[str, Any]) -> LoadResult:
    """The result that the generator wrote."""
    return LoadResult(
        planned=told["planned"],
        sent=told["sent"],
        accepted=told["accepted"],
        accepted_ids=set(told["accepted_ids"]),
        refused_ids=set(told["refused_ids"]),
        status_counts=Counter(told["status_counts"]),
        latency=LatencySummary(**told["latency"]),
        lateness=LatencySummary(**told["lateness"]),
        histogram_ms=told["histogram_ms"],
        started_at=told["started_at"],
        seconds=told["seconds"],
        cpu_seconds=told["cpu_seconds"],
        intended={int(order): at for order, at in told["intended"].items()},
    )
