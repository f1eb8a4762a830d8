"""Supervised processes in the hands of a test: plain calls to look at them, kill them and wait until they are back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import TypeVar

from longshore_devkit.background import LoopThread
from longshore_devkit.infra import Infra
from longshore_devkit.processes import wait_stopped
from longshore_devkit.stack import Stack
from longshore_devkit.supervisor import Supervisor

T = TypeVar("T")

_BACK_WITHIN_S = 180.0


class Running:
    """Processes whose supervisor runs on a loop of its own. Whatever dies is started again by itself.

    Every method blocks: from an async test call `await asyncio.to_thread(infra.kill_and_wait, "kafka")`."""

    def __init__(self, supervisor: Supervisor, loop: LoopThread) -> None:
        self._supervisor = supervisor
        self._loop = loop

    @property
    def names(self) -> tuple[str, ...]:
        """What may be killed. Kafka and PostgreSQL are not in it when they are external."""
        return self._supervisor.names

    def call(self, work: Coroutine[object, object, T]) -> T:
        """Run a coroutine to its end on the supervisor's loop."""
        return self._loop.call(work)

    def pid(self, name: str) -> int | None:
        """The process id, None between two runs."""
        return self._supervisor.pid(name)

    def starts(self, name: str) -> int:
        """How often it was started, first start included."""
        return self._supervisor.starts(name)

    def signal(self, sig: signal.Signals, *names: str) -> None:
        """Send a signal to the named processes and what they started (SIGKILL, SIGSTOP, SIGCONT, SIGTERM). When it
        returns after SIGSTOP, they have stopped."""

        async def send() -> list[int | None]:
            pids = [self._supervisor.pid(name) for name in names]
            for name in names:
                self._supervisor.signal(name, sig)
            return pids

        pids = self.call(send())
        if sig is signal.SIGSTOP:
            for pid in pids:
                if pid is not None:
                    wait_stopped(pid)

    def hold(self, *names: str) -> None:
        """kill -9, and no new start before `release`: an outage."""

        async def hold() -> None:
            for name in names:
                self._supervisor.hold(name)

        self.call(hold())

    def release(self, *names: str) -> None:
        """After `hold`: let them start again; does not wait for that."""

        async def release() -> None:
            for name in names:
                self._supervisor.release(name)

        self.call(release())

    def wait_ready(self, *names: str) -> None:
        """Wait until the named processes (all, if none is named) are ready. Raises TimeoutError after 180 s."""

        async def wait() -> None:
            async with asyncio.timeout(_BACK_WITHIN_S):
                await self._supervisor.wait_ready(*names)

        self.call(wait())

    def kill_and_wait(self, *names: str) -> None:
        """kill -9, then wait until they are ready again (Kafka 2.7 s, PostgreSQL 0.4 s, a service about as long
        as it takes to start)."""
        self.signal(signal.SIGKILL, *names)
        self.wait_ready(*names)

    def restart(self, *names: str) -> None:
        """SIGTERM, then wait until it is ready again; one after the other, as a rolling restart does."""
        for name in names:
            self.signal(signal.SIGTERM, name)
            self.wait_ready(name)


class RunningInfra(Running):
    """The session's Kafka and PostgreSQL."""

    def __init__(self, infra: Infra, supervisor: Supervisor, loop: LoopThread) -> None:
        super().__init__(supervisor, loop)
        self.bootstrap_servers = infra.bootstrap_servers
        self.database_url = infra.database_url
        self.environ = infra.environ


class RunningStack(Running):
    """The five services on the session's infrastructure."""

    def __init__(self, stack: Stack, loop: LoopThread) -> None:
        super().__init__(stack.supervisor, loop)
        self.url = stack.url
        self.api_key = stack.api_key
        self.urls = dict(stack.urls)
        """Each service's address, the gateway's included."""
        self.own_urls = dict(stack.own_urls)
        """Each process's own, by its name."""
        self.logs = stack.data_dir.logs
