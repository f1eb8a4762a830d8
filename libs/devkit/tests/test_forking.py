"""Programs made as copies of a server are processes as any other."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from longshore_devkit.errors import InfraError
from longshore_devkit.forking import ForkServer
from longshore_devkit.processes import Process, ProcessSpec
from longshore_devkit.testing import eventually

PROGRAM = """
import os, sys
print(*sys.argv[1:], os.environ.get("SAID"), os.environ.get("HOME"), os.getcwd(), flush=True)
print(os.getpgid(0) == os.getpid(), flush=True)
print("preloaded" if "fractions" in sys.modules else "not preloaded", __name__, file=sys.stderr)
sys.exit(3)
"""
WAITS = """
import signal, sys
print("waits", flush=True)
signal.pause()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer(["fractions"])
    yield server
    server.close()


class World:
    """A folder with a program in it, and what it said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log"

    def spec(self, program: str, *arguments: str, **more: Any) -> ProcessSpec:
        script = self.path / "program.py"
        script.write_text(program)
        return ProcessSpec("p", (sys.executable, str(script), *arguments), log_file=self.log, **more)

    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    async def waits(self) -> None:
        await eventually(lambda: "waits" in self.said())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_it_has_its_own_arguments_environment_folder_group_and_output(server: ForkServer, world: World) -> None:
    process = await server.spawn(world.spec(PROGRAM, "a", "b", env={"SAID": "yes"}, cwd=world.path))
    assert await process.wait() == 3
    assert process.returncode == 3
    assert world.said() == [f"a b yes None {world.path}", "True", "preloaded __main__"]


async def test_a_module_runs_as_python_m_does(server: ForkServer, world: World) -> None:
    spec = ProcessSpec("p", (sys.executable, "-m", "json.tool", "--help"), log_file=world.log)
    assert await (await server.spawn(spec)).wait() == 0
    assert "json" in world.said()[0]


async def test_an_exception_is_exit_code_1_and_stands_in_the_log(server: ForkServer, world: World) -> None:
    assert await (await server.spawn(world.spec("raise LookupError('nothing')"))).wait() == 1
    assert world.said()[-1] == "LookupError: nothing"


async def test_signals_end_it_and_each_who_waits_hears_by_which(server: ForkServer, world: World) -> None:
    process = await server.spawn(world.spec(WAITS))
    await world.waits()
    assert process.returncode is None
    first = asyncio.create_task(process.wait())
    os.killpg(process.pid, signal.SIGKILL)
    assert await asyncio.gather(first, process.wait()) == [-signal.SIGKILL] * 2


async def test_it_inherits_files_under_the_same_numbers(server: ForkServer, world: World) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        process = await server.spawn(world.spec(f"import os; os.write({number}, b'here')", pass_fds=(number,)))
        assert await process.wait() == 0
        assert ours.recv(10) == b"here"


async def test_a_killed_server_takes_its_copies_along_and_is_started_again(world: World) -> None:
    server = ForkServer(["fractions"])
    try:
        process = await server.spawn(world.spec(WAITS))
        await world.waits()
        os.kill(parent_of(process), signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        await eventually(lambda: not Path(f"/proc/{process.pid}").exists())
        assert await (await server.spawn(world.spec(PROGRAM))).wait() == 3
    finally:
        server.close()


async def test_closing_it_ends_its_copies(world: World) -> None:
    server = ForkServer(["fractions"])
    process = await server.spawn(world.spec(WAITS))
    await world.waits()
    server.close()
    assert await process.wait() == -signal.SIGKILL


async def test_modules_that_cannot_be_imported_are_an_error(world: World) -> None:
    server = ForkServer(["no_such_module"])
    try:
        with pytest.raises(InfraError, match="no_such_module"):
            await server.spawn(world.spec(PROGRAM))
    finally:
        server.close()


async def test_what_is_no_python_is_started_as_ever(server: ForkServer, world: World) -> None:
    process = await server.spawn(ProcessSpec("p", ("sh", "-c", "echo it; exit 4"), log_file=world.log))
    assert await process.wait() == 4
    assert world.said() == ["it"]


def parent_of(process: Process) -> int:
    return int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])
