"""Load runs against a small server on a real socket."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from longshore_devkit.loadgen import LoadPlan, run_load
from longshore_devkit.loadgen.__main__ import parse, plan_of
from longshore_devkit.loadgen.connections import Job, Pool
from longshore_devkit.loadgen.connections import Target as Address
from longshore_devkit.loadgen.latency import Latencies
from longshore_devkit.stores.common import LocalServer
from longshore_devkit.testing import PATIENCE, eventually

SECRET = "load-secret"


@dataclass
class Target:
    """Answers what `decide` says of the n-th request (from 0): a status, or None to wait for `release`."""

    decide: Callable[[int], int | None] = lambda _: 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        number = len(self.requests)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((headers, body))
        self.connections.add(scope["client"])
        status = self.decide(number)
        if status is None:
            await self.release.wait()
            status = 200
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    taking = Target()
    server = LocalServer(taking)
    await server.start()
    taking.url = f"{server.url}/webhooks/woocommerce/x?y=1"
    yield taking
    taking.release.set()
    await server.stop()


class TestSchedule:
    async def test_reaches_its_rate_on_few_connections(self, target: Target) -> None:
        result = await run_load(LoadPlan(target.url, SECRET, rate=400, orders=100, connections=4))
        assert (result.planned, result.sent, result.accepted) == (200, 200, 200)
        assert 0.45 < result.seconds < 2 * PATIENCE
        assert len(target.connections) <= 4
        assert result.status_counts == {"200": 200}
        times = list(result.intended.values())
        assert times[-1] - times[0] == pytest.approx(99 / 200, abs=1e-6)

    async def test_latency_counts_from_the_intended_time(self, target: Target) -> None:
        """One connection, stuck on the first answer: the others were due long before they could go out."""

        def decide(number: int) -> int | None:
            if number:
                return 200
            asyncio.get_running_loop().call_later(0.3, target.release.set)
            return None

        target.decide = decide
        result = await run_load(LoadPlan(target.url, SECRET, rate=200, orders=20, copies=1, connections=1))
        assert (result.accepted, result.latency.count) == (20, 20)
        assert result.latency.max_ms > 250
        assert result.latency.p50_ms > 150
        assert result.lateness.p50_ms > 150
        assert sum(result.histogram_ms.values()) == 20

    async def test_without_a_rate_it_sends_as_fast_as_it_is_answered(self, target: Target) -> None:
        result = await run_load(LoadPlan(target.url, SECRET, rate=None, orders=150, connections=8))
        assert (result.accepted, len(result.accepted_ids)) == (300, 150)

    async def test_a_plan_must_say_how_much(self, target: Target) -> None:
        assert LoadPlan(target.url, SECRET, rate=50, duration_s=2).order_count == 50
        with pytest.raises(ValueError, match="orders"):
            await run_load(LoadPlan(target.url, SECRET, rate=None, duration_s=1))


class TestPool:
    async def test_what_rests_is_replaced_before_the_server_hangs_up(self) -> None:
        answers: list[int | None] = []
        opened = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            while await reader.readline():
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        pool = Pool(Address("127.0.0.1", server.sockets[0].getsockname()[1]), size=3, timeout_s=5, idle_s=0.1)
        await pool.open()
        await eventually(lambda: opened >= 9)
        pool.send(Job(0, 0, lambda _: b"one line\n", lambda job, status, error: answers.append(status)))
        await eventually(lambda: answers)
        await pool.close()
        server.close()
        assert answers == [200]


class TestWooCommerce:
    async def test_pairs_are_signed_and_share_their_body(self, target: Target) -> None:
        await run_load(LoadPlan(target.url, SECRET, rate=500, orders=5))
        topics = Counter(headers["x-wc-webhook-topic"] for headers, _ in target.requests)
        assert topics == {"order.created": 5, "order.updated": 5}
        by_id: dict[int, set[bytes]] = {}
        for headers, body in target.requests:
            digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
            assert headers["x-wc-webhook-signature"] == base64.b64encode(digest).decode()
            assert len(headers["x-wc-webhook-delivery-id"]) == 32
            by_id.setdefault(json.loads(body)["id"], set()).add(body)
        assert [len(bodies) for bodies in by_id.values()] == [1] * 5


class TestShopify:
    async def test_headers(self, target: Target) -> None:
        plan = LoadPlan(
            target.url, SECRET, platform="shopify", shop="load.myshopify.com", rate=500, orders=5, skus=("A-1", "A-2")
        )
        result = await run_load(plan)
        assert len({headers["x-shopify-webhook-id"] for headers, _ in target.requests}) == 10
        assert len({headers["x-shopify-event-id"] for headers, _ in target.requests}) == 5
        assert {headers["x-shopify-topic"] for headers, _ in target.requests} == {"orders/create", "orders/updated"}
        assert result.accepted_ids == {json.loads(body)["id"] for _, body in target.requests}
        headers, body = target.requests[0]
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
        assert headers["x-shopify-hmac-sha256"] == base64.b64encode(digest).decode()
        assert headers["x-shopify-shop-domain"] == "load.myshopify.com"


class TestAccount:
    async def test_what_was_refused_is_not_accepted(self, target: Target) -> None:
        target.decide = lambda number: 503 if number % 4 == 0 else 200
        result = await run_load(LoadPlan(target.url, SECRET, rate=500, orders=40, copies=1, connections=1))
        assert result.status_counts == {"200": 30, "503": 10}
        refused = {json.loads(body)["id"] for n, (_, body) in enumerate(target.requests) if n % 4 == 0}
        assert result.refused_ids == refused
        assert len(result.accepted_ids | refused) == 40
        assert not result.accepted_ids & refused

    async def test_retries_send_the_same_bytes_until_accepted(self, target: Target) -> None:
        target.decide = lambda number: 503 if number < 5 else 200
        plan = LoadPlan(target.url, SECRET, rate=500, orders=5, copies=1, retry_for_s=10, connections=1)
        result = await run_load(plan)
        assert (result.accepted, result.sent, result.refused_ids) == (5, 10, set())
        assert Counter(map(repr, target.requests[:5])) == Counter(map(repr, target.requests[5:]))

    async def test_a_server_that_comes_late_is_found(self, unused_tcp_port: int) -> None:
        late = Target()
        server = LocalServer(late, port=unused_tcp_port)
        plan = LoadPlan(
            f"http://127.0.0.1:{unused_tcp_port}/", SECRET, rate=100, orders=10, retry_for_s=20, timeout_s=1
        )
        run = asyncio.create_task(run_load(plan))
        await asyncio.wait({run}, timeout=0.2)
        await server.start()
        result = await run
        await server.stop()
        assert len(result.accepted_ids) == 10

    async def test_nobody_ever_answers(self, unused_tcp_port: int) -> None:
        plan = LoadPlan(f"http://127.0.0.1:{unused_tcp_port}/", SECRET, rate=100, orders=3, copies=1, timeout_s=0.2)
        result = await run_load(plan)
        assert (result.accepted, len(result.refused_ids), result.status_counts) == (0, 3, {"no connection": 3})

    async def test_no_answer_in_time(self, target: Target) -> None:
        target.decide = lambda number: None if number == 0 else 200
        plan = LoadPlan(target.url, SECRET, rate=100, orders=3, copies=1, connections=2, timeout_s=2)
        result = await run_load(plan)
        assert result.status_counts == {"200": 2, "timeout": 1}


class TestLatencies:
    def test_percentiles_are_exact(self) -> None:
        latencies = Latencies()
        for milliseconds in range(1, 1001):
            latencies.add(milliseconds / 1000)
        summary = latencies.summary()
        assert (summary.p50_ms, summary.p99_ms, summary.p999_ms, summary.max_ms) == (500, 990, 999, 1000)
        assert latencies.histogram((10, 100)) == {"10": 10, "100": 90, "inf": 900}

    def test_nothing_measured(self) -> None:
        assert Latencies().summary().count == 0


def test_command_line() -> None:
    options = parse(["http://x/", "--secret", "s", "--rate", "0", "--orders", "9", "--copies", "1", "--skus", "A,B"])
    plan = plan_of(options)
    assert (plan.rate, plan.order_count, plan.copies, plan.skus) == (None, 9, 1, ("A", "B"))
