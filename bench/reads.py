"""Reads: an authenticated page of orders over 100,000 of them, what authentication costs, and cursors to the last page.

One caller, one request after the other (closed loop): what a page costs, not how many at once. References, in the same
run, call by call in turn: order-sync asked directly (no gateway, no authentication), and a route that is open to all.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import httpx
from cryptography.fernet import Fernet

from bench.benchmark import Benchmark, Figure, Found
from bench.copies import TEMPLATES, filled
from bench.database import connected
from bench.measure import percentile
from bench.page import slashed, table
from bench.system import System, running_system
from longshore.internal import internal_headers

SIZE = 100_000
CALLS = 1_000
KEYS = 150
LIMIT = 50
ORDERS = "/api/v1/orders"
# Authenticated, and answered from memory; and the like of it for anybody.
KNOWN_ONLY, FOR_ANYBODY = "/api/v1/platforms", "/api/v1/auth/methods"

Call = Callable[[], Awaitable[httpx.Response]]


async def run(*, quick: bool) -> Found:
    """Pages, authentication, cursors."""
    size, calls, keys = (5_000, 100, 20) if quick else (SIZE, CALLS, KEYS)
    secret = Fernet.generate_key().decode()
    async with running_system({"LONGSHORE_ENCRYPTION_KEYS": secret}) as system:
        store = await system.connect_woocommerce()
        database_url = system.stack.infra.database_url
        await filled(database_url, UUID(store["org_id"]), UUID(store["id"]), 0, size)
        async with connected(database_url) as conn:
            await conn.execute("VACUUM ANALYZE")
            await conn.execute("CHECKPOINT")
        await system.settle()
        headers = internal_headers([secret], UUID(store["org_id"]))
        async with httpx.AsyncClient(base_url=system.stack.urls["order-sync"], headers=headers, timeout=20.0) as behind:
            page = {"limit": str(LIMIT)}
            found: Found = {
                "orders": size,
                "calls": calls,
                "page": await _in_turn(
                    {
                        "gateway": lambda: system.client.get(ORDERS, params=page),
                        "order_sync_alone": lambda: behind.get(ORDERS, params=page),
                    },
                    calls,
                ),
            }
        found["authentication"] = await _in_turn(
            {
                "known_key": lambda: system.client.get(KNOWN_ONLY),
                "open_route": lambda: system.client.get(FOR_ANYBODY),
            },
            calls,
        )
        found["authentication"]["first_use_of_a_key"] = await _first_uses(system, keys)
        found["cursor"] = await _to_the_last_page(system, size)
    return found


async def _in_turn(asked: Mapping[str, Call], calls: int) -> Found:
    """Milliseconds of each kind of call, one of each kind after the other; some before are not counted."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(-20, calls):
        for name, call in asked.items():
            began = time.perf_counter()
            answer = await call()
            took = (time.perf_counter() - began) * 1000
            answer.raise_for_status()
            if number >= 0:
                times[name].append(took)
    return {name: _told(each) for name, each in times.items()}


async def _first_uses(system: System, count: int) -> Found:
    """A key that this process has not seen in the last half minute is looked up in PostgreSQL."""
    made = []
    for number in range(count):
        answer = await system.client.post("/api/v1/api-keys", json={"name": f"bench {number}", "scopes": ["read"]})
        made.append(str(answer.raise_for_status().json()["key"]))
    times = []
    for key in made:
        began = time.perf_counter()
        answer = await system.client.get(KNOWN_ONLY, headers={"Authorization": f"Bearer {key}"})
        times.append((time.perf_counter() - began) * 1000)
        answer.raise_for_status()
    return _told(times)


async def _to_the_last_page(system: System, orders: int) -> Found:
    """Every page from the first to the last, in tenths of the way. Raises RuntimeError if an order is missing in them.

    A copy's row has another id than the hub gives it (see copies.py), so that a cursor may show its own order again.
    """
    times: list[float] = []
    seen: set[str] = set()
    cursor = None
    while True:
        params: dict[str, Any] = {"limit": str(LIMIT)} | ({"cursor": cursor} if cursor else {})
        began = time.perf_counter()
        answer = await system.client.get(ORDERS, params=params)
        times.append((time.perf_counter() - began) * 1000)
        body = answer.raise_for_status().json()
        seen |= {each["external_id"] for each in body["items"]}
        cursor = body["next_cursor"]
        if cursor is None:
            break
    if len(seen) != orders:
        raise RuntimeError(f"{len(seen)} of {orders} orders are in the pages")
    tenth = max(1, len(times) // 10)
    tenths = [_told(times[start : start + tenth]) for start in range(0, tenth * 10, tenth) if times[start:]]
    return {"pages": len(times), "orders_seen": len(seen), "tenths": tenths}


def _told(times: list[float]) -> Found:
    ordered = sorted(times)
    return {f"p{share}_ms": round(percentile(ordered, share / 100), 2) for share in (50, 99)}


def section(found: Found) -> str:
    """For bench/README.md."""
    page, authentication, cursor = found["page"], found["authentication"], found["cursor"]
    cost = round(authentication["known_key"]["p50_ms"] - authentication["open_route"]["p50_ms"], 2)
    return (
        f"`GET {ORDERS}?limit={LIMIT}` by one caller, one after the other, {found['calls']:,} times each and in turn"
        f" with its reference, over {found['orders']:,} orders (copies, made inside PostgreSQL, of {TEMPLATES} that the"
        " services' own code has written). order-sync asked directly: no gateway, no authentication.\n\n"
        + table(
            ["", "ms p50 / p99"],
            [
                ["page of orders through the gateway", slashed(page["gateway"], "p50_ms", "p99_ms")],
                ["the same from order-sync", slashed(page["order_sync_alone"], "p50_ms", "p99_ms")],
                ["a small answer with a key that is known", slashed(authentication["known_key"], "p50_ms", "p99_ms")],
                ["a small answer for anybody", slashed(authentication["open_route"], "p50_ms", "p99_ms")],
                [
                    "a small answer with a key for the first time",
                    slashed(authentication["first_use_of_a_key"], "p50_ms", "p99_ms"),
                ],
            ],
        )
        + f"So authentication (and the rate limit) costs a request {cost} ms with a key that was used in the last half"
        f" minute. All {cursor['pages']:,} pages by cursor, {cursor['orders_seen']:,} orders, all there; ms p50 / p99"
        " of each tenth of the way:\n\n"
        + table(
            [f"{number * 10} %" for number in range(1, len(cursor["tenths"]) + 1)],
            [[slashed(each, "p50_ms", "p99_ms") for each in cursor["tenths"]]],
        )
    )


def figures(found: Found) -> list[Figure]:
    """What is compared."""
    tenths = found["cursor"]["tenths"]
    return [
        Figure("page p50 ms", found["page"]["gateway"]["p50_ms"], "lower"),
        Figure("page p99 ms", found["page"]["gateway"]["p99_ms"], "lower"),
        Figure("known key ms", found["authentication"]["known_key"]["p50_ms"], "lower"),
        Figure("last tenth to first", round(tenths[-1]["p50_ms"] / tenths[0]["p50_ms"], 2), "lower"),
    ]


BENCHMARK = Benchmark(
    "reads", "a page of 100,000 orders, what authentication costs, cursors to the last page", 2.0, run, section, figures
)
