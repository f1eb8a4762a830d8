"""A TCP proxy that breaks on demand: slow, narrow, cut, a black hole, closing after so many bytes; and heals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from longshore_devkit.ports import HOST

CHUNK = 16 * 1024
MOST_CHUNKS = 256
"""What may be under way in one direction: 4 MiB, then the sender has to wait, as on a real line."""

_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Line:
    """What a line is like now. `latency_s` is of each direction, `bytes_per_s` too (None: as fast as it goes)."""

    latency_s: float = 0.0
    bytes_per_s: float | None = None
    open: bool = True
    """False: nothing passes, connections stand."""
    cut: bool = False
    """True: there is no line, every connection is reset."""
    most_bytes: int | None = None
    """So many bytes of answers, then a connection is reset."""


HEALTHY = Line()


class Proxy:
    """Passes connections on to `target` (host, port). Listens on loopback.

    Use as `async with`, or call `start` and `stop`. What changes the line may be called from any thread; it holds for
    connections that stand and for new ones.
    """

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self._target = target
        self._wanted_port = port
        self._line = HEALTHY
        self._passable = asyncio.Event()
        self._passable.set()
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.accepted = 0
        """Connections that were ever accepted."""

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._serve, HOST, self._wanted_port, limit=CHUNK)

    async def stop(self) -> None:
        """Reset what stands and listen no more."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        tasks = [connection.task for connection in self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """Where it listens. Only after `start`."""
        if self._server is None:
            raise RuntimeError("the proxy is not started")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def address(self) -> str:
        """host:port. Only after `start`."""
        return f"{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """How many stand now."""
        return len(self._connections)

    def slow(self, latency_s: float = 0.0, bytes_per_s: float | None = None) -> None:
        """From now on each byte is so late, and no more than so many pass in a second, in each direction."""
        self._change(Line(latency_s, bytes_per_s))

    def cut(self) -> None:
        """Reset every connection, and each new one at once."""
        self._change(Line(cut=True))

    def black_hole(self) -> None:
        """Connections stand and new ones are accepted, but nothing passes. After `heal` it does, in order."""
        self._change(Line(open=False))

    def close_after(self, most_bytes: int) -> None:
        """Reset a connection as soon as so many bytes of answers have passed on it, counted from now."""
        self._change(Line(most_bytes=most_bytes))

    def heal(self) -> None:
        """All as it should be."""
        self._change(HEALTHY)

    def _change(self, line: Line) -> None:
        loop = self._loop
        if loop is None:
            raise RuntimeError("the proxy is not started")
        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:
            here = False
        if here:
            self._set(line)
        else:
            loop.call_soon_threadsafe(self._set, line)

    def _set(self, line: Line) -> None:
        self._line = line
        for connection in list(self._connections):
            connection.answered = 0
            if line.cut:
                connection.task.cancel()
        if line.open:
            self._passable.set()
        else:
            self._passable.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        connection = _Connection(task)
        self._connections.add(connection)
        ends = [writer]
        finish: Callable[[asyncio.StreamWriter], None] = _reset
        try:
            if self._line.cut:
                return
            await self._passable.wait()
            there, back = await asyncio.open_connection(*self._target, limit=CHUNK)
            ends.append(back)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, back))
                group.create_task(self._pass(there, writer, connection))
            finish = asyncio.StreamWriter.close
        except* (OSError, _Enough):
            pass
        except* asyncio.CancelledError:
            # Cut off by `cut` or `stop`, which do not wait for anything of it. (Streams would report it as an error.)
            pass
        finally:
            self._connections.discard(connection)
            for end in ends:
                finish(end)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers_of: _Connection | None = None
    ) -> None:
        """One direction. Chunks keep their distance in time: latency delays, it does not slow down."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_CHUNKS)
        clock = asyncio.get_running_loop().time

        async def take() -> None:
            while chunk := await reader.read(CHUNK):
                await under_way.put((clock(), chunk))
            await under_way.put((clock(), b""))

        async def give() -> None:
            while True:
                came, chunk = await under_way.get()
                if (wait_s := came + self._line.latency_s - clock()) > 0:
                    await asyncio.sleep(wait_s)
                await self._passable.wait()
                if not chunk:
                    with contextlib.suppress(OSError):
                        writer.write_eof()
                    return
                if answers_of is not None:
                    chunk = self._cut_to_size(chunk, answers_of)
                writer.write(chunk)
                await writer.drain()
                if answers_of is not None and answers_of.answered == self._line.most_bytes:
                    raise _Enough
                if self._line.bytes_per_s is not None:
                    await asyncio.sleep(len(chunk) / self._line.bytes_per_s)

        async with asyncio.TaskGroup() as group:
            group.create_task(take())
            group.create_task(give())

    def _cut_to_size(self, chunk: bytes, connection: _Connection) -> bytes:
        most = self._line.most_bytes
        if most is not None:
            chunk = chunk[: max(0, most - connection.answered)]
        connection.answered += len(chunk)
        return chunk


@dataclass(eq=False)
class _Connection:
    task: asyncio.Task[None]
    answered: int = 0


class _Enough(Exception):
    """So many bytes of answers have passed."""


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, by RST; what is still in its buffers is lost."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
