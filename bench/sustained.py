"""Sustained: 2,000 signed 5 KB deliveries/s for ten minutes, half a WooCommerce store's, half a Shopify store's.

Each order is delivered three times, as in Shopify's highest minute: 667 orders a second, about three webhooks each.
What is sold is listed in a third, simulated store, to which the stock has to be pushed in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import stat
import statistics
import time
from pathlib import Path
from typing import Any

from bench import topics
from bench.benchmark import Benchmark, Figure, Found
from bench.delivering import CONNECTIONS, COPIES, plan_for
from bench.generator import generate
from bench.lag import EVENTS, OUTCOMES, first_told, lags, oversell_windows
from bench.measure import by_minute, in_ms
from bench.page import slashed, table
from bench.selling import SecondStore
from bench.shortest import BARE_S, bare_told, deliver_bare
from bench.system import System, running_system
from bench.usage import GENERATOR, MIB, cpu_by_name, memory_by_name
from longshore_devkit.loadgen import LoadResult


async def run(*, quick: bool) -> Found:
    """Ten minutes; quick: half a minute at a lower rate."""
    rate, seconds, every_s = (600.0, 30.0, 10.0) if quick else (2_000.0, 600.0, 60.0)
    second = SecondStore.new()
    async with running_system(beside=(second.spec,)) as system:
        skus = await second.connect(system)
        warm = [
            await system.connect_woocommerce("http://127.0.0.1:10"),
            await system.connect_shopify("warm.myshopify.com"),
        ]
        stores = [await system.connect_woocommerce(), await system.connect_shopify()]
        await deliver_bare(system, 200.0, 3.0, first_id=1_000)
        bare = await deliver_bare(system, rate, min(seconds, BARE_S), first_id=10_000_000)
        await _deliver(system, warm, skus, 200.0, 5.0)
        await system.settle()
        return {"rate": rate, "seconds": seconds, "bare": bare} | await _measure(
            system, stores, skus, rate, seconds, every_s
        )


async def _measure(
    system: System, stores: list[dict[str, Any]], skus: tuple[str, ...], rate: float, seconds: float, every_s: float
) -> Found:
    servers, data = system.servers, system.stack.data_dir.path
    starts = {name: await topics.ends(servers, name) for name in (EVENTS, OUTCOMES)}
    disk_before = await _disk(data)
    cpu_before = cpu_by_name()
    memory = [memory_by_name()]
    sampling = asyncio.create_task(_sample(memory, every_s))
    began = time.time()
    try:
        results = await _deliver(system, stores, skus, rate, seconds)
        drained = await system.settle()
    finally:
        sampling.cancel()
    memory.append(memory_by_name())
    cpu = {name: used - cpu_before.get(name, 0.0) for name, used in cpu_by_name().items()}
    # What is read of Kafka below is not part of it.
    disk = await _disk(data)
    told = await first_told(servers, starts[EVENTS])
    found = {
        (store["id"], order): (result.intended[order], lag)
        for store, result in zip(stores, results, strict=True)
        for order, lag in lags(told, store["id"], result.intended).items()
    }
    windows = await oversell_windows(servers, starts[OUTCOMES])
    orders = sum(len(result.accepted_ids) for result in results)
    sent = sum(result.sent for result in results)
    hashes = [(await system.client.get("/api/v1/system/state-hash")).json() for _ in range(2)]
    return {
        "deliveries": sent,
        "accepted": sum(result.accepted for result in results),
        "achieved_per_s": round(sum(result.rate for result in results)),
        "orders": orders,
        "orders_missing": orders - len(found),
        "answer_p50_ms": statistics.mean(result.latency.p50_ms for result in results),
        "answer_p99_ms": max(result.latency.p99_ms for result in results),
        "lag": in_ms(lag for _, lag in found.values()),
        "lag_by_minute": by_minute(found.values(), began),
        "oversell": {"pushes": len(windows)} | in_ms(window for _, window in windows),
        "drain_s": round(drained, 2),
        "hash_stands_still": hashes[0] == hashes[1],
        "cpu_ms_per_delivery": {name: round(used * 1000 / sent, 3) for name, used in cpu.items() if used > 0.05},
        "cores": round(sum(cpu.values()) / seconds, 2),
        "memory_every_s": every_s,
        "memory_mib": {
            name: [round(look.get(name, 0) / MIB) for look in memory] for name in sorted(memory[0]) if name != GENERATOR
        },
        "disk_bytes_per_order": {name: round((disk[name] - disk_before[name]) / orders) for name in disk},
    }


async def _deliver(
    system: System, stores: list[dict[str, Any]], skus: tuple[str, ...], rate: float, seconds: float
) -> list[LoadResult]:
    """All stores at an equal part of the rate."""
    share = {"rate": rate / len(stores), "connections": CONNECTIONS // len(stores)}
    plans = [plan_for(store, duration_s=seconds, skus=skus, copies=COPIES, **share) for store in stores]
    return list(await asyncio.gather(*(generate(plan) for plan in plans)))


async def _sample(memory: list[dict[str, int]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        memory.append(memory_by_name())


async def _disk(data: Path) -> dict[str, int]:
    """Bytes that Kafka and PostgreSQL take on the disk; PostgreSQL's log of changes, which it reuses, apart."""
    folders = {"kafka": data / "kafka", "postgres": data / "postgres"}
    sizes = {name: await asyncio.to_thread(size_of, folder) for name, folder in folders.items()}
    wal = 0
    for folder in await asyncio.to_thread(lambda: list(folders["postgres"].rglob("pg_wal"))):
        wal += await asyncio.to_thread(size_of, folder)
    return {"kafka": sizes["kafka"], "postgres without WAL": sizes["postgres"] - wal, "WAL (reused)": wal}


def size_of(folder: Path) -> int:
    """Bytes that a folder takes; files that go meanwhile are left out."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                total += found.st_blocks * 512
    return total


def section(found: Found) -> str:
    """For bench/README.md."""
    lag, oversell = found["lag"], found["oversell"]
    minutes = [
        [minute + 1, each["p50_ms"], each["p99_ms"], each["max_ms"]]
        for minute, each in enumerate(found["lag_by_minute"])
    ]
    memory = [
        [name, looks[0], max(looks), looks[-1], " ".join(str(each) for each in looks)]
        for name, looks in found["memory_mib"].items()
    ]
    disk = ", ".join(f"{name} {size}" for name, size in found["disk_bytes_per_order"].items())
    return (
        f"{found['rate']:,.0f} signed 5 KB deliveries/s for {found['seconds']:.0f} s, open loop by {CONNECTIONS}"
        " connections, half of them a"
        " WooCommerce store's and half a Shopify store's, each order delivered"
        " three times (created, updated, paid), of goods"
        " that a third, simulated store lists: its stock is pushed there. Everything, the load generators and that"
        " store are on this machine.\n\n"
        + bare_told(found["bare"])
        + f"{found['accepted']:,} deliveries taken ({found['achieved_per_s']:,}/s), {found['orders']:,} orders, of"
        f" which **{found['orders_missing']} are missing**; answers p50 / p99 {found['answer_p50_ms']:.1f} /"
        f" {found['answer_p99_ms']:.1f} ms; lag p50 / p99 / max **{slashed(lag, 'p50_ms', 'p99_ms', 'max_ms')} ms**;"
        f" oversell window p50 / p99 / max {slashed(oversell, 'p50_ms', 'p99_ms', 'max_ms')} ms"
        f" ({oversell['pushes']:,} pushes); drained {found['drain_s']} s after the last delivery;"
        f" {found['cores']} cores used, the store with them and the generators without. The state's hash"
        f" {'stands still' if found['hash_stands_still'] else 'DOES NOT STAND STILL'} afterwards.\n\n"
        + table(["minute", "lag p50 ms", "p99 ms", "max ms"], minutes)
        + f"Memory in MiB, at the beginning, every {found['memory_every_s']:.0f} s, and at the end (PostgreSQL: without"
        " what its processes share):\n\n"
        + table(["process", "start", "most", "end", "all"], memory)
        + table(
            ["process", "CPU ms per delivery"],
            [[name, used] for name, used in sorted(found["cpu_ms_per_delivery"].items())],
        )
        + f"Disk, bytes per order: {disk}."
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    ours = [
        used
        for name, used in found["cpu_ms_per_delivery"].items()
        if name != GENERATOR and not name.startswith("store-")
    ]
    return [
        Figure("achieved/s", found["achieved_per_s"]),
        Figure("lag p50 ms", found["lag"]["p50_ms"] or 0.0, "lower"),
        Figure("lag p99 ms", found["lag"]["p99_ms"] or 0.0, "lower"),
        Figure("oversell window p99 ms", found["oversell"]["p99_ms"] or 0.0, "lower"),
        Figure("CPU ms per delivery", round(sum(ours), 3), "lower"),
        Figure("memory MiB at the end", sum(looks[-1] for looks in found["memory_mib"].values()), "lower"),
        Figure("disk bytes per order", sum(list(found["disk_bytes_per_order"].values())[:2]), "lower"),
    ]


BENCHMARK = Benchmark(
    "sustained",
    "2,000 deliveries/s for ten minutes: lag, pushes, memory, disk",
    13.0,
    run,
    section,
    figures,
)
