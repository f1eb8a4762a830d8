"""The reference for everything from socket to row: the shortest whole path there can be.

A bare gateway, Kafka, one bare batch consumer with a bulk upsert, PostgreSQL.
It neither translates nor keeps revisions, stock or an outbox.
"""

from __future__ import annotations

from dataclasses import replace

from bench import bare, bare_gateway
from bench.benchmark import Found
from bench.database import connected
from bench.delivering import CONNECTIONS, answers, costs
from bench.generator import generate
from bench.measure import in_ms
from bench.page import slashed
from bench.system import SECRET, System
from bench.usage import Usage
from longshore_devkit.loadgen import LoadPlan
from longshore_devkit.testing import eventually

BARE_S = 15.0
"""How long the reference runs beside a longer benchmark."""


async def deliver_bare(system: System, rate: float, seconds: float, *, first_id: int) -> Found:
    """The same deliveries on the shortest path. Our own services stand by; only Kafka's and PostgreSQL's part of what
    they use meanwhile is in the figures (a few per cent of a core)."""
    infra = system.stack.infra
    plan = LoadPlan(url="", secret=SECRET, rate=rate, duration_s=seconds, connections=CONNECTIONS, first_id=first_id)
    async with (
        bare.gateway(infra) as url,
        bare.consumer(infra, bare_gateway.TOPIC, "woo") as consumer,
        Usage.watching() as usage,
    ):
        result = await generate(replace(plan, url=url))
        await eventually(lambda: _all_written(infra.database_url, result.accepted_ids), timeout=60)
    usage.only("bare-gateway", "bare-consumer", "kafka", "postgres")
    found = {
        order: consumer.committed[str(order)] - moment
        for order, moment in result.intended.items()
        if str(order) in consumer.committed
    }
    return (
        {"offered_per_s": rate}
        | answers(result)
        | {"orders_missing": len(result.accepted_ids - found.keys())}
        | {f"lag_{name}": value for name, value in in_ms(found.values()).items()}
        | costs(usage, result)
    )


def bare_told(found: Found) -> str:
    """A paragraph for bench/README.md."""
    return (
        "The bare ceiling, just before: the shortest path (bare gateway, Kafka, bare consumer with a bulk upsert) at"
        f" {found['offered_per_s']:,.0f} WooCommerce deliveries/s: {found['achieved_per_s']:,}/s achieved,"
        f" {found['orders_missing']} orders missing, lag p50 / p99 / max"
        f" {slashed(found, 'lag_p50_ms', 'lag_p99_ms', 'lag_max_ms')} ms, {found['cpu_ms_per_delivery_all']} ms of CPU"
        " per delivery.\n\n"
    )


async def _all_written(database_url: str, ids: set[int]) -> bool:
    query = "SELECT count(*) FROM bench_bare.orders WHERE id = ANY($1::text[])"
    async with connected(database_url) as conn:
        found: int = await conn.fetchval(query, [str(each) for each in ids])
    return found == len(ids)
