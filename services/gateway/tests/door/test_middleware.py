"""The door: who is asking, rates, sizes, times. In front of small applications, and of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from longshore.ids import OrgId, uuid7
from longshore.problems import Problem
from longshore_gateway.accounts.rules import ALL_SCOPES, Caller, CallerKind
from longshore_gateway.door.asgi import caller_of
from longshore_gateway.door.middleware import DoorMiddleware, Limits
from longshore_gateway.limits.buckets import Buckets


class Desk:
    """Knows the callers that it is told of, as Accounts does."""

    def __init__(self) -> None:
        self.asked = 0
        self.known = {f"Bearer {name}": self.caller(name) for name in ("ann", "bob")}

    @staticmethod
    def caller(name: str) -> Caller:
        return Caller(OrgId(uuid7()), CallerKind.API_KEY, uuid7(), name, ALL_SCOPES)

    async def authenticate(self, authorization: str | None) -> Caller:
        self.asked += 1
        if authorization not in self.known:
            raise Problem(401, "Who?", type="not-authenticated")
        return self.known[authorization]

    def remembers(self, authorization: str | None) -> bool:
        return authorization in self.known


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body and answers with its length and who is asking."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    caller = caller_of(scope)
    name = caller.name if isinstance(caller, Caller) else "nobody"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{size} {name}".encode()})


def door(
    app: ASGIApp = echo, *, burst: int = 100, limits: Limits | None = None, desk: Desk | None = None
) -> DoorMiddleware:
    known, strangers = Buckets(1.0, burst), Buckets(1.0, 1)
    return DoorMiddleware(
        app,
        desk or Desk(),  # type: ignore[arg-type]  # it answers what is asked of it here
        known,
        strangers,
        limits or Limits(),
        monotonic=lambda: 0.0,
    )


def client(app: ASGIApp, name: str = "ann") -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {name}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub", headers=headers)


async def test_each_caller_has_a_bucket_of_their_own_and_is_told_of_it() -> None:
    app = door(burst=2)
    async with client(app) as ann, client(app, "bob") as bob, client(app, "eve") as eve:
        first = await ann.get("/api/v1/orders")
        assert (first.status_code, first.text) == (200, "0 ann")
        assert first.headers["ratelimit-limit"] == "2"
        assert first.headers["ratelimit-remaining"] == "1"
        assert (await ann.get("/api/v1/orders")).status_code == 200
        refused = await ann.get("/api/v1/orders")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.headers["content-type"] == "application/problem+json"
        assert (refused.headers["ratelimit-remaining"], refused.headers["ratelimit-reset"]) == ("0", "2")
        assert (await bob.get("/api/v1/orders")).status_code == 200
        assert (await eve.get("/api/v1/auth/login")).text == "0 nobody"
        assert (await eve.get("/api/v1/auth/login")).status_code == 429


async def test_a_flood_of_strangers_costs_no_look_ups_and_keeps_nobody_out_who_is_known() -> None:
    desk = Desk()
    app = door(desk=desk)
    async with client(app) as ann, client(app, "eve") as eve:
        statuses = [(await eve.get("/api/v1/orders")).status_code for _ in range(20)]
        assert statuses == [200] + [429] * 19
        assert desk.asked == 2
        assert (await ann.get("/api/v1/orders")).text == "0 ann"


async def test_who_comes_to_connect_a_store_is_a_stranger_like_any_other() -> None:
    desk = Desk()
    app = door(desk=desk)
    async with client(app) as ann:
        assert (await ann.get("/oauth/shopify/start")).text == "0 nobody"
        refused = await ann.post("/oauth/woocommerce/callback")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert desk.asked == 0


async def test_what_is_neither_the_api_nor_consent_is_not_counted() -> None:
    app = door(burst=1)
    async with client(app, "eve") as eve:
        for _ in range(5):
            answer = await eve.get("/livez")
            assert answer.status_code == 200
            assert "ratelimit-limit" not in answer.headers


@pytest.mark.parametrize("declared", [True, False])
async def test_large_bodies(declared: bool) -> None:
    app = door(limits=Limits(body=100, bodies={"/api/v1/ingest/": 1_000}))

    async def parts(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 10):
            yield b"x" * 10

    async with client(app) as ann:
        for path, size, status in (
            ("/api/v1/orders", 100, 200),
            ("/api/v1/orders", 110, 413),
            ("/api/v1/ingest/1/orders", 1_000, 200),
            ("/api/v1/ingest/1/orders", 1_010, 413),
            # Nobody has to be known there.
            ("/livez", 110, 413),
            ("/elsewhere", 110, 413),
        ):
            answer = await ann.post(path, content=b"x" * size if declared else parts(size))
            assert answer.status_code == status, (path, size)
        assert answer.headers["connection"] == "close"


async def send_slowly(app: ASGIApp, body: list[bytes | None]) -> list[dict[str, Any]]:
    """A request whose body comes in parts; None: nothing more ever comes."""
    sent: list[dict[str, Any]] = []
    parts = iter(body)

    async def receive() -> dict[str, Any]:
        part = next(parts)
        if part is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": part, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/api/v1/orders", "headers": [(b"transfer-encoding", b"chunked")],
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


async def test_a_body_that_does_not_arrive() -> None:
    sent = await send_slowly(door(limits=Limits(arrival_s=0.01)), [b"a", b"b", None])
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_an_answer_that_does_not_begin_and_one_that_goes_on() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    async with client(door(never, limits=Limits(answer_s=0.01))) as ann:
        answer = await ann.get("/api/v1/orders")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/try-again")

    async def long(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"all of it"})

    async with client(door(long, limits=Limits(answer_s=0.01))) as ann:
        assert (await ann.get("/api/v1/events")).text == "all of it"


async def test_in_the_gateway(quiet: Any) -> None:
    large = await quiet.client.post("/api/v1/integrations", content=b"[" + b"1," * 600_000 + b"1]")
    assert large.status_code == 413

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    chunked = await quiet.client.post("/api/v1/integrations", content=parts())
    assert chunked.status_code == 413
    assert chunked.headers["content-type"] == "application/problem+json"
    keyed = await quiet.client.post("/api/v1/integrations", content=parts(), headers={"Idempotency-Key": "k"})
    assert keyed.status_code == 413
    # Where stores come that nobody knows yet.
    assert (await quiet.stranger.post("/oauth/woocommerce/callback", content=parts())).status_code == 413
