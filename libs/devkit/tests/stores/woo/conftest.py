"""A running shop, clients with keys, a place that takes deliveries, and the recorded traffic."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longshore_devkit.stores.common import LocalServer
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig

RECORDED = Path(__file__).parent / "recorded"
CONFIG = WooConfig(
    consumer_key="ck_test",
    consumer_secret="cs_test",
    read_only_key="ck_read",
    read_only_secret="cs_read",
    products=20,
    webhook_delay_s=(0.001, 0.01),
)


@dataclass
class Recorded:
    """One recorded answer or delivery."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@pytest.fixture
def recorded() -> Callable[[str], Recorded]:
    """Reads a recording by the start of its name: `rest/10`, `webhooks/018`."""

    def read(prefix: str) -> Recorded:
        folder, _, start = prefix.partition("/")
        (path,) = (RECORDED / folder).glob(f"{start}-*.json")
        kept = json.loads(path.read_text())
        if folder == "webhooks":
            return Recorded(0, kept["headers"], base64.b64decode(kept["body_base64"]))
        return Recorded(kept["status"], dict(kept["headers"]), kept["body_text"].encode())

    return read


@dataclass
class Sink:
    """Takes deliveries; answers the scripted statuses first, then `status`."""

    status: int = 200
    script: list[int] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        async with self.arrived:
            self.received.append((dict(request.headers), body))
            self.arrived.notify_all()
        return Response(status_code=self.script.pop(0) if self.script else self.status)

    @property
    def pings(self) -> list[bytes]:
        return [body for headers, body in self.received if "x-wc-webhook-topic" not in headers]

    def deliveries(self, topic: str | None = None) -> list[tuple[dict[str, str], bytes]]:
        return [
            (headers, body)
            for headers, body in self.received
            if "x-wc-webhook-topic" in headers and topic in (None, headers["x-wc-webhook-topic"])
        ]

    def bodies(self, topic: str) -> list[Any]:
        return [json.loads(body) for _, body in self.deliveries(topic)]


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    taking = Sink()
    server = LocalServer(Starlette(routes=[Route("/{rest:path}", taking.take, methods=["POST"])]))
    await server.start()
    taking.url = f"{server.url}/hook"
    yield taking
    await server.stop()


@pytest.fixture
async def woo() -> AsyncIterator[SimulatedWoo]:
    """A shop that is open but does not listen: `api` and `sim` call it in process."""
    shop = SimulatedWoo(CONFIG)
    shop.queue.start()
    shop.traffic.start()
    yield shop
    await shop.stop()


@pytest.fixture
async def api(woo: SimulatedWoo) -> AsyncIterator[httpx.AsyncClient]:
    """The API as over HTTPS, with the writing key."""
    base = "https://shop.example.test/wp-json/wc/v3"
    keys = ("ck_test", "cs_test")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(woo.app), base_url=base, auth=keys) as client:
        yield client


@pytest.fixture
async def sim(woo: SimulatedWoo) -> AsyncIterator[httpx.AsyncClient]:
    """The control API."""
    base = "http://shop.example.test/_sim"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(woo.app), base_url=base) as client:
        yield client


@pytest.fixture
async def served() -> AsyncIterator[SimulatedWoo]:
    """A shop on real sockets, with TLS."""
    async with SimulatedWoo(CONFIG, https_port=0) as shop:
        yield shop


@pytest.fixture
def client_with(served: SimulatedWoo) -> Callable[[tuple[str, str] | None], httpx.AsyncClient]:
    """A client of the served shop over TLS, with these keys or none."""

    def make(auth: tuple[str, str] | None) -> httpx.AsyncClient:
        trust = ssl.create_default_context(cafile=str(served.ca_file))
        base = f"{served.https_url}/wp-json/wc/v3"
        return httpx.AsyncClient(base_url=base, verify=trust, auth=auth, trust_env=False)

    return make


@pytest.fixture
def config() -> Callable[..., WooConfig]:
    """The tests' settings with some changed."""
    return lambda **changes: dataclasses.replace(CONFIG, **changes)
