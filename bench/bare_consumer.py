"""The reference for applying: a bare batch consumer with a bulk upsert, and nothing else.

Reads orders in batches of up to 500, parses what it needs of each with a small Pydantic model, upserts orders and lines
if newer by `INSERT ... SELECT FROM unnest(...)`, commits, commits the offsets. Run as `python -m bench.bare_consumer`
with LONGSHORE_KAFKA_BOOTSTRAP_SERVERS, LONGSHORE_DATABASE_URL, BENCH_TOPIC, BENCH_KIND (`woo`: WooCommerce's own
bodies, `snapshot`: ours) and BENCH_OUT, where it writes on SIGTERM when it committed each order first.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer
from pydantic import BaseModel

from bench.database import plain

BATCH = 500

_TABLES = """
    CREATE SCHEMA IF NOT EXISTS bench_bare;
    DROP TABLE IF EXISTS bench_bare.orders, bench_bare.lines;
    CREATE TABLE bench_bare.orders (
        id text PRIMARY KEY, updated_at timestamptz NOT NULL, status text NOT NULL, total text NOT NULL);
    CREATE TABLE bench_bare.lines (
        order_id text NOT NULL, id text NOT NULL, sku text, quantity int NOT NULL, total text NOT NULL,
        PRIMARY KEY (order_id, id));
"""
_ORDERS = """
    INSERT INTO bench_bare.orders AS old SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[])
    ON CONFLICT (id) DO UPDATE SET updated_at = excluded.updated_at, status = excluded.status, total = excluded.total
    WHERE old.updated_at < excluded.updated_at
"""
_LINES = """
    INSERT INTO bench_bare.lines AS old
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[])
    ON CONFLICT (order_id, id) DO UPDATE SET quantity = excluded.quantity, total = excluded.total
    WHERE (old.quantity, old.total) IS DISTINCT FROM (excluded.quantity, excluded.total)
"""


class WooLine(BaseModel):
    id: int
    sku: str | None
    quantity: int
    total: str


class WooOrder(BaseModel):
    id: int
    status: str
    total: str
    date_modified_gmt: datetime
    line_items: list[WooLine]


class Amount(BaseModel):
    amount: int


class Line(BaseModel):
    id: str
    sku: str | None
    quantity: int
    total: Amount


class Totals(BaseModel):
    total: Amount


class Snapshot(BaseModel):
    external_id: str
    status: str
    totals: Totals
    updated_at: datetime
    lines: list[Line]


Row = tuple[str, datetime, str, str, list[tuple[str, str | None, int, str]]]


def read_woo(body: bytes) -> Row:
    """What is kept of WooCommerce's own order."""
    order = WooOrder.model_validate_json(body)
    lines = [(str(each.id), each.sku, each.quantity, each.total) for each in order.line_items]
    return str(order.id), order.date_modified_gmt.replace(tzinfo=UTC), order.status, order.total, lines


def read_snapshot(body: bytes) -> Row:
    """What is kept of one of our snapshots."""
    order = Snapshot.model_validate_json(body)
    lines = [(each.id, each.sku, each.quantity, str(each.total.amount)) for each in order.lines]
    return order.external_id, order.updated_at, order.status, str(order.totals.total.amount), lines


READERS: dict[str, Callable[[bytes], Row]] = {"woo": read_woo, "snapshot": read_snapshot}


def newest(rows: Iterable[Row]) -> list[Row]:
    """One per order, in the order of keys (two writers never deadlock)."""
    kept: dict[str, Row] = {}
    for row in rows:
        known = kept.get(row[0])
        if known is None or row[1] >= known[1]:
            kept[row[0]] = row
    return [kept[key] for key in sorted(kept)]


async def write(conn: asyncpg.Connection, rows: list[Row]) -> None:
    """One transaction."""
    lines = sorted((row[0], *line) for row in rows for line in row[4])
    async with conn.transaction():
        await conn.execute(_ORDERS, *([row[n] for row in rows] for n in range(4)))
        await conn.execute(_LINES, *([line[n] for line in lines] for n in range(5)))


async def run() -> dict[str, float]:
    """Consume until SIGTERM; when each order was committed first (Unix time)."""
    read = READERS[os.environ["BENCH_KIND"]]
    first: dict[str, float] = {}
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    conn = await asyncpg.connect(plain(os.environ["LONGSHORE_DATABASE_URL"]))
    await conn.execute(_TABLES)
    topic = os.environ["BENCH_TOPIC"]
    consumer: Any = AIOKafkaConsumer(
        topic,
        bootstrap_servers=os.environ["LONGSHORE_KAFKA_BOOTSTRAP_SERVERS"],
        group_id=f"bench-bare-{topic}-{time.time_ns()}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 2**20,
    )
    await consumer.start()
    print("ready", flush=True)
    try:
        while not stopped.is_set():
            batches = await consumer.getmany(timeout_ms=100, max_records=BATCH)
            if not batches:
                continue
            rows = newest(read(record.value) for records in batches.values() for record in records)
            await write(conn, rows)
            now = time.time()
            for row in rows:
                first.setdefault(row[0], now)
            await consumer.commit()
    finally:
        await consumer.stop()
        await conn.close()
    return first


if __name__ == "__main__":
    Path(os.environ["BENCH_OUT"]).write_text(json.dumps(uvloop.run(run())))
