"""Slow clients: the rule, and a real server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn

from longshore.serving import Server
from longshore.slow_clients import Patience, SlowClients
from longshore_devkit.testing import eventually


@dataclass
class Transport:
    buffered: int = 0
    aborted: bool = False

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def abort(self) -> None:
        self.aborted = True


@dataclass
class Cycle:
    more_body: bool = False
    response_started: bool = False
    response_complete: bool = False


@dataclass(eq=False)
class Connection:
    cycle: Cycle | None = None
    timeout_keep_alive_task: Any = None
    transport: Transport = field(default_factory=Transport)


PATIENCE = Patience(head=10, body=20, answer=30)


@pytest.mark.parametrize(
    ("connection", "cut_after"),
    [
        (Connection(), 10),
        (Connection(Cycle(response_complete=True)), 10),
        (Connection(Cycle(response_complete=True), timeout_keep_alive_task=object()), None),
        (Connection(Cycle(more_body=True)), 20),
        # Our turn: it is not the client who is slow.
        (Connection(Cycle()), None),
        (Connection(Cycle(response_started=True), transport=Transport(buffered=9)), 30),
        (Connection(Cycle(response_started=True)), None),
    ],
)
def test_who_is_cut_off_and_when(connection: Connection, cut_after: int | None) -> None:
    slow = SlowClients(PATIENCE)
    for now in range(100):
        slow.sweep([connection], float(now))
        if connection.transport.aborted:
            assert now == cut_after
            return
    assert cut_after is None


def test_whoever_goes_on_is_not_slow() -> None:
    slow, connection = SlowClients(PATIENCE), Connection()
    requests = [Cycle(more_body=True) for _ in range(10)]
    now = 0.0
    for request in requests:
        for _ in range(2):
            slow.sweep([connection], now)
            now += 9.0
        connection.cycle = request
        slow.sweep([connection], now)
        now += 15.0
        slow.sweep([connection], now)
        connection.cycle = Cycle(response_complete=True)
        assert not connection.transport.aborted


def test_connections_that_are_gone_are_forgotten() -> None:
    slow = SlowClients(PATIENCE)
    slow.sweep([Connection() for _ in range(5)], 0.0)
    slow.sweep([], 1.0)
    assert slow._waiting == {}


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def serving(patience: Patience) -> AsyncIterator[int]:
    config = uvicorn.Config(app, port=0, http="httptools", ws="none", lifespan="off", log_config=None)
    server = Server(config)
    server.slow_clients = SlowClients(patience)
    task = asyncio.create_task(server._serve())
    try:
        await eventually(lambda: server.started, timeout=5)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def test_a_real_server_hangs_up_on_half_a_head_and_half_a_body_and_serves_the_others() -> None:
    async with serving(Patience(head=0.0, body=0.0)) as port:
        half = [
            b"GET / HTTP/1.1\r\nHost: hub\r\n",
            b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 10\r\n\r\nhalf",
        ]
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in half]
        for (_, writer), sent in zip(streams, half, strict=True):
            writer.write(sent)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"ok")
        for reader, writer in streams:
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 10) == b""
            writer.close()
        writer.close()
