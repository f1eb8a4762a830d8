"""Burst: ten times the base rate for half a minute; nothing is lost, and how long it takes until all is applied."""

from __future__ import annotations

import asyncio

from bench import topics
from bench.benchmark import Benchmark, Figure, Found
from bench.delivering import answers, plan_for
from bench.generator import generate
from bench.lag import EVENTS, first_told, lags
from bench.measure import in_ms
from bench.page import slashed, table
from bench.shortest import BARE_S, bare_told, deliver_bare
from bench.system import running_system
from bench.usage import Usage
from longshore_devkit.loadgen import LoadResult

TIMES = 10


async def run(*, quick: bool) -> Found:
    """The base rate before, the burst, the base rate while it drains.

    The references are the base rate by itself, and the shortest path at the burst's rate.
    """
    base, calm_s, burst_s = (60.0, 5.0, 8.0) if quick else (300.0, 15.0, 30.0)
    async with running_system() as system:
        store = await system.connect_woocommerce()
        await deliver_bare(system, base, 3.0, first_id=1_000)
        bare = await deliver_bare(system, base * TIMES, min(burst_s, BARE_S), first_id=10_000_000)
        results: list[LoadResult] = []
        starts = await topics.ends(system.servers, EVENTS)
        async with Usage.watching() as usage:
            for number, (rate, seconds) in enumerate(((base, calm_s), (base * TIMES, burst_s))):
                plan = plan_for(
                    store, rate=rate, duration_s=seconds, first_id=10_000_000 * (number + 1), retry_for_s=60
                )
                results.append(await generate(plan))
            after = plan_for(store, rate=base, duration_s=calm_s, first_id=30_000_000, retry_for_s=60)
            calm = asyncio.create_task(generate(after))
            drained = await system.applied(store["id"], len(results[0].accepted_ids) + len(results[1].accepted_ids))
            results.append(await calm)
            await system.settle()
        told = await first_told(system.servers, starts)
    phases = {}
    for name, result in zip(("before", "burst", "after"), results, strict=True):
        found = lags(told, store["id"], result.intended)
        phases[name] = (
            answers(result)
            | {"orders_missing": len(result.accepted_ids - found.keys()), "refused": len(result.refused_ids)}
            | {f"lag_{key}": value for key, value in in_ms(found.values()).items()}
        )
    return {
        "base_per_s": base,
        "burst_per_s": base * TIMES,
        "burst_s": burst_s,
        "phases": phases,
        "drained_s": round(drained, 2),
        "bare": bare,
        "peak_rss_mib": usage.peaks_mib(),
    }


def section(found: Found) -> str:
    """For bench/README.md."""
    memory = ", ".join(f"{name} {size}" for name, size in found["peak_rss_mib"].items())
    return (
        f"{found['base_per_s']:,.0f} deliveries/s, then {found['burst_per_s']:,.0f}/s for {found['burst_s']:.0f} s,"
        " then the base rate again; everything on this machine. What is not answered 2xx is sent again for a minute, as"
        f" Shopify does. All of the burst was applied **{found['drained_s']} s** after its last delivery was"
        " answered.\n\n"
        + table(
            ["", "achieved/s", "orders missing", "refused", "answer ms p50 / p99", "lag ms p50 / p99 / max"],
            [
                [
                    name,
                    each["achieved_per_s"],
                    each["orders_missing"],
                    each["refused"],
                    f"{each['answer_p50_ms']:.1f} / {each['answer_p99_ms']:.1f}",
                    slashed(each, "lag_p50_ms", "lag_p99_ms", "lag_max_ms"),
                ]
                for name, each in found["phases"].items()
            ],
        )
        + bare_told(found["bare"])
        + f"Peak MiB: {memory}."
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure("taken/s in the burst", found["phases"]["burst"]["achieved_per_s"]),
        Figure("seconds to drain", found["drained_s"], "lower"),
        Figure("lag max ms", found["phases"]["burst"]["lag_max_ms"] or 0.0, "lower"),
    ]


BENCHMARK = Benchmark("burst", "ten times the base rate for half a minute", 2.0, run, section, figures)
