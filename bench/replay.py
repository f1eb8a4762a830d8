"""Replay: canonical state dropped and rebuilt from the raw log (docs/operations.md), and how fast that is.

The reference is a bare batch consumer with a bulk upsert on the same raw log.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import asyncpg
import httpx

from bench import bare
from bench.benchmark import Benchmark, Figure, Found
from bench.database import connected
from bench.delivering import COPIES
from bench.orders import produce, woo_deliveries
from bench.page import table
from bench.progress import rate_of
from bench.system import System, running_system
from bench.usage import Usage
from longshore.broker import RAW
from longshore_devkit import rebuild
from longshore_devkit.data_dir import DataDir
from longshore_devkit.ports import free_port
from longshore_devkit.stack import Stack


async def run(*, quick: bool) -> Found:
    """Raw events a second, end to end; the hash before and after."""
    orders = 4_000 if quick else 50_000
    # Kafka and PostgreSQL stay up while the services stop and start again.
    async with running_system(services=()) as infra:
        with tempfile.TemporaryDirectory(prefix="longshore-bench-replay-") as folder:
            os.chmod(folder, 0o711)  # noqa: S103  (as running_system does)
            environ = (
                {name: value for name, value in os.environ.items() if not name.startswith("LONGSHORE_")}
                | infra.stack.infra.environ
                | {"LONGSHORE_HTTP_PORT": str(free_port()), "LONGSHORE_ALLOW_PRIVATE_STORES": "1"}
            )
            return await _measure(infra, DataDir(Path(folder)), environ, orders)


async def _measure(infra: System, data_dir: DataDir, environ: dict[str, str], orders: int) -> Found:
    events = COPIES * orders
    async with Stack(data_dir, environ) as stack, _client(stack) as client:
        system = System(stack, client)
        store = await system.connect_woocommerce()
        await produce(infra.servers, woo_deliveries(store["org_id"], store["id"], orders, copies=COPIES))
        await system.settle(900)
        before = (await client.get("/api/v1/system/state-hash")).json()
    await rebuild.begin(data_dir, environ)
    stack = Stack(data_dir, environ)
    database_url = infra.stack.infra.database_url
    try:
        async with connected(database_url) as conn, Usage.watching() as usage:
            began = time.monotonic()
            await stack.start()
            # A look counts all rows: it is no small part of PostgreSQL's work if there are many.
            rate = await rate_of(lambda: _rebuilt(conn), orders, every_s=0.5) * COPIES
            async with _client(stack) as client:
                await System(stack, client).settle(900)
                took = time.monotonic() - began
                usage.finish()
                after = (await client.get("/api/v1/system/state-hash")).json()
    finally:
        await stack.stop()
    async with bare.consumer(infra.stack.infra, RAW("woocommerce").name, "woo"), connected(database_url) as conn:
        bare_rate = await rate_of(lambda: conn.fetchval("SELECT count(*) FROM bench_bare.orders"), orders) * COPIES
    return {
        "events": events,
        "per_s": round(rate),
        "whole_s": round(took, 1),
        "bare_per_s": round(bare_rate),
        "ratio": round(rate / bare_rate, 3),
        "same_hash": before == after,
        "cpu_ms_per_event": {name: used for name, used in usage.cpu_ms_per(events).items() if used >= 0.001},
        "peak_rss_mib": usage.peaks_mib(),
    }


def _client(stack: Stack) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    return httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=20.0)


async def _rebuilt(conn: asyncpg.Connection) -> int:
    """Orders that both services have again."""
    query = "SELECT least((SELECT count(*) FROM order_sync.orders), (SELECT count(*) FROM inventory.orders))"
    found: int = await conn.fetchval(query)
    return found


def section(found: Found) -> str:
    """For bench/README.md."""
    hash_is = "the same" if found["same_hash"] else "NOT THE SAME"
    return (
        f"{found['events']:,} deliveries of {found['events'] // COPIES:,} orders in the raw log; canonical state is"
        " dropped and rebuilt from it, through all services, with the hub's own decisions. The reference is a bare"
        " consumer (parse, bulk upsert by unnest) on the same log.\n\n"
        f"**{found['per_s']:,} events/s** (bare: {found['bare_per_s']:,}; ratio {found['ratio']}), {found['whole_s']} s"
        f" from starting the services until all was settled. The state's hash is {hash_is}.\n\n"
        + table(
            ["process", "CPU ms per event", "peak MiB"],
            [[name, used, found["peak_rss_mib"].get(name)] for name, used in found["cpu_ms_per_event"].items()],
        )
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure("events/s", found["per_s"]),
        Figure("of the bare ceiling", found["ratio"]),
        Figure("CPU ms per event", round(sum(found["cpu_ms_per_event"].values()), 3), "lower"),
    ]


BENCHMARK = Benchmark(
    "replay", "the raw log replayed: state dropped and rebuilt", 4.0, run, section, figures, default=True
)
