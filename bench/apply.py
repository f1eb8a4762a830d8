"""Apply: order-sync's own consumer against a bare batch consumer with a bulk upsert, on the same pre-filled topic.

Ours also keeps the whole snapshot as a revision, makes the order findable, and says what changed through its outbox.
"""

from __future__ import annotations

from uuid import UUID

from bench import bare
from bench.benchmark import Benchmark, Figure, Found
from bench.database import connected
from bench.orders import produce, woo_snapshots
from bench.page import table
from bench.progress import committed, rate_of
from bench.system import System, running_system
from bench.usage import Usage
from longshore.broker import COMMERCE_ORDERS, ensure_topics
from longshore.ids import uuid7
from longshore_devkit.stack import BEHIND_GATEWAY

GROUP = "order-sync.orders"


async def run(*, quick: bool) -> Found:
    """Orders/s and CPU per order of both, and their ratio; the bare one before and after ours."""
    count = 10_000 if quick else 60_000
    order_sync = tuple(each for each in BEHIND_GATEWAY if each.name == "order-sync")
    async with running_system(services=()) as system:
        infra = system.stack.infra
        await ensure_topics(infra.bootstrap_servers, "", [COMMERCE_ORDERS])
        assert await produce(infra.bootstrap_servers, woo_snapshots(uuid7(), UUID(int=1), count)) == count
        before = await _bare(system, count)
        async with Usage.watching() as usage, running_system(infra.environ, services=order_sync):
            rate = await rate_of(lambda: committed(infra.bootstrap_servers, GROUP, [COMMERCE_ORDERS.name]), count)
            usage.finish()
        after = await _bare(system, count)
    bare_rate = (before["orders_per_s"] + after["orders_per_s"]) / 2
    return {
        "orders": count,
        "order_sync": {"orders_per_s": round(rate)} | _cpu(usage, count),
        "bare": [before, after],
        "ratio": round(rate / bare_rate, 3),
    }


async def _bare(system: System, count: int) -> Found:
    infra = system.stack.infra
    async with (
        bare.consumer(infra, COMMERCE_ORDERS.name, "snapshot"),
        connected(infra.database_url) as conn,
        Usage.watching() as usage,
    ):
        rate = await rate_of(lambda: conn.fetchval("SELECT count(*) FROM bench_bare.orders"), count)
    return {"orders_per_s": round(rate)} | _cpu(usage, count)


def _cpu(usage: Usage, count: int) -> Found:
    used = {name: value for name, value in usage.cpu_ms_per(count).items() if value >= 0.001}
    return {"cpu_ms_per_order": used, "cpu_ms_per_order_all": round(sum(used.values()), 3)}


def section(found: Found) -> str:
    """For bench/README.md."""
    first, last = found["bare"]
    rows = [("bare, before", first), ("order-sync", found["order_sync"]), ("bare, after", last)]
    return (
        f"{found['orders']} snapshots of orders lie in `commerce.orders`; how fast one process of order-sync applies"
        " them, against a bare consumer (Pydantic, small model; orders and lines upserted by unnest) on the same topic."
        " Ours also keeps each snapshot as a revision, indexes the words that it is found by, and writes and relays an"
        " event per order.\n\n"
        + table(
            ["", "orders/s", "CPU ms per order, all", "of that"],
            [
                [
                    name,
                    each["orders_per_s"],
                    each["cpu_ms_per_order_all"],
                    ", ".join(f"{process} {used}" for process, used in each["cpu_ms_per_order"].items()),
                ]
                for name, each in rows
            ],
        )
        + f"Ratio: **{found['ratio']}**."
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure("orders/s", found["order_sync"]["orders_per_s"]),
        Figure("of the bare ceiling", found["ratio"]),
        Figure("CPU ms per order", found["order_sync"]["cpu_ms_per_order_all"], "lower"),
    ]


BENCHMARK = Benchmark(
    "apply",
    "order-sync's consumer against a bare batch consumer with a bulk upsert",
    2.0,
    run,
    section,
    figures,
    default=True,
)
