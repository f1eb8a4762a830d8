"""WooCommerce: a backfill against the pages that the store itself gives, memory of it, and how long an order takes to
translate: without Kafka and PostgreSQL, what the connector itself does. Then the whole hub: webhook to canonical order.
With REAL_WOO_START (see docs/guides/woocommerce.md) a real store is read as well."""

from __future__ import annotations

import asyncio
import json
import os
import time
import tracemalloc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from bench.backfill import backfill
from bench.benchmark import Benchmark, Figure, Found
from bench.delivering import deliver
from bench.page import slashed, table
from bench.system import running_system
from longshore.contracts import Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import Integration, SyncRequest
from longshore_connector_woo.client import WooClient
from longshore_connector_woo.client.answers import Answer
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.reader import MOST_AT_A_TIME, Reader
from longshore_connector_woo.client.syncing import sync_page
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.raw_records import raw_record
from longshore_devkit.stores.real_woo import START, RealWoo
from longshore_devkit.stores.woo import render
from longshore_devkit.stores.woo.buyers import draft_for
from longshore_devkit.stores.woo.config import WooConfig
from longshore_devkit.stores.woo.shop import Shop

PAGE = 100
SIZES_KB = (5, 15, 100)
ROUNDS = 5
RUN = SyncRequest("orders")
WEBHOOKS_PER_S = 100


async def run(*, quick: bool) -> Found:
    """Orders/s and their ceilings, memory by the size of the shop, µs per translated order, lag of webhooks."""
    counts = (1_000, 4_000) if quick else (1_000, 10_000, 50_000)
    return {
        "memory": [await _memory(count) for count in counts],
        "real": await _real(300 if quick else 2_000) if os.environ.get(START) else None,
        "translate": [_translate(size, 100 if quick else 1_000) for size in SIZES_KB],
        "webhooks": await _webhooks(5.0 if quick else 20.0),
    }


async def _webhooks(seconds: float) -> Found:
    """Signed deliveries of a store at a rate that no shop has for long, everything else idle."""
    async with running_system() as system:
        store = await system.connect_woocommerce("http://127.0.0.1:9")
        await deliver(system, store, rate=WEBHOOKS_PER_S, duration_s=3.0, first_id=1_000)
        return await deliver(system, store, rate=WEBHOOKS_PER_S, duration_s=seconds, first_id=10_000_000)


@dataclass(frozen=True, slots=True)
class Reached:
    """A store as it is reached."""

    url: str
    key: str
    secret: str
    ca_file: str | None = None

    def http(self) -> StoreHttp:
        """Its bare pages."""
        return StoreHttp(self.url, self.key, self.secret, allow_private=True, tls_ca_file=self.ca_file)

    def client(self) -> WooClient:
        """The connector's client of it."""
        integration = Integration(
            id=IntegrationId(UUID(int=2)),
            org_id=OrgId(UUID(int=1)),
            platform=Platform.WOOCOMMERCE,
            name="Bench",
            store_url=self.url,
            credentials={"consumer_key": self.key, "consumer_secret": self.secret, "webhook_secret": "bench"},
            settings={},
        )
        return WooClient(integration, allow_private_stores=True, tls_ca_file=self.ca_file)


async def _memory(count: int) -> Found:
    """A whole run of a store that makes its orders as they are asked for: only the run's own memory can grow."""
    async with lazy_store(count) as store:
        client = store.client()
        try:
            took_s, read = await backfill(client.sync_page, RUN)
            assert read == count, (read, count)
            tracemalloc.start()
            await backfill(client.sync_page, RUN)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        finally:
            await client.close()
        store_s = await _bare(store, count, at_a_time=1)
    return {
        "orders": count,
        "orders_per_s": round(count / took_s),
        "store_orders_per_s": round(count / store_s),
        "peak_mb": round(peak / 1e6, 1),
    }


async def _real(count: int) -> Found:
    """A real store's backfill against its bare pages of orders, by as many at a time as gives most of them, and against
    all that the backfill asked for (refunds, the trash and counts, too), each read and thrown away.

    Medians of rounds that take turns, so that what else the machine does meets all.
    """
    real = await RealWoo.start()
    ours: list[float] = []
    same: list[float] = []
    bare: dict[int, list[float]] = {n: [] for n in range(1, MOST_AT_A_TIME + 1)}
    try:
        await real.reset()
        await real.seed(orders=count)
        keys = real.credentials
        store = Reached(real.https_url, keys["consumer_key"], keys["consumer_secret"], real.ca_file)
        orders = len(await real.all("/orders", status="any", _fields="id"))
        for _ in range(ROUNDS):
            for n, found in bare.items():
                found.append(orders / await _bare(store, orders, at_a_time=n))
            noted = Noted(store.http())
            try:
                took_s, read = await backfill(partial(sync_page, Reader(noted)), RUN)
            finally:
                await noted.http.close()
            ours.append(read / took_s)
            most = max(bare, key=lambda n: bare[n][-1])
            same.append(orders / await _asked(store, noted.asked, at_a_time=most))
    finally:
        await real.stop()
    rates = {n: median(found) for n, found in bare.items()}
    best = max(rates, key=lambda n: rates[n])
    return {
        "orders": orders,
        "orders_per_s": round(median(ours)),
        "rounds": [round(each) for each in ours],
        "store_orders_per_s": round(rates[best]),
        "store_by_requests_at_a_time": {str(n): [round(each) for each in found] for n, found in bare.items()},
        "at_a_time": best,
        "share": round(median(ours) / rates[best], 2),
        "same_requests": len(noted.asked),
        "same_orders_per_s": round(median(same)),
        "share_of_same": round(median(ours) / median(same), 2),
    }


class Noted:
    """Passes requests on to the store, and keeps what was asked."""

    def __init__(self, http: StoreHttp) -> None:
        self.http = http
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """See StoreHttp."""
        self.asked.append((path, query or {}))
        return await self.http.get(path, query)


async def _bare(store: Reached, count: int, *, at_a_time: int) -> float:
    """Seconds for all pages of orders, so many at a time, read and thrown away."""
    page = {"status": "any", "orderby": "id", "order": "asc", "per_page": str(PAGE)}
    pages = [("/orders", page | {"offset": str(offset)}) for offset in range(0, count, PAGE)]
    return await _asked(store, pages, at_a_time=at_a_time)


async def _asked(store: Reached, requests: Sequence[tuple[str, Mapping[str, str]]], *, at_a_time: int) -> float:
    """Seconds for these requests, so many at a time, read and thrown away."""
    http = store.http()
    waiting = iter(requests)

    async def read() -> None:
        for path, query in waiting:
            await http.get(path, query)

    try:
        await http.get("/orders", {"per_page": "1"})
        began = time.perf_counter()
        await asyncio.gather(*(read() for _ in range(at_a_time)))
        return time.perf_counter() - began
    finally:
        await http.close()


@asynccontextmanager
async def lazy_store(count: int) -> AsyncIterator[Reached]:
    """A store of `count` orders of which it holds one: the others are the same under other ids, made when asked for."""
    body = json.dumps(_order(1))
    head, tail = body.split('"id": 987654321', 1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                asked = parse_qs(urlsplit(line.split()[1].decode()).query)
                query = {name: values[-1] for name, values in asked.items()}
                while (await reader.readline()).strip():
                    pass
                there = 0 if query.get("status") == "trash" else count
                start, size = int(query.get("offset", "0")), int(query.get("per_page", "10"))
                ids = range(start + 1, min(there, start + size) + 1)
                answer = "[" + ",".join(f'{head}"id": {id}{tail}' for id in ids) + "]"
                said = answer.encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n"
                    b"X-WP-Total: %d\r\nX-WP-TotalPages: %d\r\nContent-Length: %d\r\n\r\n"
                    % (there, -(-there // max(1, size)), len(said))
                )
                writer.write(said)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield Reached(f"http://127.0.0.1:{port}", "ck_bench", "cs_bench")
    finally:
        server.close()


def _order(lines: int) -> dict[str, Any]:
    """An order as the store shows it; its own id is one that is easy to find."""
    shop = Shop(WooConfig(products=max(10, lines)))
    products = [each for each in shop.products.values() if each.manage_stock][:lines]
    order = shop.place_order(draft_for(shop, shop.rng, [(each, 1) for each in products]))
    order.id = 987654321
    return dict(render.order(render.View(shop, "http://127.0.0.1"), order))


def _translate(size_kb: int, times: int) -> Found:
    """µs for one webhook of an order of about that size."""
    lines = 1
    while len(body := json.dumps(_order(lines)).encode()) < size_kb * 1000:
        lines += max(1, (size_kb * 1000 - len(body)) // 1500)
    record = raw_record(Platform.WOOCOMMERCE, body)
    translator = WooTranslator()
    rounds = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(times):
            translator.translate(record)
        rounds.append((time.perf_counter() - began) / times)
    return {"kb": round(len(body) / 1000, 1), "lines": lines, "us": round(sorted(rounds)[2] * 1e6)}


def section(found: Found) -> str:
    """For bench/README.md."""
    real = found["real"]
    told = (
        f"A real store's {real['orders']:,} orders (WooCommerce on the same machine, over https) are read at"
        f" {real['orders_per_s']} a second, where its bare pages come at {real['store_orders_per_s']} with"
        f" {real['at_a_time']} at a time: {real['share']:.2f} of that, refunds and the trash included."
        f" The {real['same_requests']} requests of such a run, read and thrown away, give {real['same_orders_per_s']}"
        f" orders a second: {real['share_of_same']:.2f} of that.\n\n"
        if real
        else ""
    )
    return (
        told
        + "Against a store that makes its orders as they are asked for, in the same process; memory is the peak of the"
        " run's and the store's allocations.\n\n"
        + table(
            ["orders", "orders/s", "bare pages, orders/s", "peak MB"],
            [
                [each["orders"], each["orders_per_s"], each["store_orders_per_s"], each["peak_mb"]]
                for each in found["memory"]
            ],
        )
        + "\n\n"
        + table(
            ["order of KB", "lines", "µs to translate"],
            [[each["kb"], each["lines"], each["us"]] for each in found["translate"]],
        )
        + f"\n\n{WEBHOOKS_PER_S} signed deliveries a second to the whole hub on this machine: webhook to canonical"
        f" order {slashed(found['webhooks'], 'lag_p50_ms', 'lag_p99_ms', 'lag_max_ms')} ms (p50 / p99 / max), counted"
        " as at [Stream](#stream), where the rates are higher."
    )


def figures(found: Found) -> Sequence[Figure]:
    """What is compared between two runs."""
    real = found["real"]
    return [
        *(
            [
                Figure("real backfill, share of the store's pages", real["share"]),
                Figure("real backfill, share of its own requests", real["share_of_same"]),
            ]
            if real
            else []
        ),
        Figure("backfill, orders/s", found["memory"][-1]["orders_per_s"]),
        Figure("backfill, peak MB", found["memory"][-1]["peak_mb"], "lower"),
        Figure(f"webhook to canonical at {WEBHOOKS_PER_S}/s, p99 ms", found["webhooks"]["lag_p99_ms"] or 0.0, "lower"),
        *(Figure(f"translate {each['kb']:.0f} KB, µs", each["us"], "lower") for each in found["translate"]),
    ]


BENCHMARK = Benchmark(
    name="woo",
    about="WooCommerce: backfill against the store's own pages, its memory, translation, webhook to canonical",
    minutes=4,
    run=run,
    section=section,
    figures=figures,
)
