"""The stream: webhooks at a fixed rate, from socket to canonical row, with everything on this machine.

Open loop. The lag of an order is from the moment when its first delivery was meant to be sent to the timestamp of its
OrderChanged event in Kafka: the row is committed before that, so the true lag is a little shorter.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from typing import Any

from aiokafka import TopicPartition

from bench import topics
from bench.system import SECRET, System, Usage, running_system
from longshore_devkit.loadgen import LoadPlan, run_load

EVENTS = "orders.events"
RATES = (700, 1_000, 1_500, 2_000)


async def run(*, quick: bool) -> dict[str, Any]:
    """Lag, latency, CPU per delivery and peak memory at each rate."""
    seconds = 10.0 if quick else 25.0
    results: dict[str, Any] = {"seconds": seconds, "rates": {}}
    async with running_system() as system:
        stores = [await system.connect_woocommerce(f"http://127.0.0.1:{port}") for port in (9, 10)]
        # Imports, caches and the JVM's compiler are warm before anything is measured.
        await _load(system, stores[0], rate=300, seconds=5, first_id=100)
        await system.settle()
        for number, rate in enumerate(RATES):
            usage = Usage.of_children()
            watching = asyncio.create_task(usage.watch())
            try:
                outcome = await _load(system, stores[1], rate=rate, seconds=seconds, first_id=10_000_000 * (number + 1))
                drained = await system.settle()
            finally:
                watching.cancel()
            usage.finish()
            outcome["drain_s"] = round(drained, 2)
            sent = outcome["deliveries"]
            outcome["cpu_ms_per_delivery"] = {
                name: round(used * 1000 / sent, 3) for name, used in sorted(usage.cpu_s.items())
            }
            outcome["cpu_ms_per_delivery_all"] = round(sum(usage.cpu_s.values()) * 1000 / sent, 3)
            outcome["peak_rss_mib"] = {name: round(size / 2**20) for name, size in sorted(usage.peak_rss.items())}
            results["rates"][str(rate)] = outcome
    return results


async def _load(system: System, store: dict[str, Any], *, rate: float, seconds: float, first_id: int) -> dict[str, Any]:
    servers = system.stack.infra.bootstrap_servers
    starts = await topics.ends(servers, EVENTS)
    result = await run_load(
        LoadPlan(
            url=store["webhook_url"],
            secret=SECRET,
            rate=rate,
            duration_s=seconds,
            connections=64,
            pair=True,
            first_id=first_id,
        )
    )
    await system.settle()
    changed = await _changed(servers, starts)
    lags = sorted(changed[order] - moment for order, moment in result.intended.items() if order in changed)
    missing = len(result.accepted_ids) - len(lags)
    return {
        "deliveries": result.sent,
        "accepted": result.accepted,
        "orders": len(result.accepted_ids),
        "orders_missing": missing,
        "achieved_per_s": round(result.rate),
        "answer_p50_ms": result.latency.p50_ms,
        "answer_p99_ms": result.latency.p99_ms,
        "generator_late_p99_ms": result.lateness.p99_ms,
        "lag_p50_ms": round(statistics.median(lags) * 1000) if lags else None,
        "lag_p99_ms": round(lags[int(len(lags) * 0.99)] * 1000) if lags else None,
        "lag_max_ms": round(lags[-1] * 1000) if lags else None,
    }


async def _changed(servers: str, starts: dict[TopicPartition, int]) -> dict[int, float]:
    """When the first event of each order was written, by the store's id of it (Unix time)."""
    first: dict[int, float] = {}
    async for record in topics.read(servers, EVENTS, starts):
        event = json.loads(record.value)
        if "created" in event:
            first.setdefault(int(event["external_id"]), record.timestamp / 1000)
    return first
