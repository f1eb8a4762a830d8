"""Connections to stores, with resolvers that lie: only what was checked is connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from longshore.platforms.outbound import PrivateAddress, PublicResolver, connection_error, store_session
from longshore.platforms.protocols import StoreRefused, StoreUnavailable
from longshore_devkit.stores.woo.tls import make_tls_files

TIMEOUT = aiohttp.ClientTimeout(total=5, sock_connect=2)
PUBLIC, INSIDE = "8.8.8.8", "127.0.0.1"


class Lies:
    """A name server that answers with each of `answers` in turn, and with the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int, family: int) -> list[tuple[int, str]]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in found]


@dataclass
class Listener:
    """A TLS server on loopback that notes whom it was taken for."""

    port: int = 0
    ca_file: str = ""
    names: list[str | None] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    connections: int = 0


@pytest.fixture
async def listener(tmp_path: Path) -> AsyncIterator[Listener]:
    found = Listener()
    files = make_tls_files(tmp_path, "shop.example")
    found.ca_file = str(files.ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert_file, files.key_file)
    context.sni_callback = lambda _, name, __: found.names.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        found.hosts += [line[6:] for line in head.splitlines() if line.lower().startswith("host: ")]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, INSIDE, 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


@pytest.mark.parametrize(
    "answer",
    [
        [INSIDE],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%2"],
        ["64:ff9b::7f00:1"],
        # One good address does not make the others good: it would be tried when the first does not answer.
        [PUBLIC, INSIDE],
        [INSIDE, PUBLIC],
    ],
)
async def test_names_that_lead_inside(answer: list[str]) -> None:
    with pytest.raises(PrivateAddress):
        await PublicResolver(allow_private=False, lookup=Lies(answer)).resolve("shop.example", 443)


async def test_localhost_by_the_real_resolver() -> None:
    with pytest.raises(PrivateAddress):
        await PublicResolver(allow_private=False).resolve("localhost", 443)
    found = await PublicResolver(allow_private=True).resolve("localhost", 443, socket.AF_INET)
    assert {each["host"] for each in found} == {INSIDE}


async def test_a_name_that_changes_its_answer_after_the_check_gains_nothing(listener: Listener) -> None:
    # Public when it is looked at, inside when it is connected to: the classic.
    lies = Lies([PUBLIC], [INSIDE])
    resolver = PublicResolver(allow_private=False, lookup=lies)
    checked = await resolver.resolve("shop.example", listener.port)
    assert [each["host"] for each in checked] == [PUBLIC]
    # aiohttp connects to what this very call answers; it asks the name server no second time.
    assert lies.asked == ["shop.example"]
    async with store_session(
        allow_private=False, tls_ca_file=listener.ca_file, limit=1, timeout=TIMEOUT, lookup=lies
    ) as session:
        with pytest.raises(aiohttp.ClientConnectorDNSError) as caught:
            await session.get(f"https://shop.example:{listener.port}/", allow_redirects=False)
    assert isinstance(caught.value.os_error, PrivateAddress)
    refusal = connection_error(caught.value)
    assert isinstance(refusal, StoreRefused)
    assert refusal.code == "private-address"
    assert listener.connections == 0


async def test_the_address_that_was_checked_is_connected_to_under_the_stores_own_name(listener: Listener) -> None:
    # Loopback stands for a public address: in development it may be.
    lies = Lies([INSIDE], ["10.255.255.1"])
    async with (
        store_session(
            allow_private=True, tls_ca_file=listener.ca_file, limit=1, timeout=TIMEOUT, lookup=lies
        ) as session,
        session.get(f"https://shop.example:{listener.port}/", allow_redirects=False) as answer,
    ):
        assert await answer.text() == "ok"
    assert lies.asked == ["shop.example"]
    assert listener.names == ["shop.example"]
    assert listener.hosts == [f"shop.example:{listener.port}"]


async def test_a_certificate_of_somebody_else(listener: Listener) -> None:
    async with store_session(
        allow_private=True, tls_ca_file=listener.ca_file, limit=1, timeout=TIMEOUT, lookup=Lies([INSIDE])
    ) as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(f"https://other.example:{listener.port}/", allow_redirects=False)
    error = connection_error(caught.value)
    assert isinstance(error, StoreUnavailable)
    assert error.code == "certificate"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "timeout"),
        (aiohttp.ServerDisconnectedError(), "connection-lost"),
        (OSError(), "connection-lost"),
    ],
)
def test_what_the_network_does_has_a_name(error: Exception, code: str) -> None:
    assert connection_error(error).code == code
