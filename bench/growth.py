"""Growth: 10,000, 100,000 and 1,000,000 orders in the tables; lag, list pages and replay are to stay as they are.

The tables are filled with copies of orders that were written as the services write them (see copies.py). The
references are the smallest size, and the shortest path at the same rate.
"""

from __future__ import annotations

import signal
import time
from typing import Any
from uuid import UUID

from bench.benchmark import Benchmark, Figure, Found
from bench.copies import TEMPLATES, filled
from bench.database import connected
from bench.delivering import deliver
from bench.measure import percentile
from bench.orders import produce, woo_deliveries
from bench.page import slashed, table
from bench.shortest import bare_told, deliver_bare
from bench.system import System, running_system
from longshore.paging import write_cursor

SIZES = (10_000, 100_000, 1_000_000)
CALLS = 100
MEASURED_FROM = 500_000_000
"""Ids of orders that are delivered, far above those that are filled in."""


async def run(*, quick: bool) -> Found:
    """The curve."""
    sizes, rate, seconds, backlog = ((2_000, 10_000), 200.0, 5.0, 1_000) if quick else (SIZES, 700.0, 15.0, 10_000)
    results: Found = {"rate": rate, "backlog_events": 2 * backlog, "sizes": {}}
    async with running_system() as system:
        store = await system.connect_woocommerce()
        await deliver_bare(system, 200.0, 3.0, first_id=1_000)
        results["bare"] = await deliver_bare(system, rate, seconds, first_id=10_000_000)
        await deliver(system, store, rate=200, duration_s=4, first_id=MEASURED_FROM - 100_000)
        database_url = system.stack.infra.database_url
        there = 0
        for number, size in enumerate(sizes):
            began = time.monotonic()
            await filled(database_url, UUID(store["org_id"]), UUID(store["id"]), there, size - there)
            there = size
            await _tidy(database_url)
            await system.settle()
            found: Found = {"fill_s": round(time.monotonic() - began, 1)}
            first_id = MEASURED_FROM + number * 10_000_000
            found["pages_ms"] = await _pages(system, store)
            found |= await deliver(system, store, rate=rate, duration_s=seconds, first_id=first_id)
            found["replay_per_s"] = await _replay(system, store, backlog, first_id + 5_000_000)
            results["sizes"][str(size)] = found
    return results


async def _tidy(database_url: str) -> None:
    """What autovacuum does by itself in hours of growing by the stream."""
    async with connected(database_url) as conn:
        await conn.execute("VACUUM ANALYZE")
        await conn.execute("CHECKPOINT")


async def _pages(system: System, store: dict[str, Any]) -> dict[str, Found]:
    """Each kind of list page, some dozen times."""
    async with connected(system.stack.infra.database_url) as conn:
        middle = await conn.fetchrow(
            "SELECT id, placed_at, external_id FROM order_sync.orders"
            " ORDER BY placed_at DESC OFFSET (SELECT count(*) / 2 FROM order_sync.orders) LIMIT 1"
        )
    customer = await _a_customers_name(system, middle["id"])
    asked: dict[str, dict[str, str]] = {
        "first page": {},
        "deep cursor": {"cursor": write_cursor(middle["placed_at"], middle["id"])},
        "of a store and status": {"integration_id": store["id"], "status": "processing"},
        "q= one order": {"q": middle["external_id"]},
        "q= a common name": {"q": customer},
    }
    found: dict[str, Found] = {}
    for name, query in asked.items():
        times = []
        for _ in range(CALLS):
            began = time.perf_counter()
            answer = await system.client.get("/api/v1/orders", params={"limit": "50"} | query)
            times.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            if not answer.json()["items"]:
                raise RuntimeError(f"{name}: an empty page")
        times.sort()
        found[name] = {f"p{share}_ms": round(percentile(times, share / 100), 1) for share in (50, 99)}
    return found


async def _a_customers_name(system: System, order_id: str) -> str:
    """Many orders have it: goods and buyers repeat."""
    order = (await system.client.get(f"/api/v1/orders/{order_id}")).raise_for_status().json()
    name: str = order["billing_address"]["last_name"]
    return name


async def _replay(system: System, store: dict[str, Any], orders: int, first_id: int) -> int:
    """Raw events/s that are applied of a backlog: written while the connector stands still, then let go."""
    messages = list(woo_deliveries(store["org_id"], store["id"], orders, first_id=first_id))
    supervisor = system.stack.supervisor
    supervisor.signal("connector-woo", signal.SIGSTOP)
    try:
        count = await produce(system.servers, messages)
    finally:
        supervisor.signal("connector-woo", signal.SIGCONT)
    began = time.monotonic()
    await system.settle()
    return round(count / (time.monotonic() - began))


def section(found: Found) -> str:
    """For bench/README.md."""
    sizes = found["sizes"]
    pages = list(next(iter(sizes.values()))["pages_ms"])
    rows: list[list[object]] = [
        [
            "lag ms p50 / p99 / max",
            *[slashed(each, "lag_p50_ms", "lag_p99_ms", "lag_max_ms") for each in sizes.values()],
        ],
        ["orders missing", *[each["orders_missing"] for each in sizes.values()]],
        ["CPU ms per delivery", *[each["cpu_ms_per_delivery_all"] for each in sizes.values()]],
        ["backlog, raw events/s", *[each["replay_per_s"] for each in sizes.values()]],
    ]
    rows.extend(
        [f"{name}: ms p50 / p99", *[slashed(each["pages_ms"][name], "p50_ms", "p99_ms") for each in sizes.values()]]
        for name in pages
    )
    return (
        f"So many orders in the tables; then {found['rate']:,.0f} deliveries/s, {CALLS} pages of each kind of list (50"
        f" orders, through the gateway), and a backlog of {found['backlog_events']:,} raw events that is let go. The"
        " reference is the smallest size. What is in the tables before is synthetic: copies, made inside PostgreSQL, of"
        f" {TEMPLATES} orders that were written by the services' own code, with ids, numbers, dates and digests of"
        " their own.\n\n" + bare_told(found["bare"]) + table(["", *[f"{int(size):,} orders" for size in sizes]], rows)
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        figure
        for size, each in found["sizes"].items()
        for figure in (
            Figure(f"lag p99 ms at {size}", each["lag_p99_ms"] or 0.0, "lower"),
            Figure(f"replay/s at {size}", each["replay_per_s"]),
            *[Figure(f"{name} ms at {size}", page["p50_ms"], "lower") for name, page in each["pages_ms"].items()],
        )
    ]


BENCHMARK = Benchmark("growth", "10,000 to 1,000,000 orders: lag, list pages, replay", 8.0, run, section, figures)
