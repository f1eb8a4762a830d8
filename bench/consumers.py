"""Consumers: 1, 2 and 4 processes of one group, order-sync's and the connector's, on a backlog."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from uuid import UUID

from bench import bare
from bench.benchmark import Benchmark, Figure, Found
from bench.database import connected
from bench.orders import produce, woo_deliveries, woo_snapshots
from bench.page import table
from bench.progress import committed, rate_of
from bench.system import System, running_system
from bench.usage import Usage
from longshore.broker import COMMERCE_ORDERS, RAW, Message, ensure_topics
from longshore.ids import uuid7
from longshore_devkit.stack import BEHIND_GATEWAY

COUNTS = (1, 2, 4)
PARTITIONS = 4
GROUPS = {
    "order-sync": ("order-sync.orders", COMMERCE_ORDERS.name),
    "connector-woo": ("connector-woo.raw", RAW("woocommerce").name),
}


async def run(*, quick: bool) -> Found:
    """Records/s of each number of processes; the references are one, and a bare consumer. All topics have four
    partitions."""
    count = 6_000 if quick else 20_000
    results: Found = {"records": count, "groups": {name: {} for name in GROUPS}, "bare": {}}
    async with running_system(services=()) as system:
        await ensure_topics(system.servers, "", [COMMERCE_ORDERS, RAW("woocommerce")])
        for name in GROUPS:
            for processes in COUNTS:
                results["groups"][name][str(processes)] = await _measure(system, name, processes, count)
            results["bare"][name] = await _bare(system, name, count)
    return results


async def _measure(system: System, name: str, processes: int, count: int) -> Found:
    """The processes stand still while the backlog is written, so that it lies there for all of them at once."""
    group, topic = GROUPS[name]
    service = tuple(each for each in BEHIND_GATEWAY if each.name == name)
    backlog = _backlog(name, count)
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(
                running_system(system.stack.infra.environ | system.stack.keys, services=service)
            )
            for _ in range(processes)
        ]
        await produce(system.servers, _backlog(name, 200))
        before = await committed(system.servers, group, [topic])
        for each in running:
            each.stack.supervisor.signal(name, signal.SIGSTOP)
        before = await committed(system.servers, group, [topic])
        await produce(system.servers, backlog)
        async with Usage.watching() as usage:
            for each in running:
                each.stack.supervisor.signal(name, signal.SIGCONT)

            async def done() -> int:
                return await committed(system.servers, group, [topic]) - before

            rate = await rate_of(done, count)
    used = usage.cpu_ms_per(count)
    return {"per_s": round(rate), "cpu_ms_per_record_all": round(sum(used.values()), 3)}


async def _bare(system: System, name: str, count: int) -> Found:
    """One bare consumer with a bulk upsert on a topic of its own with the same records."""
    infra, topic = system.stack.infra, f"bench.{name}"
    await bare.make_topic(infra, topic, PARTITIONS)
    await produce(system.servers, (replace(each, topic=topic) for each in _backlog(name, count)))
    async with (
        bare.consumer(infra, topic, "snapshot" if name == "order-sync" else "woo"),
        connected(infra.database_url) as conn,
        Usage.watching() as usage,
    ):
        rate = await rate_of(lambda: conn.fetchval("SELECT count(*) FROM bench_bare.orders"), count)
    return {"per_s": round(rate), "cpu_ms_per_record_all": round(sum(usage.cpu_ms_per(count).values()), 3)}


def _backlog(name: str, count: int) -> list[Message]:
    """Orders of a store of its own."""
    org, store = uuid7(), UUID(int=uuid7().int)
    if name == "order-sync":
        return list(woo_snapshots(org, store, count))
    return list(woo_deliveries(org, store, count, copies=1))


def section(found: Found) -> str:
    """For bench/README.md."""
    return (
        f"A backlog of {found['records']:,} orders, applied by so many processes of one group (four partitions; Kafka"
        " and PostgreSQL have the same two cores, so more than one process gains what waiting for them leaves)."
        " The bare ceiling is a consumer with a bulk upsert"
        " and nothing else, on the same records.\n\n"
        + table(
            [
                "processes",
                *[f"{name}: records/s" for name in found["groups"]],
                *[f"{n}: CPU ms" for n in found["groups"]],
            ],
            [
                [
                    count,
                    *[each[count]["per_s"] for each in found["groups"].values()],
                    *[each[count]["cpu_ms_per_record_all"] for each in found["groups"].values()],
                ]
                for count in next(iter(found["groups"].values()))
            ]
            + [
                [
                    "one bare consumer",
                    *[found["bare"][name]["per_s"] for name in found["groups"]],
                    *[found["bare"][name]["cpu_ms_per_record_all"] for name in found["groups"]],
                ]
            ],
        )
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure(f"{name} records/s, {count}", each["per_s"])
        for name, counts in found["groups"].items()
        for count, each in counts.items()
    ]


BENCHMARK = Benchmark("consumers", "1, 2 and 4 processes of one group", 4.0, run, section, figures)
