"""Stores: 1, 10, 100 and 1,000 stores that share one rate of deliveries."""

from __future__ import annotations

import asyncio
from typing import Any

from bench import topics
from bench.benchmark import Benchmark, Figure, Found
from bench.delivering import answers, costs, plan_for
from bench.lag import EVENTS, first_told, lags
from bench.measure import in_ms
from bench.page import slashed, table
from bench.system import System, running_system
from bench.usage import Usage
from longshore_devkit.loadgen import LoadPlan, LoadResult, run_load

COUNTS = (1, 10, 100, 1_000)
CONNECTIONS = 64


async def run(*, quick: bool) -> Found:
    """Lag and CPU per delivery at each number of stores; the reference is one store."""
    rate, seconds = (300.0, 8.0) if quick else (1_000.0, 20.0)
    counts = COUNTS[:3] if quick else COUNTS
    results: Found = {"rate": rate, "seconds": seconds, "stores": {}}
    async with running_system() as system:
        connected: list[dict[str, Any]] = []
        for count in counts:
            while len(connected) < count:
                connected.append(await system.connect_woocommerce(f"http://127.0.0.1:{1_000 + len(connected)}"))
            await system.settle()
            await _deliver(system, connected, 200.0, 3.0)
            await system.settle()
            results["stores"][str(count)] = await _measure(system, connected, rate, seconds)
    return results


async def _measure(system: System, stores: list[dict[str, Any]], rate: float, seconds: float) -> Found:
    starts = await topics.ends(system.servers, EVENTS)
    async with Usage.watching() as usage:
        results = await _deliver(system, stores, rate, seconds)
        drained = await system.settle()
    told = await first_told(system.servers, starts)
    found = [
        lag
        for store, result in zip(stores, results, strict=False)
        for lag in lags(told, store["id"], result.intended).values()
    ]
    whole = _together(results)
    orders = sum(len(result.accepted_ids) for result in results)
    return (
        answers(whole)
        | {"orders": orders, "orders_missing": orders - len(found), "drain_s": round(drained, 2)}
        | {f"lag_{name}": value for name, value in in_ms(found).items()}
        | costs(usage, whole)
    )


async def _deliver(system: System, stores: list[dict[str, Any]], rate: float, seconds: float) -> list[LoadResult]:
    """Each store a part of the rate, with ids that no earlier delivery had; generated in this process."""
    share = rate / len(stores)
    first = 1_000_000 + system.take_ids(int(rate * seconds) + 1)
    plans: list[LoadPlan] = [
        plan_for(
            store,
            rate=share,
            orders=max(1, round(share * seconds / 2)),
            connections=max(1, CONNECTIONS // len(stores)),
            first_id=first,
        )
        for store in stores
    ]
    return list(await asyncio.gather(*(run_load(plan) for plan in plans)))


def _together(results: list[LoadResult]) -> LoadResult:
    """One result of many that ran at once. The answers' percentiles are the medians of theirs."""
    middle = sorted(results, key=lambda each: each.latency.p99_ms)[len(results) // 2]
    return LoadResult(
        planned=sum(each.planned for each in results),
        sent=sum(each.sent for each in results),
        accepted=sum(each.accepted for each in results),
        latency=middle.latency,
        lateness=middle.lateness,
        seconds=max(each.seconds for each in results),
        # Each measures the whole process.
        cpu_seconds=max(each.cpu_seconds for each in results),
    )


def section(found: Found) -> str:
    """For bench/README.md."""
    return (
        f"{found['rate']:,.0f} deliveries/s in all for {found['seconds']:.0f} s, shared by so many WooCommerce"
        " stores; the reference is one store.\n\n"
        + table(
            [
                "stores",
                "achieved/s",
                "orders missing",
                "lag ms p50 / p99 / max",
                "CPU ms per delivery",
                "drained after s",
            ],
            [
                [
                    count,
                    each["achieved_per_s"],
                    each["orders_missing"],
                    slashed(each, "lag_p50_ms", "lag_p99_ms", "lag_max_ms"),
                    each["cpu_ms_per_delivery_all"],
                    each["drain_s"],
                ]
                for count, each in found["stores"].items()
            ],
        )
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        figure
        for count, each in found["stores"].items()
        for figure in (
            Figure(f"lag p99 ms of {count}", each["lag_p99_ms"] or 0.0, "lower"),
            Figure(f"CPU ms per delivery of {count}", each["cpu_ms_per_delivery_all"], "lower"),
        )
    ]


BENCHMARK = Benchmark("stores", "1, 10, 100 and 1,000 stores that share one rate", 4.0, run, section, figures)
