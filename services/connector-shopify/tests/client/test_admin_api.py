"""What becomes of slow, throttled, broken and foreign answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from longshore.platforms.protocols import (
    StoreError,
    StoreRefused,
    StoreThrottled,
    StoreUnauthorized,
    StoreUnavailable,
)
from longshore_connector_shopify.client.admin_api import AdminApi, in_background
from longshore_connector_shopify.client.pacing import CostBucket, Rank
from longshore_devkit.moving_clock import MovingClock

Handler = Callable[[int], web.Response]


@asynccontextmanager
async def serving(answer: Handler, **options: Any) -> AsyncIterator[AdminApi]:
    """An Admin API that gives the same answer to everyone; it is told how many came before."""
    seen = 0

    async def handle(_: web.Request) -> web.Response:
        nonlocal seen
        seen += 1
        return answer(seen - 1)

    app = web.Application()
    app.router.add_post("/demo-shop.myshopify.com/admin/api/2026-07/graphql.json", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (address,) = runner.addresses
    api = AdminApi("demo-shop.myshopify.com", "shpat_1", origin=f"http://127.0.0.1:{address[1]}", **options)
    try:
        yield api
    finally:
        await api.close()
        await runner.cleanup()


DATA = {"shop": {"name": "x"}, "currentAppInstallation": None, "inventorySetQuantities": None}
"""What answers to `shop` and to `stock_set` have."""


def error(code: str, data: Any = None) -> web.Response:
    return web.json_response(
        {"data": data, "errors": [{"message": "No.", "path": ["a"], "extensions": {"code": code}}]}
    )


@pytest.mark.parametrize(
    ("response", "kind", "code"),
    [
        (lambda _: web.Response(status=401), StoreUnauthorized, "unauthorized"),
        (lambda _: web.Response(status=403), StoreUnauthorized, "unauthorized"),
        (lambda _: web.Response(status=402), StoreRefused, "shop-frozen"),
        (lambda _: web.Response(status=404), StoreRefused, "shop-not-found"),
        (lambda _: web.Response(status=302, headers={"Location": "http://evil.example"}), StoreRefused, "refused"),
        (lambda _: web.Response(status=400), StoreRefused, "refused"),
        (lambda _: web.Response(status=500), StoreUnavailable, "store-error"),
        (lambda _: web.Response(status=503), StoreUnavailable, "store-error"),
        (lambda _: web.Response(text="<html>maintenance</html>"), StoreUnavailable, "not-json"),
        (lambda _: web.json_response([1]), StoreUnavailable, "not-json"),
        (lambda _: web.json_response({}), StoreUnavailable, "no-data"),
        # Somebody else's JSON: not a shop that is null.
        (lambda _: web.json_response({"data": {"message": "Please log in."}}), StoreUnavailable, "no-data"),
        (lambda _: error("ACCESS_DENIED"), StoreUnauthorized, "access-denied"),
        (lambda _: error("ACCESS_DENIED", {"fulfillmentCreate": None}), StoreUnauthorized, "access-denied"),
        (lambda _: error("INTERNAL_SERVER_ERROR"), StoreUnavailable, "store-error"),
        (lambda _: error("SHOP_INACTIVE"), StoreRefused, "shop-inactive"),
        (lambda _: error("undefinedField"), StoreRefused, "graphql"),
        (lambda _: web.json_response({"errors": "Not Found"}), StoreRefused, "graphql"),
    ],
)
async def test_refusals_have_a_kind_and_a_code(response: Handler, kind: type[StoreError], code: str) -> None:
    async with serving(response) as api:
        with pytest.raises(kind) as caught:
            await api.query("shop")
    assert caught.value.code == code
    assert "shpat_1" not in str(caught.value)


async def test_a_429_says_when_to_come_back() -> None:
    async with serving(lambda _: web.Response(status=429, headers={"Retry-After": "2.0"})) as api:
        with pytest.raises(StoreThrottled) as caught:
            await api.query("shop")
    assert caught.value.retry_after == 2.0


async def test_fields_that_are_denied_do_not_cost_the_entity() -> None:
    async with serving(lambda _: error("ACCESS_DENIED", {"order": {"id": "gid://shopify/Order/1"}})) as api:
        answer = await api.query("order", {"id": "gid://shopify/Order/1"})
    assert answer.denied == ("a",)
    assert b"ACCESS_DENIED" in answer.body


def throttled(available: float) -> web.Response:
    cost = {
        "requestedQueryCost": 100,
        "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": 100.0},
    }
    body = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}], "extensions": {"cost": cost}}
    return web.json_response(body)


async def test_throttling_with_status_200_is_waited_out() -> None:
    time = MovingClock()

    def answer(before: int) -> web.Response:
        return throttled(60) if before < 2 else web.json_response({"data": DATA})

    async with serving(answer, bucket=CostBucket(time, time.sleep), sleep=time.sleep) as api:
        assert (await api.query("shop")).data == DATA
    # Twice 240 points were missing: the request's 100 and the 200 that are left alone, less 60; at 100 a second.
    assert time.now == pytest.approx(4.8)


async def test_lasting_throttling_is_said() -> None:
    time = MovingClock()
    async with serving(lambda _: throttled(0), bucket=CostBucket(time, time.sleep), sleep=time.sleep) as api:
        with pytest.raises(StoreThrottled) as caught:
            await api.query("shop")
    assert caught.value.retry_after is not None
    assert caught.value.retry_after >= 1.0


async def test_a_store_that_does_not_answer_in_time() -> None:
    never = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await never.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    api = AdminApi("demo-shop.myshopify.com", "t", origin=f"http://127.0.0.1:{port}", timeout_s=0.1)
    with pytest.raises(StoreUnavailable, match="timeout"):
        await api.query("shop")
    never.set()
    await api.close()
    server.close()
    await server.wait_closed()


async def test_a_store_that_is_not_there(unused_tcp_port: int) -> None:
    api = AdminApi("demo-shop.myshopify.com", "t", origin=f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(StoreUnavailable, match="unreachable"):
        await api.query("shop")
    await api.close()


async def test_another_api_version_is_noticed() -> None:
    def answer(_: int) -> web.Response:
        return web.json_response({"data": DATA}, headers={"X-Shopify-Api-Version": "2026-10"})

    async with serving(answer) as api:
        await api.query("shop")
        assert api.version == "2026-10"
        assert api.usage.other_version


def _status(available: float, rate: float = 100.0, capacity: float = 2000.0) -> dict[str, float]:
    return {"maximumAvailable": capacity, "currentlyAvailable": available, "restoreRate": rate}


async def test_requests_wait_for_points() -> None:
    time = MovingClock()
    bucket = CostBucket(time, time.sleep)
    bucket.settle(await bucket.take(100), _status(50))
    await bucket.take(250, Rank.STOCK)
    assert time.now == pytest.approx(2.0)


async def test_a_wait_that_a_clock_cannot_tell_from_none_ends() -> None:
    """What is missing after the first sleep is less than the clock's own precision."""
    time = MovingClock()
    time.now = 13436.4
    bucket = CostBucket(time, time.sleep)
    bucket.settle(await bucket.take(97, Rank.STOCK), _status(97, rate=1000.0))
    await asyncio.wait_for(bucket.take(165, Rank.STOCK), 10)
    assert time.now == pytest.approx(13436.468, abs=0.01)


async def test_reads_leave_points_for_what_is_urgent() -> None:
    time = MovingClock()
    bucket = CostBucket(time, time.sleep)
    bucket.settle(await bucket.take(100), _status(150))
    assert bucket.wait_s(100) == pytest.approx(1.5)
    assert bucket.wait_s(100, Rank.STOCK) == 0


async def test_what_is_urgent_does_not_queue_behind_reads() -> None:
    time = MovingClock()
    waiting = asyncio.Event()
    go_on = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await go_on.wait()
        await time.sleep(seconds)

    bucket = CostBucket(time, sleep)
    bucket.settle(await bucket.take(100), _status(50))
    read = asyncio.create_task(bucket.take(500))
    await waiting.wait()
    assert await bucket.take(12, Rank.STOCK) == 12
    go_on.set()
    await read


async def test_whatever_can_wait_leaves_points_to_what_goes_before_it() -> None:
    """Stock, shipments, look-ups, backfill: each can still be paid when those behind it have to wait."""
    time = MovingClock()
    bucket = CostBucket(time, time.sleep)
    waits = []
    for level in (620, 220, 120, 20):
        bucket.settle(await bucket.take(0, Rank.STOCK), _status(level))
        waits.append([bucket.wait_s(20, rank) > 0 for rank in Rank])
    assert waits == [
        [False, False, False, False],
        [False, False, False, True],
        [False, False, True, True],
        [False, True, True, True],
    ]


async def test_a_look_up_does_not_queue_behind_a_backfill() -> None:
    time = MovingClock()
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await go_on.wait()
        await time.sleep(seconds)

    bucket = CostBucket(time, sleep)
    bucket.settle(await bucket.take(100), _status(500))
    backfill = asyncio.create_task(bucket.take(100, Rank.BACKFILL))
    await waiting.wait()
    assert await bucket.take(100, Rank.READ) == 100
    assert await bucket.take(100, Rank.SHIPMENT) == 100
    assert not backfill.done()
    go_on.set()
    await backfill


async def test_what_is_read_in_the_background_waits_where_a_look_up_does_not() -> None:
    time = MovingClock()

    def answer(_: int) -> web.Response:
        cost = {"requestedQueryCost": 1, "actualQueryCost": 1, "throttleStatus": _status(400)}
        return web.json_response({"data": DATA, "extensions": {"cost": cost}})

    async with serving(answer, bucket=CostBucket(time, time.sleep), sleep=time.sleep) as api:
        await api.query("shop")
        await api.query("shop")
        assert time.now == 0
        with in_background():
            await asyncio.gather(api.query("shop"))
        # 601 points are wanted, 400 were there, 100 come each second.
        assert time.now == pytest.approx(2.01)
        await api.query("stock_set")
        assert time.now == pytest.approx(2.01)


async def test_what_calls_cost_is_counted() -> None:
    time = MovingClock()

    def answer(before: int) -> web.Response:
        if before == 0:
            return throttled(60)
        cost = {"requestedQueryCost": 100, "actualQueryCost": 12, "throttleStatus": _status(1900)}
        return web.json_response(
            {"data": DATA, "extensions": {"cost": cost}}, headers={"X-Shopify-Api-Version": "2026-07"}
        )

    async with serving(answer, bucket=CostBucket(time, time.sleep), sleep=time.sleep) as api:
        await api.query("shop")
        await api.query("shop")
    usage = api.usage
    assert (usage.calls, usage.points, usage.throttled, usage.other_version) == (3, 24, 1, False)
    assert usage.waited_s >= 2.4


async def test_a_larger_plan_refills_faster() -> None:
    time = MovingClock()
    bucket = CostBucket(time, time.sleep)
    bucket.settle(await bucket.take(100), _status(0, rate=1000, capacity=20000))
    await bucket.take(500, Rank.STOCK)
    assert time.now == pytest.approx(0.5)


async def test_what_is_under_way_counts_as_spent() -> None:
    time = MovingClock()
    bucket = CostBucket(time, time.sleep)
    first, _second = await bucket.take(100), await bucket.take(300)
    bucket.settle(first, _status(1900))
    assert bucket.wait_s(1600, Rank.STOCK) == 0
    assert bucket.wait_s(1700, Rank.STOCK) == pytest.approx(1.0)


async def test_more_than_the_bucket_holds_waits_for_a_full_one() -> None:
    time = MovingClock()
    bucket = CostBucket(time, time.sleep)
    bucket.settle(await bucket.take(10), _status(1000, capacity=1000))
    await bucket.take(5000)
    assert time.now == 0


@pytest.mark.parametrize("status", [{}, {"currentlyAvailable": "?"}, _status(5, rate=0), None])
async def test_a_status_that_makes_no_sense_changes_nothing(status: Any) -> None:
    time = MovingClock()
    bucket = CostBucket(time, time.sleep)
    bucket.settle(await bucket.take(100), status)
    assert bucket.wait_s(1900, Rank.STOCK) == 0
