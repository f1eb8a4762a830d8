"""Starts Python programs as copies of a process that has imported what they need: 0.1 s of CPU instead of 2.

For tests, which start services by the hundred. A copy is a process like any other (a group of its own, its own output,
environment and end), but for its command line, which is the server's: what people start is started by `spawn`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence

from longshore_devkit.errors import InfraError
from longshore_devkit.processes import Process, ProcessSpec, open_log, spawn

_LONGEST_ANSWER = 64


class ForkServer:
    """`spawn` is that of `processes` for everything else; Python programs are made by the server, which is started when
    it is first needed, and again if it was killed (its copies are then, too). `modules`: what it imports. May be used
    from several threads, each with an event loop of its own. Call `close` at the end."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = tuple(modules)
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    async def spawn(self, spec: ProcessSpec) -> Process:
        """Start the process in a group of its own; its output is appended to its log file. Raises InfraError when the
        server cannot import its modules."""
        if spec.argv[0] != sys.executable:
            return await spawn(spec)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log = open_log(spec.log_file)
        order = {
            "arguments": spec.argv[1:],
            "env": dict(spec.env),
            "cwd": None if spec.cwd is None else str(spec.cwd),
            "death_signal": int(spec.death_signal),
            "pass_fds": spec.pass_fds,
        }
        try:
            self._send(json.dumps(order).encode(), [theirs.fileno(), log, *spec.pass_fds])
        finally:
            theirs.close()
            os.close(log)
        ours.setblocking(False)
        pid = await asyncio.get_running_loop().sock_recv(ours, _LONGEST_ANSWER)
        if not pid:
            ours.close()
            raise InfraError(f"the fork server ended; it imports {', '.join(self._modules)}")
        return Forked(int(pid), ours)

    def close(self) -> None:
        """End the server, and what is left of its copies."""
        with self._lock:
            if self._orders is not None:
                self._orders.close()
                self._orders = None
            if self._server is not None:
                self._server.wait()
                self._server = None

    def _send(self, order: bytes, files: list[int]) -> None:
        with self._lock:
            if self._orders is not None:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    socket.send_fds(self._orders, [order], files)
                    return
                self._orders.close()
            self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._server = subprocess.Popen(
                    [sys.executable, "-m", "longshore_devkit._fork", str(theirs.fileno()), *self._modules],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    process_group=0,
                )
            socket.send_fds(self._orders, [order], files)


class Forked:
    """A copy of the server that became a program: see `processes.Process`."""

    def __init__(self, pid: int, told: socket.socket) -> None:
        self.pid = pid
        self._told = told
        self._returncode: int | None = None
        self._ended = asyncio.create_task(self._await_end(), name=f"end-of-{pid}")

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._returncode

    async def wait(self) -> int:
        """Return its exit code when it has ended."""
        return await asyncio.shield(self._ended)

    async def _await_end(self) -> int:
        with self._told:
            code = await asyncio.get_running_loop().sock_recv(self._told, _LONGEST_ANSWER)
        # No code: the server is gone, and the kernel has ended its copies.
        self._returncode = int(code) if code else -int(signal.SIGKILL)
        return self._returncode
