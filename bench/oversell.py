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

from bench import topics
from bench.system import System, running_system
from longshore.contracts import CommandOutcome, CommandStatus
from longshore_devkit.data_dir import DataDir
from longshore_devkit.demo import DemoStores


async def run(*, quick: bool) -> dict[str, Any]:
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
            await _active(system)
            await system.settle()
            placed = await _buy(stores.shopify_url, rate, seconds)
            await system.settle()
            windows = sorted(await _windows(system.stack.infra.bootstrap_servers))
    if not windows:
        raise RuntimeError("no push was caused by an order")
    return {
        "orders": placed,
        "pushes": len(windows),
        "p50_ms": round(windows[len(windows) // 2] * 1000),
        "p99_ms": round(windows[int(len(windows) * 0.99)] * 1000),
        "max_ms": round(windows[-1] * 1000),
    }


async def _active(system: System) -> None:
    deadline = time.monotonic() + 60
    while True:
        items = (await system.client.get("/api/v1/integrations")).json()["items"]
        if all(item["status"] == "active" for item in items):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"the stores are not connected: {items}")
        await asyncio.sleep(0.2)


async def _buy(url: str, rate: float, seconds: float) -> int:
    """Place orders on schedule, whatever the store's answers take."""
    count = int(rate * seconds)
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=url, timeout=20.0) as client, asyncio.TaskGroup() as group:
        for n in range(count):
            await asyncio.sleep(max(0.0, began + n / rate - time.monotonic()))
            group.create_task(client.post("/_sim/orders", json={}))
    return count


async def _windows(servers: str) -> list[float]:
    """Seconds from cause to answer, of each push that a sale caused and that the store took."""
    found: list[float] = []
    async for record in topics.read(servers, "commands.outcomes"):
        outcome = CommandOutcome.from_json(record.value)
        if outcome.status is CommandStatus.SUCCEEDED and outcome.caused_at is not None:
            found.append((outcome.at - outcome.caused_at).total_seconds())
    return found
