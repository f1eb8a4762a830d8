"""Delivering orders at a fixed rate in the name of a store, and what became of them: lag, answers, CPU."""

from __future__ import annotations

from typing import Any

from bench import topics
from bench.benchmark import Found
from bench.generator import generate
from bench.lag import EVENTS, first_told, lags
from bench.measure import in_ms
from bench.system import SECRET, System
from bench.usage import GENERATOR, Usage
from longshore_devkit.loadgen import LoadPlan, LoadResult

CONNECTIONS = 256
"""Of all stores together. An answer takes 30 ms where many come at once (they gather): with few connections it would be
these that bound the rate, and an order's lag would be the time for which it waited for one."""
COPIES = 3
"""Deliveries of each order where the whole stream is measured: a store sends about so many."""


def plan_for(store: dict[str, Any], **more: Any) -> LoadPlan:
    """Pairs of deliveries, as stores send them, to a connected store's own address."""
    platform: Any = store["platform"]
    shop = store["store_url"].removeprefix("https://") if platform == "shopify" else store["store_url"]
    return LoadPlan(
        url=store["webhook_url"],
        secret=SECRET,
        platform=platform,
        shop=shop,
        **{"connections": CONNECTIONS} | more,
    )


async def deliver(system: System, store: dict[str, Any], **plan: Any) -> Found:
    """Deliver, wait until all is applied, and tell how it went; `plan` as for LoadPlan.

    CPU is of every process beside this one; the generator's own is told apart.
    """
    starts = await topics.ends(system.servers, EVENTS)
    async with Usage.watching() as usage:
        result = await generate(plan_for(store, **plan))
        drained = await system.settle()
    told = await first_told(system.servers, starts)
    found = lags(told, store["id"], result.intended)
    return (
        answers(result)
        | {"orders": len(result.accepted_ids), "orders_missing": len(result.accepted_ids - found.keys())}
        | {f"lag_{name}": value for name, value in in_ms(found.values()).items()}
        | {"drain_s": round(drained, 2)}
        | costs(usage, result)
    )


def answers(result: LoadResult) -> Found:
    """What the generator saw."""
    return {
        "deliveries": result.sent,
        "accepted": result.accepted,
        "achieved_per_s": round(result.rate),
        "answer_p50_ms": result.latency.p50_ms,
        "answer_p99_ms": result.latency.p99_ms,
        "generator_late_p99_ms": result.lateness.p99_ms,
    }


def costs(usage: Usage, result: LoadResult) -> Found:
    """CPU milliseconds per delivery and memory of each process; the generator's CPU beside them."""
    usage.without(GENERATOR)
    return {
        "cpu_ms_per_delivery": usage.cpu_ms_per(result.sent),
        "cpu_ms_per_delivery_all": round(sum(usage.cpu_s.values()) * 1000 / result.sent, 3),
        "cpu_ms_per_delivery_generator": round(result.cpu_seconds * 1000 / result.sent, 3),
        "peak_rss_mib": usage.peaks_mib(),
    }
