"""The stream: webhooks at a fixed rate, from socket to canonical row, with everything on this machine.

Open loop; lag is from the intended send time. The reference, in the same run, is the shortest path there can be: a bare
gateway, Kafka, one bare batch consumer with a bulk upsert, PostgreSQL.
"""

from __future__ import annotations

from bench.benchmark import Benchmark, Figure, Found
from bench.delivering import deliver
from bench.page import slashed, table
from bench.shortest import deliver_bare
from bench.system import running_system

RATES = (700, 1_000, 1_500, 2_000)


async def run(*, quick: bool) -> Found:
    """Lag, latency, CPU per delivery and peak memory at each rate, ours and the bare path's."""
    seconds = 10.0 if quick else 25.0
    results: Found = {"seconds": seconds, "rates": {}, "bare": {}}
    async with running_system() as system:
        stores = [await system.connect_woocommerce(f"http://127.0.0.1:{port}") for port in (9, 10)]
        # Imports, caches and the JVM's compiler are warm before anything is measured.
        await deliver(system, stores[0], rate=300, duration_s=5, first_id=1_000)
        for number, rate in enumerate(RATES):
            first_id = 10_000_000 * (number + 1)
            results["rates"][str(rate)] = await deliver(
                system, stores[1], rate=rate, duration_s=seconds, first_id=first_id
            )
        await deliver_bare(system, 300, 3.0, first_id=1_000)
        for number, rate in enumerate((RATES[0], RATES[-1])):
            results["bare"][str(rate)] = await deliver_bare(
                system, rate, seconds / 2, first_id=10_000_000 * (number + 1)
            )
    return results


def section(found: Found) -> str:
    """For bench/README.md."""
    rates, references = found["rates"], found.get("bare", {})
    names = sorted({name for each in rates.values() for name in each["peak_rss_mib"]})
    return (
        f"From socket to canonical order: open loop, {found['seconds']:.0f} s at each rate, each order delivered twice"
        " (created and updated), everything and the load generator on this machine. Lag is from the intended send time"
        " of an order's first delivery to its OrderChanged event in Kafka, which is written after the row is committed."
        " The reference is the shortest whole path in the same run: bare gateway, Kafka, one bare batch consumer"
        " (parse, bulk upsert by unnest), PostgreSQL; it neither translates nor keeps revisions, stock or an"
        " outbox.\n\n"
        + table(
            [
                "offered/s",
                "achieved/s",
                "orders missing",
                "answer ms p50 / p99",
                "lag ms p50 / p99 / max",
                "drained after s",
                "CPU ms per delivery",
                "generator's own",
            ],
            [_row(rate, each) for rate, each in rates.items()]
            + [_row(f"{rate}, bare path", each) for rate, each in references.items()],
        )
        + "CPU ms per delivery / peak MiB of each process:\n\n"
        + table(
            ["process", *[f"at {rate}/s" for rate in rates]],
            [
                [name]
                + [
                    f"{each['cpu_ms_per_delivery'].get(name, 0)} / {each['peak_rss_mib'].get(name, 0)}"
                    for each in rates.values()
                ]
                for name in names
            ],
        )
    )


def _row(rate: str, each: Found) -> list[object]:
    return [
        rate,
        each["achieved_per_s"],
        each["orders_missing"],
        f"{each['answer_p50_ms']:.1f} / {each['answer_p99_ms']:.1f}",
        slashed(each, "lag_p50_ms", "lag_p99_ms", "lag_max_ms"),
        each.get("drain_s"),
        each["cpu_ms_per_delivery_all"],
        each.get("cpu_ms_per_delivery_generator"),
    ]


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        figure
        for rate, each in found["rates"].items()
        for figure in (
            Figure(f"achieved/s at {rate}/s", each["achieved_per_s"]),
            Figure(f"lag p99 ms at {rate}/s", each["lag_p99_ms"] or 0.0, "lower"),
            Figure(f"CPU ms per delivery at {rate}/s", each["cpu_ms_per_delivery_all"], "lower"),
        )
    ]


BENCHMARK = Benchmark(
    "stream",
    "from socket to canonical row at 700 to 2,000 deliveries/s, against the shortest path",
    4.0,
    run,
    section,
    figures,
    default=True,
)
