"""Processes at one door: they come when they are ready and go when they are told to, and no caller notices."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from longshore.serving import inherited_socket
from longshore_devkit.forking import ForkServer
from longshore_devkit.processes import Process, ProcessSpec, kill_group
from longshore_devkit.testing import eventually

PROGRAM = Path(__file__).with_name("door_process.py")
REQUEST = b"GET / HTTP/1.1\r\nHost: door\r\n%b\r\n"
ROUNDS = 6


class Door:
    """The socket, and the processes that serve at it."""

    def __init__(self, folder: Path, forks: ForkServer) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = self.socket.getsockname()
        self.processes: list[Process] = []
        self._folder = folder
        self._forks = forks

    async def start(self, *, ready: bool = True) -> tuple[Process, Path]:
        """One more process; the file that makes it ready."""
        file = self._folder / f"ready-{len(self.processes)}"
        if ready:
            file.touch()
        fd = self.socket.fileno()
        program = (sys.executable, str(PROGRAM), str(fd), str(file))
        process = await self._forks.spawn(ProcessSpec("door", program, pass_fds=(fd,)))
        self.processes.append(process)
        return process, file

    async def ask(self) -> str:
        """Which process answers a caller that comes anew. Raises OSError or IncompleteReadError."""
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            return await exchange(reader, writer, b"Connection: close\r\n")
        finally:
            writer.close()

    async def close(self) -> None:
        for process in self.processes:
            kill_group(process.pid)
            await process.wait()
        self.socket.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, header: bytes = b"") -> str:
    writer.write(REQUEST % header)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    body = (await reader.readexactly(length)).decode()
    return body + ("" if b"connection: close" not in head.lower() else " and goes")


@pytest.fixture
async def door(tmp_path: Path, forks: ForkServer) -> AsyncIterator[Door]:
    door = Door(tmp_path, forks)
    yield door
    await door.close()


class Callers:
    """Some that come anew for each request, some that keep their connection until they are told to close it."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._going = True
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    async def __aenter__(self) -> Callers:
        self._tasks = [asyncio.create_task(work()) for work in (self._anew, self._keep) for _ in range(4)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _anew(self) -> None:
        while self._going:
            try:
                self.answered[(await self._door.ask()).removesuffix(" and goes")] += 1
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failed[type(error).__name__] += 1

    async def _keep(self) -> None:
        while self._going:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(*self._door.address)
                try:
                    goes = False
                    while self._going and not goes:
                        who, _, goes_text = (await exchange(reader, writer)).partition(" ")
                        goes = bool(goes_text)
                        self.answered[who] += 1
                except (OSError, asyncio.IncompleteReadError) as error:
                    self.failed[f"kept: {type(error).__name__}"] += 1
                finally:
                    writer.close()


async def test_processes_come_and_go_and_no_caller_notices(door: Door) -> None:
    old, _ = await door.start()
    await eventually(door.ask)
    async with Callers(door) as callers:
        for _ in range(ROUNDS):
            new, _ = await door.start()
            await eventually(lambda new=new: callers.answered[str(new.pid)] > 0, timeout=20)  # type: ignore[misc]
            before = callers.answered[str(new.pid)]
            os.kill(old.pid, signal.SIGTERM)
            assert await asyncio.wait_for(old.wait(), 10) == -15
            await eventually(lambda new=new, before=before: callers.answered[str(new.pid)] > before)  # type: ignore[misc]
            old = new
    assert callers.failed == Counter()
    assert set(callers.answered) == {str(process.pid) for process in door.processes}
    assert callers.answered.total() > 10 * ROUNDS


async def test_it_takes_nothing_before_it_is_ready(door: Door) -> None:
    old, _ = await door.start()
    assert await eventually(door.ask) == f"{old.pid} and goes"
    new, ready = await door.start(ready=False)
    for _ in range(50):
        assert await door.ask() == f"{old.pid} and goes"
    os.kill(old.pid, signal.SIGTERM)
    await old.wait()
    # Nobody is there: callers wait, and are not refused.
    waiting = asyncio.create_task(door.ask())
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    ready.touch()
    assert await asyncio.wait_for(waiting, 10) == f"{new.pid} and goes"


async def test_a_silent_connection_is_closed_in_the_end(door: Door) -> None:
    process, _ = await door.start()
    await eventually(door.ask)
    reader, writer = await asyncio.open_connection(*door.address)
    assert await exchange(reader, writer) == str(process.pid)
    os.kill(process.pid, signal.SIGTERM)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    await asyncio.wait_for(process.wait(), 10)


@pytest.mark.parametrize("what", ["closed", "file", "not listening"])
def test_what_is_no_door_is_one_clear_sentence(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as idle, PROGRAM.open() as file:
        fd = {"closed": 900, "file": file.fileno(), "not listening": idle.fileno()}[what]
        with pytest.raises(SystemExit) as ended:
            inherited_socket(fd)
        assert ended.value.code == 2
        assert f"LONGSHORE_HTTP_FD is wrong: {fd} is no listening socket" in capsys.readouterr().err
        if what == "not listening":
            idle.detach()
