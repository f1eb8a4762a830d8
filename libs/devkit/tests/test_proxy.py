"""The proxy between a client and a server that answers in capitals: each way to break, and that it heals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from longshore_devkit.background import LoopThread
from longshore_devkit.ports import HOST, free_port
from longshore_devkit.proxy import Proxy
from longshore_devkit.testing import PATIENCE, eventually


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, int]]:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65_536):
                writer.write(chunk.upper())
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(shout, HOST, 0)
    async with listening:
        yield listening.sockets[0].getsockname()[:2]


@pytest.fixture
async def proxy(server: tuple[str, int]) -> AsyncIterator[Proxy]:
    async with Proxy(server) as proxy:
        yield proxy


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: Proxy) -> Client:
        return cls(*await asyncio.open_connection(HOST, proxy.port))

    async def ask(self, text: bytes, timeout: float = 5.0) -> bytes:
        self.writer.write(text)
        return await asyncio.wait_for(self.reader.readexactly(len(text)), timeout)


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Client]:
    client = await Client.of(proxy)
    yield client
    client.writer.close()


async def is_reset(client: Client) -> bool:
    """Whether the connection has ended, by RST or by EOF, without another byte."""
    try:
        return await asyncio.wait_for(client.reader.read(1), 5) == b""
    except ConnectionResetError:
        return True


class TestHealthy:
    async def test_bytes_pass_in_order_both_ways(self, proxy: Proxy, client: Client) -> None:
        text = bytes(range(97, 123)) * 40_000
        client.writer.write(text)
        assert await client.reader.readexactly(len(text)) == text.upper()
        assert (proxy.accepted, proxy.connections) == (1, 1)

    async def test_the_end_of_one_side_reaches_the_other_after_all_bytes(self, proxy: Proxy, client: Client) -> None:
        proxy.slow(latency_s=0.05)
        client.writer.write(b"last words")
        client.writer.write_eof()
        assert await client.reader.read() == b"LAST WORDS"
        await eventually(lambda: proxy.connections == 0)

    async def test_nobody_behind_it_resets(self) -> None:
        async with Proxy((HOST, free_port())) as proxy:
            assert await is_reset(await Client.of(proxy))
            await eventually(lambda: proxy.connections == 0)


class TestSlow:
    async def test_latency_delays_each_way_and_does_not_narrow(self, proxy: Proxy, client: Client) -> None:
        await client.ask(b"warm")
        proxy.slow(latency_s=0.1)
        began = time.monotonic()
        # A thousand words one after the other, not waiting for answers: late, but all at once.
        for _ in range(1_000):
            client.writer.write(b"word")
            await client.writer.drain()
        await client.reader.readexactly(4_000)
        assert 0.2 <= time.monotonic() - began < 2.0 * PATIENCE
        proxy.heal()
        took = []
        for _ in range(5):
            began = time.monotonic()
            await client.ask(b"word")
            took.append(time.monotonic() - began)
        assert min(took) < 0.1

    async def test_bandwidth_narrows(self, proxy: Proxy, client: Client) -> None:
        proxy.slow(bytes_per_s=100_000)
        began = time.monotonic()
        await client.ask(b"x" * 50_000)
        # One direction after the other for the first chunk at least; both at once for the rest.
        assert 0.4 <= time.monotonic() - began < 3.0 * PATIENCE


class TestCut:
    async def test_standing_and_new_connections_are_reset_until_it_heals(self, proxy: Proxy, client: Client) -> None:
        await client.ask(b"here")
        proxy.cut()
        assert await is_reset(client)
        assert await is_reset(await Client.of(proxy))
        assert proxy.connections == 0
        proxy.heal()
        assert await (await Client.of(proxy)).ask(b"again") == b"AGAIN"

    async def test_the_server_behind_hears_of_it(self) -> None:
        came, ended = asyncio.Event(), asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while await reader.read(100):
                    came.set()
            except ConnectionResetError:
                ended.set()
            finally:
                writer.close()

        listening = await asyncio.start_server(listen, HOST, 0)
        async with listening, Proxy(listening.sockets[0].getsockname()[:2]) as proxy:
            client = await Client.of(proxy)
            client.writer.write(b"here")
            await asyncio.wait_for(came.wait(), 5)
            proxy.cut()
            await asyncio.wait_for(ended.wait(), 5)


class TestBlackHole:
    async def test_nothing_is_answered_and_nothing_is_lost(self, proxy: Proxy, client: Client) -> None:
        await client.ask(b"here")
        proxy.black_hole()
        other = await Client.of(proxy)  # accepted all the same
        with pytest.raises(TimeoutError):
            await client.ask(b"anybody", timeout=0.2)
        with pytest.raises(TimeoutError):
            await other.ask(b"nobody", timeout=0.2)
        proxy.heal()
        assert await client.reader.readexactly(7) == b"ANYBODY"
        assert await other.reader.readexactly(6) == b"NOBODY"

    async def test_a_sender_is_held_up_in_the_end(self, proxy: Proxy, client: Client) -> None:
        proxy.black_hole()

        chunk = b"x" * 65_536

        async def pour() -> None:
            # More than fits into the sockets between: a sender that is not held up comes to the end of it.
            for _ in range(32 * 1024 * 1024 // len(chunk)):
                client.writer.write(chunk)
                await client.writer.drain()

        pouring = asyncio.create_task(pour())
        _, held_up = await asyncio.wait({pouring}, timeout=1.0)
        assert held_up
        pouring.cancel()


class TestCloseAfter:
    async def test_so_many_bytes_of_answers_and_no_more(self, proxy: Proxy, client: Client) -> None:
        await client.ask(b"not counted")
        proxy.close_after(5)
        client.writer.write(b"cut in the middle")
        assert await client.reader.readexactly(5) == b"CUT I"
        assert await is_reset(client)
        # Each connection has as many.
        other = await Client.of(proxy)
        other.writer.write(b"abc")
        assert await other.reader.readexactly(3) == b"ABC"
        other.writer.write(b"defg")
        assert await other.reader.readexactly(2) == b"DE"
        assert await is_reset(other)


class TestThreads:
    async def test_it_is_broken_and_healed_from_another_thread(self, server: tuple[str, int]) -> None:
        with LoopThread() as loop:
            proxy = Proxy(server)
            loop.call(proxy.start())
            client = await Client.of(proxy)
            assert await client.ask(b"here") == b"HERE"
            proxy.cut()
            assert await is_reset(client)
            proxy.heal()

            async def healed() -> bool:
                again = await Client.of(proxy)
                again.writer.write(b"again")
                return await again.reader.read(5) == b"AGAIN"

            await eventually(healed)
            loop.call(proxy.stop())
