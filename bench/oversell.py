"""The oversell window: from the webhook of a sale in one store to the moment when the other store has the new quantity.

Two simulated stores, buyers in one of them at a fixed rate. Each push's outcome says when the delivery that caused it
reached the gateway and when the other store had answered.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from bench.benchmark import Benchmark, Figure, Found
from bench.lag import oversell_windows
from bench.measure import in_ms
from bench.page import table
from bench.system import running_system
from longshore_devkit.data_dir import DataDir
from longshore_devkit.demo import DemoStores


async def run(*, quick: bool) -> Found:
    """Windows at a few orders a second and at fifty."""
    seconds = 8.0 if quick else 20.0
    results: dict[str, Any] = {"seconds": seconds, "orders_per_s": {}}
    for rate in (2, 20, 50):
        results["orders_per_s"][str(rate)] = await _measure(rate, seconds)
    return results


async def _measure(rate: float, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="longshore-bench-stores-") as folder:
        data_dir = DataDir(Path(folder))
        stores = DemoStores.new()
        beside = tuple(stores.specs(data_dir, dict(os.environ)))
        async with running_system(stores.environ, beside) as system:
            for body in stores.integrations():
                (await system.client.post("/api/v1/integrations", json=body)).raise_for_status()
            await system.active()
            await system.settle()
            placed = await _buy(stores.shopify_url, rate, seconds)
            await system.settle()
            windows = [seconds for _, seconds in await oversell_windows(system.servers)]
    if not windows:
        raise RuntimeError("no push was caused by an order")
    return {"orders": placed, "pushes": len(windows)} | in_ms(windows)


async def _buy(url: str, rate: float, seconds: float) -> int:
    """Place orders on schedule, whatever the store's answers take."""
    count = int(rate * seconds)
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=url, timeout=20.0) as client, asyncio.TaskGroup() as group:
        for n in range(count):
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            group.create_task(client.post("/_sim/orders", json={}))
    return count


def section(found: Found) -> str:
    """For bench/README.md."""
    rows = [
        [rate, each["orders"], each["pushes"], each["p50_ms"], each["p99_ms"], each["max_ms"]]
        for rate, each in found["orders_per_s"].items()
    ]
    return (
        "From the webhook of a sale at a simulated Shopify store to the answer of the simulated WooCommerce store that"
        f" took the new quantity; {found['seconds']:.0f} s at each rate.\n\n"
        + table(["orders/s", "orders", "pushes", "p50 ms", "p99 ms", "max ms"], rows)
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure(f"window {share} ms at {rate}/s", each[f"{share}_ms"], "lower")
        for rate, each in found["orders_per_s"].items()
        for share in ("p50", "p99")
    ]


BENCHMARK = Benchmark(
    "oversell", "from a sale in one store to the new quantity in the other", 2.0, run, section, figures, default=True
)
