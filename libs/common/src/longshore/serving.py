"""Serving at a door that several processes share: one can go while another takes what comes (docs/adr/0013).

Whoever starts the processes binds the public address once and hands the listening socket to each. Connections wait in
that one socket's queue whichever process is there to accept them: with a socket each (SO_REUSEPORT) those that wait in
the queue of a process that ends are reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

import structlog
import uvicorn

from longshore.slow_clients import SlowClients

log = structlog.get_logger(__name__)

DRAIN_S = 1.0
_LOOK_EVERY_S = 0.02


class Server(uvicorn.Server):
    """uvicorn's server, but it wakes once a second, for the date of its answers, for slow clients and for a signal; not
    ten times."""

    _wake: Callable[[], object] | None = None

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.slow_clients = SlowClients()

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's: once a second."""
        self.slow_clients.sweep(self.server_state.connections, time.monotonic())
        return await super().on_tick(counter)

    async def main_loop(self) -> None:
        """uvicorn's: until it is to stop."""
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(woken.set)
        # 0: of uvicorn's ticks those that set the date.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), 1.0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """uvicorn's: a signal has come."""
        super().handle_exit(sig, frame)
        if self._wake is not None:
            self._wake()


class SharedDoorServer(Server):
    """uvicorn at its own address as ever, and at `door`, a listening socket that others accept from too.

    It accepts from the door once `ready` has said yes: until then the other processes do, or callers wait in the queue.
    When it is told to stop it accepts no more, answers what is under way or still comes on the connections that it has,
    with the word to close them, and hangs up on those that were silent for `drain_s` seconds.
    """

    def __init__(
        self, config: uvicorn.Config, door: socket.socket, ready: Callable[[], bool], drain_s: float = DRAIN_S
    ) -> None:
        super().__init__(config)
        self._door = door
        self._ready = ready
        self._drain_s = drain_s
        self._opening: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's: begin to serve."""
        await super().startup(sockets)
        self._opening = asyncio.create_task(self._open(), name="open the door")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's: stop serving. The door stays open for the others."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        for server in self.servers:
            server.close()
        self._door.close()
        # uvicorn by itself would close idle connections at once: under the next request of whoever uses them.
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                connection.shutdown()
        # Counted in looks, not in time: after a second in which a busy machine let this process do nothing, requests
        # have come that it has not yet seen.
        for _ in range(round(self._drain_s / _LOOK_EVERY_S)):
            if not self.server_state.connections:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        await super().shutdown(sockets)

    async def _open(self) -> None:
        while not self._ready():  # noqa: ASYNC110 - readiness is a question, asked of many parts
            await asyncio.sleep(_LOOK_EVERY_S)
        config, loop = self.config, asyncio.get_running_loop()

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        self.servers.append(await loop.create_server(protocol, sock=self._door.dup(), backlog=config.backlog))
        log.info("the shared door is open")


def inherited_socket(fd: int) -> socket.socket:
    """The listening socket that whoever started this process left open as `fd`; ends the process with one sentence
    and code 2 when there is none."""
    try:
        door = socket.socket(fileno=fd)
        if not door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("it does not listen")
    except OSError as error:
        sys.stderr.write(f"LONGSHORE_HTTP_FD is wrong: {fd} is no listening socket ({error}).\n")
        raise SystemExit(2) from None
    return door
