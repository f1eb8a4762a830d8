"""What an order costs on disk: bytes in Kafka by topic and in PostgreSQL by schema, for deliveries of 5 KB.

Each order is delivered twice, as created and as updated with the same body, as stores do. Kafka's figure is the size of
its log segments, PostgreSQL's that of tables, indexes and TOAST after VACUUM.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from bench.benchmark import Benchmark, Figure, Found
from bench.page import table
from bench.system import SECRET, System, running_system
from longshore_devkit.infra.postgres import asyncpg_dsn
from longshore_devkit.loadgen import LoadPlan, run_load
from longshore_devkit.loadgen.plan import Platform
from longshore_devkit.stores.shopify.payloads import OrderWebhooks, order_id_of
from longshore_devkit.stores.woo.payloads import OrderBodies

SHOP = "bench-disk.myshopify.com"
BODY_BYTES = 5_000
RATE = 400.0
WARM = 100

_PARTITION = re.compile(r"(?P<topic>.+)-\d+")

_SIZES = """
    SELECT n.nspname AS schema, sum(pg_total_relation_size(c.oid))::bigint AS bytes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
    GROUP BY 1
"""


async def run(*, quick: bool) -> Found:
    """Bytes per order of both platforms."""
    orders = 400 if quick else 5_000
    results: dict[str, Any] = {"orders": orders, "deliveries_per_order": 2, "body_bytes": BODY_BYTES, "platforms": {}}
    # Nobody answers there: the shop is only its deliveries.
    async with running_system({"LONGSHORE_SHOPIFY_ADMIN_ORIGIN": "http://127.0.0.1:9"}) as system:
        stores: dict[Platform, str] = {
            "woocommerce": (await system.connect_woocommerce())["webhook_url"],
            "shopify": (await system.connect_shopify(SHOP))["webhook_url"],
        }
        for platform, url in stores.items():
            # What the first orders bring with them (segments, pages, the catalogue's SKUs) is no growth.
            await _deliver(system, platform, url, range(WARM))
            before = await _sizes(system)
            await _deliver(system, platform, url, range(WARM, WARM + orders))
            results["platforms"][platform] = _growth(before, await _sizes(system), orders)
    return results


async def _deliver(system: System, platform: Platform, url: str, numbers: range) -> None:
    """These orders of the platform's generator; all have to be accepted, and applied."""
    shopify, woo = OrderWebhooks(SHOP, (), size_bytes=BODY_BYTES), OrderBodies(BODY_BYTES, None)

    def body(n: int, at: float) -> bytes:
        number = numbers[n]
        return (
            shopify.make(number, moment=datetime.fromtimestamp(at, UTC)) if platform == "shopify" else woo(number, at)
        )

    def order_id(n: int) -> int:
        return order_id_of(numbers[n]) if platform == "shopify" else woo.order_id(numbers[n])

    plan = LoadPlan(
        url=url,
        secret=SECRET,
        platform=platform,
        shop=SHOP,
        rate=RATE,
        orders=len(numbers),
        body=body,
        order_id=order_id,
        retry_for_s=60,
    )
    result = await run_load(plan)
    assert result.accepted == result.planned, result.as_dict()
    await system.settle()


async def _sizes(system: System) -> dict[str, dict[str, int]]:
    connection = await asyncpg.connect(asyncpg_dsn(system.stack.infra.database_url))
    try:
        await connection.execute("VACUUM")
        schemas = {row["schema"]: row["bytes"] for row in await connection.fetch(_SIZES)}
    finally:
        await connection.close()
    return {"kafka": _topics(system.stack.data_dir.path / "kafka" / "logs"), "postgres": schemas}


def _topics(logs: Path) -> dict[str, int]:
    """Bytes of records by topic. (Indexes are a thousandth of that once a segment is closed.)"""
    sizes: dict[str, int] = defaultdict(int)
    for segment in logs.glob("*/*.log"):
        if (match := _PARTITION.fullmatch(segment.parent.name)) and not match["topic"].startswith("__"):
            sizes[match["topic"]] += segment.stat().st_size
    return sizes


def _growth(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]], orders: int
) -> dict[str, Any]:
    """Bytes for each order, and what of it stays for ever."""
    found: dict[str, Any] = {}
    for place, sizes in after.items():
        grown = {name: round((size - before[place].get(name, 0)) / orders) for name, size in sorted(sizes.items())}
        found[place] = {name: each for name, each in grown.items() if each > 0}
    forever = {
        name: each
        for name, each in found["kafka"].items()
        if name.startswith("raw.") or name in ("orders.events", "inventory.events")
    }
    found["kafka_total"] = sum(found["kafka"].values())
    found["kafka_for_ever"] = sum(forever.values())
    found["postgres_total"] = sum(found["postgres"].values())
    found["gib_per_million_orders"] = {
        "kafka_for_ever": round(found["kafka_for_ever"] * 1_000_000 / 2**30, 1),
        "kafka_seven_days": round((found["kafka_total"] - found["kafka_for_ever"]) * 1_000_000 / 2**30, 1),
        "postgres": round(found["postgres_total"] * 1_000_000 / 2**30, 1),
    }
    return found


def section(found: Found) -> str:
    """For bench/README.md."""
    platforms = found["platforms"]
    places = sorted(
        {(place, name) for each in platforms.values() for place in ("kafka", "postgres") for name in each[place]}
    )
    rows: list[list[object]] = [
        [place, name, *(each[place].get(name) for each in platforms.values())] for place, name in places
    ]
    rows += [
        ["all", what.replace("_", " "), *(each[what] for each in platforms.values())]
        for what in ("kafka_for_ever", "kafka_total", "postgres_total")
    ]
    return (
        f"Bytes on disk for each of {found['orders']:,} orders, delivered twice (created and updated) with bodies of"
        f" {found['body_bytes']:,} bytes: Kafka's log segments by topic, PostgreSQL's tables with indexes by schema,"
        f" after VACUUM. There is no reference: two bodies alone are {2 * found['body_bytes']:,} bytes.\n\n"
        + table(["", "what", *platforms], rows)
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    return [
        Figure(f"{platform}: {what.replace('_', ' ')}, bytes per order", each[what], "lower")
        for platform, each in found["platforms"].items()
        for what in ("kafka_for_ever", "kafka_total", "postgres_total")
    ]


BENCHMARK = Benchmark("disk", "what an order costs on disk", 2.0, run, section, figures, default=True)
