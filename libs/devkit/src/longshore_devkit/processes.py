"""What a supervised process is, and how a program is started so that it cannot outlive its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import psutil

from longshore_devkit.errors import InfraError

ReadyCheck = Callable[[], Awaitable[bool]]
Prepare = Callable[[], Awaitable[None]]

_LAUNCHER = Path(__file__).with_name("_launch.py")
_HTTP_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class ProcessSpec:
    """One process to keep running. `env` is its whole environment; times are seconds."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path | None = None
    after: tuple[str, ...] = ()
    """Names of processes that must be ready before this one starts."""
    prepare: Prepare | None = None
    """Awaited once, before the first start (format a disk, write a configuration)."""
    ready: ReadyCheck | str | None = None
    """A check or a URL that answers 200 when ready; None: ready as soon as it runs."""
    ready_timeout: float = 60.0
    start_attempts: int = 5
    """How often it may die before it was ever ready; then the start of the whole is given up."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 15.0
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends when the supervisor is gone."""
    log_file: Path | None = None
    pass_fds: tuple[int, ...] = ()
    """Open files that it inherits, under the same numbers (a listening socket, say)."""


class Process(Protocol):
    """A process that was started: asyncio's, or a copy made by `forking.ForkServer`."""

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    async def wait(self) -> int:
        """Return its exit code when it has ended."""


Spawn = Callable[[ProcessSpec], Awaitable[Process]]


async def spawn(spec: ProcessSpec) -> asyncio.subprocess.Process:
    """Start the process in a group of its own; its output is appended to its log file."""
    log = open_log(spec.log_file)
    try:
        return await asyncio.create_subprocess_exec(
            *launch_argv(spec.argv, spec.death_signal),
            env=dict(spec.env),
            cwd=spec.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            pass_fds=spec.pass_fds,
        )
    finally:
        os.close(log)


async def run_tool(
    argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout: float
) -> str:
    """Run a program to its end and return its output.

    Raises InfraError with the end of its output when it fails or takes longer than `timeout` seconds."""
    process = await asyncio.create_subprocess_exec(
        *launch_argv(argv, signal.SIGKILL),
        env=None if env is None else dict(env),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        process_group=0,
    )
    name = Path(argv[0]).name
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout)
    except TimeoutError:
        raise InfraError(f"{name} did not finish within {timeout:.0f} s") from None
    finally:
        if process.returncode is None:
            kill_group(process.pid)
            await process.wait()
    text = output.decode(errors="replace")
    if process.returncode != 0:
        end = "\n".join(text.strip().splitlines()[-15:])
        raise InfraError(f"{name} failed with exit code {process.returncode}:\n{end}")
    return text


def launch_argv(argv: Sequence[str], death_signal: signal.Signals) -> list[str]:
    """The command line that starts `argv` bound to the life of the calling thread's process."""
    return [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(int(death_signal)), *argv]


def kill_group(pid: int, sig: signal.Signals = signal.SIGKILL) -> None:
    """Signal a whole process group; one that is gone already is fine."""
    try:
        os.killpg(pid, sig)
    except ProcessLookupError:
        return


def wait_stopped(pid: int, timeout_s: float = 30.0) -> None:
    """Wait until a process that was sent SIGSTOP, and all that it started, have stopped. Raises TimeoutError.

    The thread that takes the signal stops the others: on a busy machine it may wait for its turn while they go on, and
    Kafka answers for some milliseconds yet.
    """
    deadline = time.monotonic() + timeout_s
    while not _is_stopped(pid):
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} has not stopped after {timeout_s:.0f} s")
        time.sleep(0.002)


def _is_stopped(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return all(_threads_stopped(each) for each in [process, *process.children(recursive=True)])
    except psutil.NoSuchProcess:
        return True


def _threads_stopped(process: psutil.Process) -> bool:
    threads = Path(f"/proc/{process.pid}/task")
    if not threads.is_dir():
        return process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE)
    with contextlib.suppress(OSError):
        # The state follows the name, which may hold anything but its last bracket.
        return all((each / "stat").read_text().rpartition(")")[2].split()[0] in "TZX" for each in threads.iterdir())
    return False


async def is_ready(check: ReadyCheck | str) -> bool:
    """One look: True when the check says so or the URL answers 200. A refused connection is a no, not an error."""
    try:
        if isinstance(check, str):
            return await http_status(check) == 200
        return await check()
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return False


async def http_status(url: str) -> int:
    """GET over plain HTTP; the status alone. Raises OSError or TimeoutError (2 s)."""
    parts = urlsplit(url)
    async with asyncio.timeout(_HTTP_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
        try:
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
            words = (await reader.readline()).split()
            return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        finally:
            writer.close()


def open_log(path: Path | None) -> int:
    """A file to append output to, nowhere for None. Close it."""
    if path is None:
        return os.open(os.devnull, os.O_WRONLY)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
