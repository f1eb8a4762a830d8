"""Stores: 1, 10, 100 and 1,000 stores that share one rate of deliveries."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bench import topics
from bench.benchmark import Benchmark, Figure, Found
from bench.delivering import CONNECTIONS, answers, costs, plan_for
from bench.lag import EVENTS, first_told, lags
from bench.measure import in_ms
from bench.page import slashed, table
from bench.shortest import BARE_S, bare_told, deliver_bare
from bench.system import System, running_system
from bench.usage import Usage
from longshore_devkit.loadgen import LoadPlan, LoadResult, run_load
from longshore_devkit.stores.woo.payloads import OrderBodies

COUNTS = (1, 10, 100, 1_000)


async def run(*, quick: bool) -> Found:
    """Lag and CPU per delivery at each number of stores; the reference is one store."""
    rate, seconds = (300.0, 8.0) if quick else (1_000.0, 20.0)
    counts = COUNTS[:3] if quick else COUNTS
    results: Found = {"rate": rate, "seconds": seconds, "stores": {}}
    async with running_system() as system:
        await deliver_bare(system, 200.0, 3.0, first_id=1_000)
        results["bare"] = await deliver_bare(system, rate, BARE_S, first_id=10_000_000)
        connected: list[dict[str, Any]] = []
        for count in counts:
            began = time.monotonic()
            while len(connected) < count:
                connected.append(await system.connect_woocommerce(f"http://127.0.0.1:{1_000 + len(connected)}"))
            await system.settle()
            connecting = time.monotonic() - began
            # Each store is known to the gateway and has had an order.
            await _deliver(system, connected, 200.0, max(3.0, count * 2 / 200.0))
            await system.settle()
            results["stores"][str(count)] = {"connecting_s": round(connecting, 1)} | await _measure(
                system, connected, rate, seconds
            )
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
    """Each store a part of the rate, one after the other, with ids that no earlier delivery had; generated in this
    process. With more stores than pairs of deliveries, only the first have any."""
    senders = stores[: max(1, int(rate * seconds / 2))]
    orders = max(1, round(rate * seconds / 2 / len(senders)))
    # All stores share the bodies' maker: a thousand of its own would take minutes.
    bodies = OrderBodies(first_id=1_000_000 + system.take_ids(orders))
    plans = [
        plan_for(
            store,
            rate=rate / len(senders),
            orders=orders,
            connections=max(1, CONNECTIONS // len(senders)),
            body=bodies,
            order_id=bodies.order_id,
        )
        for store in senders
    ]

    async def after(wait_s: float, plan: LoadPlan) -> LoadResult:
        await asyncio.sleep(wait_s)
        return await run_load(plan)

    return list(await asyncio.gather(*(after(number / rate, plan) for number, plan in enumerate(plans))))


def _together(results: list[LoadResult]) -> LoadResult:
    """One result of many that ran at once. The answers' percentiles are the medians of theirs."""
    middle = sorted(results, key=lambda each: each.latency.p99_ms)[len(results) // 2]
    started = min(each.started_at for each in results)
    return LoadResult(
        planned=sum(each.planned for each in results),
        sent=sum(each.sent for each in results),
        accepted=sum(each.accepted for each in results),
        latency=middle.latency,
        lateness=middle.lateness,
        started_at=started,
        seconds=max(each.started_at + each.seconds for each in results) - started,
        # Each measures the whole process.
        cpu_seconds=max(each.cpu_seconds for each in results),
    )


def section(found: Found) -> str:
    """For bench/README.md."""
    return (
        f"{found['rate']:,.0f} deliveries/s in all for {found['seconds']:.0f} s, shared by so many WooCommerce"
        " stores; the reference is one store.\n\n"
        + bare_told(found["bare"])
        + table(
            [
                "stores",
                "achieved/s",
                "orders missing",
                "lag ms p50 / p99 / max",
                "CPU ms per delivery",
                "drained after s",
                "connected in s",
            ],
            [
                [
                    count,
                    each["achieved_per_s"],
                    each["orders_missing"],
                    slashed(each, "lag_p50_ms", "lag_p99_ms", "lag_max_ms"),
                    each["cpu_ms_per_delivery_all"],
                    each["drain_s"],
                    each["connecting_s"],
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
