"""The network's and the store's misbehaviour, each named by its own error."""

from __future__ import annotations

import asyncio
import gzip
import time
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from longshore.platforms.protocols import (
    FetchRequest,
    StoreError,
    StoreRefused,
    StoreThrottled,
    StoreUnavailable,
)
from longshore_connector_woo.client.http import CONNECTIONS, StoreHttp

ORDER = FetchRequest("order", "5")


async def fails(client: Any, kind: type[StoreError]) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await client.fetch(ORDER)
    assert type(caught.value) is kind
    return caught.value


async def test_throttled(serve: Any) -> None:
    calls = []

    async def handler(request: web.Request) -> web.Response:
        calls.append(request)
        return web.json_response({"code": "too_many"}, status=429, headers={"Retry-After": "40"})

    client = await serve(handler)
    began = time.monotonic()
    error = await fails(client, StoreThrottled)
    assert isinstance(error, StoreThrottled)
    assert error.retry_after == 40
    again = await fails(client, StoreThrottled)
    assert isinstance(again, StoreThrottled)
    assert 40 - (time.monotonic() - began) <= (again.retry_after or 0) <= 40
    assert len(calls) == 1


async def test_a_connection_lost_in_the_middle(serve: Any) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"id":')
        assert request.transport is not None
        request.transport.abort()
        return response

    assert (await fails(await serve(handler), StoreUnavailable)).code == "connection-lost"


async def test_a_store_that_hangs(serve: Any) -> None:
    done = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await done.wait()
        return web.Response()

    client = await serve(handler)
    http = StoreHttp(client._http._store_url, "ck", "cs", allow_private=True, timeout=aiohttp.ClientTimeout(total=0.05))
    with pytest.raises(StoreUnavailable) as caught:
        await http.get("/orders")
    assert caught.value.code == "timeout"
    done.set()
    await http.close()


async def test_nobody_listens(unused_tcp_port: int, client_of: Any) -> None:
    client = client_of(f"http://127.0.0.1:{unused_tcp_port}", "ck", "cs")
    assert (await fails(client, StoreUnavailable)).code == "unreachable"
    await client.close()


async def test_a_redirect_is_not_followed(serve: Any) -> None:
    paths = []

    async def handler(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=301, headers={"Location": "/elsewhere"})

    assert (await fails(await serve(handler), StoreRefused)).code == "redirect"
    assert paths == ["/wp-json/wc/v3/orders/5"]


async def test_json_under_a_wrong_type_and_behind_a_warning(serve: Any) -> None:
    async def handler(_: web.Request) -> web.Response:
        body = b'<br />\n<b>Deprecated</b>: x in <b>/y.php</b><br />\n{"id":5,"refunds":[],"price":0.10}'
        return web.Response(body=gzip.compress(body), content_type="text/html", headers={"Content-Encoding": "gzip"})

    (entity,) = await (await serve(handler)).fetch(ORDER)
    assert entity.body == b'{"order":{"id":5,"refunds":[],"price":0.10},"refunds":[]}'


async def test_no_secret_travels_in_clear(serve: Any) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(f"{request.path_qs} {dict(request.headers)} {await request.text()}")
        return web.json_response({"id": 5, "refunds": []})

    client = await serve(handler)
    secret = "cs_" + "9" * 40
    client._http._secret = secret
    await client.fetch(ORDER)
    await client._http.post("/orders/5", {"status": "completed"})
    assert len(seen) == 2
    assert all(secret not in each and "Authorization" not in each and "oauth_signature" in each for each in seen)


async def test_many_at_once_over_few_connections(serve: Any) -> None:
    now, most = 0, 0

    async def handler(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _turn in range(20):
            await asyncio.sleep(0)
        now -= 1
        return web.json_response({"id": 5, "refunds": []})

    client = await serve(handler)
    await asyncio.gather(*(client.fetch(ORDER) for _ in range(40)))
    assert most <= CONNECTIONS


async def test_a_writes_connection_is_not_tried_twice(serve: Any) -> None:
    """A store that hangs up after the write: the client must not repeat it by itself."""
    writes = []

    async def handler(request: web.Request) -> web.Response:
        if request.method == "POST":
            writes.append(await request.json())
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"id": 5, "refunds": []})

    client = await serve(handler)
    await client.fetch(ORDER)
    with pytest.raises(StoreUnavailable):
        await client._http.post("/orders/5", {"status": "completed"})
    assert writes == [{"status": "completed"}]


async def test_a_name_that_leads_inside_is_not_called() -> None:
    async def lies(host: str, port: int, family: int) -> list[tuple[int, str]]:
        return [(family, "169.254.169.254")]

    http = StoreHttp("https://shop.example", "ck", "cs", lookup=lies)
    with pytest.raises(StoreRefused) as caught:
        await http.get("/orders")
    assert caught.value.code == "private-address"
    await http.close()
