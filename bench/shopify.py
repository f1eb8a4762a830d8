"""Shopify: a backfill out of a bulk operation's file against what the shop gives and what its limit allows; memory of
it; and how long an order takes to translate. No Kafka, no PostgreSQL: what the connector itself does."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bench.benchmark import Benchmark, Figure, Found
from bench.page import table
from longshore.contracts import Origin, Platform, RawRef
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import RawRecord, SyncRequest
from longshore_connector_shopify.client import ShopifyClient
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.bulk import PART, place_of
from longshore_connector_shopify.client.bulk_file import read_part
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.stores.shopify import rest_orders
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig

DOMAIN = "demo-shop.myshopify.com"
REAL = 200
"""Orders that the shop makes; the rest of a file repeats them under other ids."""
SIZES_KB = (5, 15, 100)
PLAN_POINTS_S = 100.0
"""The smallest plan's limit."""


async def run(*, quick: bool) -> Found:
    """Orders/s and their ceilings, memory by the size of the shop, µs per translated order."""
    counts = (1_000, 4_000) if quick else (1_000, 10_000, 100_000)
    files = [await _backfill(count) for count in counts]
    return {
        "backfill": files,
        "by_pages": await _by_pages(100 if quick else 400),
        "translate": [_translate(size, 100 if quick else 1_000) for size in SIZES_KB],
    }


async def _backfill(count: int) -> Found:
    """A whole run of `count` orders by one bulk operation, after its file is there."""
    async with SimulatedShopify(ShopConfig(domain=DOMAIN, products=30)) as sim:
        shop = sim.shop()
        for _ in range(min(count, REAL)):
            shop.place_order(plain=True)
        api = AdminApi(DOMAIN, shop.config.access_token, origin=sim.url)
        client = ShopifyClient(api, {"orders": 0, "products": 0, "customers": 0, "inventory": 0})
        try:
            request = SyncRequest("orders", key="bench")
            cursor: str | None = (await client.sync_page(request, None)).cursor
            url = await _ready(api, sim, cursor, count)
            began, size, last = time.perf_counter(), 0, False
            while not last:
                part = await read_part(api, url, size, PART)
                size, last = size + len(part.data), part.last
            ceiling_s = time.perf_counter() - began
            points = api.usage.points
            took_s, read = await _run(client, request, cursor)
            assert read == count, (read, count)
            points = api.usage.points - points
            tracemalloc.start()
            await _run(client, request, cursor)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        finally:
            await client.close()
    return {
        "orders": count,
        "file_mb": round(size / 1e6, 1),
        "orders_per_s": round(count / took_s),
        "store_orders_per_s": round(count / ceiling_s),
        "limit_orders_per_s": round(PLAN_POINTS_S * count / max(points, 1)),
        "peak_mb": round(peak / 1e6, 1),
    }


async def _run(client: ShopifyClient, request: SyncRequest, cursor: str | None) -> tuple[float, int]:
    began, read = time.perf_counter(), 0
    while cursor is not None:
        page = await client.sync_page(request, cursor)
        read, cursor = read + page.count, page.cursor
    return time.perf_counter() - began, read


async def _ready(api: AdminApi, sim: SimulatedShopify, cursor: str | None, count: int) -> str:
    """The operation's file, filled up to `count` orders."""
    place = place_of(cursor)
    assert place is not None
    while True:
        found = (await api.query("bulk_look", {"id": place.operation})).data["bulkOperation"]
        if found["status"] == "COMPLETED":
            break
        await asyncio.sleep(0.05)
    (operation,) = sim.engine().bulk.operations.values()
    lines = operation.path.read_bytes().splitlines(keepends=True)
    with operation.path.open("ab") as file:
        while operation.roots < count:
            shift = operation.roots
            for line in lines:
                if b'"__parentId"' not in line:
                    if operation.roots == count:
                        break
                    operation.roots += 1
                file.write(_shifted(line, shift))
    return str(found["url"])


def _shifted(line: bytes, by: int) -> bytes:
    """The same object of another order."""
    node = json.loads(line)
    name = "__parentId" if "__parentId" in node else "id"
    head, _, number = str(node[name]).rpartition("/")
    node[name] = f"{head}/{int(number) + 10_000_000 + by}"
    return json.dumps(node, separators=(",", ":")).encode() + b"\n"


async def _by_pages(count: int) -> Found:
    """The same by pages, on the largest plan so that its limit does not bind: what an order costs."""
    async with SimulatedShopify(ShopConfig(domain=DOMAIN, products=30, plan="enterprise")) as sim:
        for _ in range(count):
            sim.shop().place_order(plain=True)
        api = AdminApi(DOMAIN, sim.shop().config.access_token, origin=sim.url)
        client = ShopifyClient(api)
        try:
            page = await client.sync_page(SyncRequest("orders"), None)
            took_s, read = await _run(client, SyncRequest("orders"), page.cursor)
            read += page.count
            assert read == count, (read, count)
        finally:
            await client.close()
        points = api.usage.points / count
    return {
        "orders": count,
        "orders_per_s": round((count - page.count) / took_s),
        "points_per_order": round(points, 1),
        "limit_orders_per_s": round(PLAN_POINTS_S / points, 2),
    }


def _translate(size_kb: int, times: int) -> Found:
    """µs for one webhook of an order of about that size."""
    shop = Shop(ShopConfig(products=400))
    lines = 1
    while True:
        order = shop.place_order([(variant.sku or "", 1) for variant in shop.variants[:lines]], plain=True)
        body = json.dumps(rest_orders.order_payload(order, DOMAIN)).encode()
        if len(body) >= size_kb * 1000:
            break
        lines += 1
    record = RawRecord(
        platform=Platform.SHOPIFY,
        org_id=OrgId(UUID(int=1)),
        integration_id=IntegrationId(UUID(int=2)),
        origin=Origin.WEBHOOK,
        topic_name="orders/updated",
        resource=None,
        external_id=None,
        gone=False,
        received_at=datetime.now(UTC),
        headers={},
        body=body,
        ref=RawRef(topic="raw.shopify", partition=0, offset=1, origin=Origin.WEBHOOK),
    )
    translator = ShopifyTranslator()
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            translator.translate(record)
        rounds.append((time.perf_counter() - began) / times)
    return {"kb": round(len(body) / 1000, 1), "lines": lines, "us": round(sorted(rounds)[2] * 1e6)}


def section(found: Found) -> str:
    """For bench/README.md."""
    pages = found["by_pages"]
    return (
        "A run reads a shop's orders out of a bulk operation's file, against the same file read and thrown away (all"
        f" that the shop gives) and against the smallest plan's {PLAN_POINTS_S:g} points a second. Shop and connector"
        " share a process. Memory is the peak of a run's own allocations.\n\n"
        + table(
            ["orders", "file MB", "orders/s", "the shop gives", "the limit allows", "peak MB"],
            [
                [
                    each["orders"],
                    each["file_mb"],
                    each["orders_per_s"],
                    each["store_orders_per_s"],
                    each["limit_orders_per_s"],
                    each["peak_mb"],
                ]
                for each in found["backfill"]
            ],
        )
        + f"\n\nBy pages an order costs {pages['points_per_order']} points: {pages['limit_orders_per_s']} a second on"
        f" the smallest plan, {pages['orders_per_s']} where no limit binds.\n\n"
        + table(
            ["order of KB", "lines", "µs to translate"],
            [[each["kb"], each["lines"], each["us"]] for each in found["translate"]],
        )
    )


def figures(found: Found) -> Sequence[Figure]:
    """What is compared between two runs."""
    largest: dict[str, Any] = found["backfill"][-1]
    return [
        Figure("backfill, orders/s", largest["orders_per_s"]),
        Figure("backfill, peak MB", largest["peak_mb"], "lower"),
        *(Figure(f"translate {each['kb']:.0f} KB, µs", each["us"], "lower") for each in found["translate"]),
    ]


BENCHMARK = Benchmark(
    name="shopify",
    about="Shopify: backfill by bulk operation, its memory, translation by size of order",
    minutes=2,
    run=run,
    section=section,
    figures=figures,
)
