"""Shopify: a backfill by a bulk operation against the operation itself, and by pages against the shop's limit; memory
of it; and how long an order takes to translate. No Kafka, no PostgreSQL: what the connector itself does."""

from __future__ import annotations

import asyncio
import json
import re
import time
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import aiohttp

from bench import child
from bench.backfill import backfill
from bench.benchmark import Benchmark, Figure, Found
from bench.page import table
from longshore.contracts import Platform
from longshore.observability import configure_logging
from longshore.platforms.protocols import SyncRequest
from longshore_connector_shopify.client import ShopifyClient
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.bulk import PART, place_of
from longshore_connector_shopify.client.bulk_file import read_part
from longshore_connector_shopify.translate import ShopifyTranslator
from longshore_devkit.raw_records import raw_record
from longshore_devkit.stores.shopify import rest_orders
from longshore_devkit.stores.shopify.cost import Bucket
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import Shop, ShopConfig

DOMAIN = "demo-shop.myshopify.com"
REAL = 200
"""Orders that the shop makes; the rest of a file repeats them under other ids."""
SIZES_KB = (5, 15, 100)
WHOLE_ROUNDS = 5
PLAN_POINTS_S = 100.0
"""The smallest plan's limit."""
ALWAYS: dict[Any, int] = {"orders": 0, "products": 0, "customers": 0, "inventory": 0}

TRANSLATOR = ShopifyTranslator()


async def run(*, quick: bool) -> Found:
    """Orders/s and their ceilings, memory by the size of the shop, µs per translated order."""
    configure_logging()
    counts = (1_000, 4_000) if quick else (1_000, 10_000, 100_000)
    return {
        "whole": await _whole(500 if quick else 4_000),
        "files": [await _file(count) for count in counts],
        "at_the_limit": await _at_the_limit(10.0 if quick else 30.0),
        "translate": [_translate(size, 100 if quick else 1_000) for size in SIZES_KB],
    }


async def _whole(count: int) -> Found:
    """A run from its first request to its last order, against the shop's operation and its file alone.

    The shop is a process of its own, as it is elsewhere. Rounds take turns, so that what else the machine does meets
    both; the middle round counts.
    """
    async with _shop_elsewhere(count) as api:
        client = ShopifyClient(api, ALWAYS)
        alone, whole = [], []
        try:
            for n in range(WHOLE_ROUNDS):
                began = time.perf_counter()
                cursor = (await client.sync_page(SyncRequest("orders", key=f"alone{n}"), None)).cursor
                await _download(api, await _ready(api, cursor))
                alone.append(time.perf_counter() - began)
                took_s, read = await backfill(client.sync_page, SyncRequest("orders", key=f"run{n}"))
                whole.append(took_s)
                assert read == count, (read, count)
        finally:
            await client.close()
    alone_s, took_s = median(alone), median(whole)
    rounds = [one / other for one, other in zip(alone, whole, strict=True)]
    return {
        "orders": count,
        "orders_per_s": round(count / took_s),
        "store_orders_per_s": round(count / alone_s),
        "of_it": round(median(rounds), 2),
        "rounds": [round(each, 2) for each in rounds],
    }


@asynccontextmanager
async def _shop_elsewhere(count: int) -> AsyncIterator[AdminApi]:
    """The API of a shop with so many orders, in a process of its own."""
    arguments = ["--port", "0", "--shop", DOMAIN, "--products", "30"]
    process = await child.start("longshore_devkit.stores.shopify", arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        found = re.search(rb"http://[^ :]+:\d+", await process.stdout.readline())
        assert found is not None, "the simulated shop did not start"
        url = found[0].decode()
        wanted = {"n": count, "plain": True}
        async with aiohttp.ClientSession() as session, session.post(f"{url}/_sim/orders", json=wanted) as answer:
            answer.raise_for_status()
        yield AdminApi(DOMAIN, ShopConfig().access_token, origin=url)
    finally:
        process.terminate()
        await process.wait()


async def _file(count: int) -> Found:
    """A file of `count` orders that is there: how fast it is read, and in how much memory."""
    async with SimulatedShopify(ShopConfig(domain=DOMAIN, products=30)) as sim:
        for _ in range(min(count, REAL)):
            sim.shop().place_order(plain=True)
        api = AdminApi(DOMAIN, sim.shop().config.access_token, origin=sim.url)
        client = ShopifyClient(api, ALWAYS)
        try:
            request = SyncRequest("orders", key="bench")
            cursor = (await client.sync_page(request, None)).cursor
            url = await _ready(api, cursor)
            _fill(sim, count)
            began = time.perf_counter()
            size = await _download(api, url)
            bare_s = time.perf_counter() - began
            points = api.usage.points
            took_s, read = await backfill(client.sync_page, request, cursor)
            assert read == count, (read, count)
            points = api.usage.points - points
            tracemalloc.start()
            await backfill(client.sync_page, request, cursor)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        finally:
            await client.close()
    return {
        "orders": count,
        "file_mb": round(size / 1e6, 1),
        "orders_per_s": round(count / took_s),
        "bare_orders_per_s": round(count / bare_s),
        "limit_orders_per_s": round(PLAN_POINTS_S * count / max(points, 1)),
        "peak_mb": round(peak / 1e6, 1),
    }


async def _ready(api: AdminApi, cursor: str | None) -> str:
    """Where the file of an operation is, once it is there."""
    place = place_of(cursor)
    assert place is not None
    while True:
        found = (await api.query("bulk_look", {"id": place.operation})).data["bulkOperation"]
        if found["status"] == "COMPLETED":
            return str(found["url"])
        await asyncio.sleep(0.05)


async def _download(api: AdminApi, url: str) -> int:
    """Read a file and throw it away: all that the shop gives. Its bytes."""
    size, last = 0, False
    while not last:
        part = await read_part(api, url, size, PART)
        size, last = size + len(part.data), part.last
    return size


def _fill(sim: SimulatedShopify, count: int) -> None:
    """The operation's file, filled up to `count` orders."""
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


def _shifted(line: bytes, by: int) -> bytes:
    """The same object of another order."""
    node = json.loads(line)
    name = "__parentId" if "__parentId" in node else "id"
    head, _, number = str(node[name]).rpartition("/")
    node[name] = f"{head}/{int(number) + 10_000_000 + by}"
    return json.dumps(node, separators=(",", ":")).encode() + b"\n"


async def _at_the_limit(seconds: float) -> Found:
    """Orders by pages for so long, out of a bucket of the smallest plan that was emptied before."""
    async with SimulatedShopify(ShopConfig(domain=DOMAIN, products=30)) as sim:
        for _ in range(int(seconds * 5) + 40):
            sim.shop().place_order(plain=True)
        sim.engine().bucket = Bucket(PLAN_POINTS_S, PLAN_POINTS_S * 20)
        sim.engine().bucket.spend(PLAN_POINTS_S * 14)
        api = AdminApi(DOMAIN, sim.shop().config.access_token, origin=sim.url)
        client = ShopifyClient(api)
        try:
            page = await client.sync_page(SyncRequest("orders"), None)
            read, points, began = 0, api.usage.points, time.perf_counter()
            while time.perf_counter() - began < seconds:
                assert page.cursor is not None
                page = await client.sync_page(SyncRequest("orders"), page.cursor)
                read += page.count
            took_s = time.perf_counter() - began
        finally:
            await client.close()
        per_order = (api.usage.points - points) / read
    limit = PLAN_POINTS_S / per_order
    return {
        "orders": read,
        "orders_per_s": round(read / took_s, 2),
        "points_per_order": round(per_order, 1),
        "limit_orders_per_s": round(limit, 2),
        "of_it": round(read / took_s / limit, 2),
        "throttled": api.usage.throttled,
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
    record = raw_record(Platform.SHOPIFY, body)
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            TRANSLATOR.translate(record)
        rounds.append((time.perf_counter() - began) / times)
    return {"kb": round(len(body) / 1000, 1), "lines": lines, "us": round(sorted(rounds)[2] * 1e6)}


def section(found: Found) -> str:
    """For bench/README.md."""
    whole, limit = found["whole"], found["at_the_limit"]
    return (
        f"A run reads {whole['orders']} orders by a bulk operation, from its first request to its last order:"
        f" {whole['orders_per_s']} orders/s. The shop's operation and its file alone: {whole['store_orders_per_s']}, so"
        f" **{whole['of_it']} of what binds** (rounds: {', '.join(map(str, whole['rounds']))}); the simulated shop, a"
        " process of its own, makes the file with graphql-core.\n\n"
        f"By pages an order costs {limit['points_per_order']} points, which on the smallest plan"
        f" ({PLAN_POINTS_S:g} points a second) are {limit['limit_orders_per_s']} orders/s. Read were"
        f" {limit['orders_per_s']}: **{limit['of_it']} of the limit**, {limit['throttled']} calls throttled.\n\n"
        "A file that is there, read; read and thrown away; what the limit would allow; the peak of a"
        " run's own allocations:\n\n"
        + table(
            ["orders", "file MB", "orders/s", "thrown away", "the limit allows", "peak MB"],
            [
                [
                    each["orders"],
                    each["file_mb"],
                    each["orders_per_s"],
                    each["bare_orders_per_s"],
                    each["limit_orders_per_s"],
                    each["peak_mb"],
                ]
                for each in found["files"]
            ],
        )
        + "\n\n"
        + table(
            ["order of KB", "lines", "µs to translate"],
            [[each["kb"], each["lines"], each["us"]] for each in found["translate"]],
        )
    )


def figures(found: Found) -> Sequence[Figure]:
    """What is compared between two runs."""
    largest: dict[str, Any] = found["files"][-1]
    return [
        Figure("backfill of the shop's operation, share", found["whole"]["of_it"]),
        Figure("pages of the limit, share", found["at_the_limit"]["of_it"]),
        Figure("file, orders/s", largest["orders_per_s"]),
        Figure("file, peak MB", largest["peak_mb"], "lower"),
        *(Figure(f"translate {each['kb']:.0f} KB, µs", each["us"], "lower") for each in found["translate"]),
    ]


BENCHMARK = Benchmark(
    name="shopify",
    about="Shopify: backfill by bulk operation and by pages, its memory, translation by size of order",
    minutes=7,
    run=run,
    section=section,
    figures=figures,
)
