"""A small process supervisor: readiness-ordered start, restart with backoff, nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from longshore_devkit.errors import InfraError, StartError
from longshore_devkit.logfiles import bound_log, tail
from longshore_devkit.processes import Process, ProcessSpec, Spawn, is_ready, kill_group, spawn
from longshore_devkit.reaper import Reaper

FIRST_BACKOFF_S = 0.2
MAX_BACKOFF_S = 10.0
STEADY_AFTER_S = 30.0
"""A process that lived this long starts its backoff anew."""

_LOG_CHECK_S = 30.0


@dataclass(frozen=True)
class Event:
    """What happened to a process. kind: started, ready, died, restarting, stopping, stopped, killed."""

    name: str
    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.kind}{' ' + self.detail if self.detail else ''}"


OnEvent = Callable[[Event], None]


@dataclass
class _Child:
    spec: ProcessSpec
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: Process | None = None
    task: asyncio.Task[None] | None = None
    was_ready: bool = False
    failed_starts: int = 0
    stopping: bool = False
    starts: int = 0
    may_run: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_run.set()


class Supervisor:
    """Keeps processes running on the event loop that called `start`; every one is in a process group of its own.
    `spawn`: what starts them."""

    def __init__(self, specs: Iterable[ProcessSpec], *, on_event: OnEvent | None = None, spawn: Spawn = spawn) -> None:
        self._spawn = spawn
        self._children = {spec.name: _Child(spec) for spec in specs}
        self._on_event = on_event or (lambda _event: None)
        self._levels = _levels([child.spec for child in self._children.values()])
        self._log_task: asyncio.Task[None] | None = None
        self._reaper = Reaper()

    async def start(self) -> None:
        """Start all, each after those it names; return when every one is ready.

        Raises StartError or InfraError when one does not get there; the others are stopped before that."""
        await self._reaper.start()
        for child in self._children.values():
            child.task = asyncio.create_task(self._keep_running(child), name=f"supervise-{child.spec.name}")
        self._log_task = asyncio.create_task(self._bound_logs())
        all_ready = asyncio.create_task(self.wait_ready())
        tasks = [child.task for child in self._children.values() if child.task is not None]
        try:
            await asyncio.wait([all_ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done() and not task.cancelled() and (error := task.exception()):
                    raise error
        except BaseException:
            await self.stop()
            raise
        finally:
            all_ready.cancel()

    async def stop(self) -> None:
        """Stop all, dependents first; one that does not heed its stop signal in time is killed with its group."""
        if self._log_task is not None:
            self._log_task.cancel()
        for level in reversed(self._levels):
            await asyncio.gather(*(self._stop_child(self._children[name]) for name in level))
        await self._reaper.stop()

    def kill_all(self) -> None:
        """SIGKILL every process group at once (a second Ctrl-C)."""
        for child in self._children.values():
            child.stopping = True
            if child.process is not None and child.process.returncode is None:
                kill_group(child.process.pid)

    async def wait_ready(self, *names: str) -> None:
        """Return when the named processes (all, if none is named) are ready."""
        for name in names or tuple(self._children):
            await self._children[name].ready.wait()

    def is_ready(self, name: str) -> bool:
        return self._children[name].ready.is_set()

    def pid(self, name: str) -> int | None:
        """The process id of the running process, None between two runs."""
        process = self._children[name].process
        return process.pid if process is not None and process.returncode is None else None

    def starts(self, name: str) -> int:
        """How often the process was started, first start included."""
        return self._children[name].starts

    def signal(self, name: str, sig: signal.Signals) -> None:
        """Send a signal to the process group (faults: SIGKILL, SIGSTOP, SIGCONT). It is restarted if it dies."""
        pid = self.pid(name)
        if pid is not None:
            if sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
                self._children[name].ready.clear()
            kill_group(pid, sig)

    def hold(self, name: str) -> None:
        """kill -9, and do not start it again before `release` (faults: an outage)."""
        self._children[name].may_run.clear()
        self.signal(name, signal.SIGKILL)

    def release(self, name: str) -> None:
        """After `hold`: start it again."""
        self._children[name].may_run.set()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._children)

    async def _keep_running(self, child: _Child) -> None:
        spec = child.spec
        await self.wait_ready(*spec.after) if spec.after else None
        if spec.prepare is not None:
            await spec.prepare()
        backoff = FIRST_BACKOFF_S
        while not child.stopping:
            await child.may_run.wait()
            began = time.monotonic()
            try:
                await self._run_once(child, began)
            except (OSError, InfraError) as error:
                if not child.was_ready:
                    raise StartError(f"{spec.name} does not start: {error}") from error
                self._emit(child, "died", str(error))
            if child.stopping:
                return
            lived = time.monotonic() - began
            if lived >= STEADY_AFTER_S:
                backoff = FIRST_BACKOFF_S
            self._emit(child, "restarting", f"in {backoff:.1f} s")
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, MAX_BACKOFF_S)

    async def _run_once(self, child: _Child, began: float) -> None:
        """One life of the process. Raises StartError when it never was ready and has had its chances."""
        if child.spec.log_file is not None:
            bound_log(child.spec.log_file)
        process = child.process = await self._spawn(child.spec)
        self._reaper.watch(process.pid, child.spec.death_signal)
        child.starts += 1
        self._emit(child, "started", f"pid {process.pid}")
        exited = asyncio.create_task(process.wait())
        try:
            in_time = await self._await_ready(child, exited)
            if in_time and not exited.done():
                child.was_ready = True
                child.ready.set()
                self._emit(child, "ready", f"after {time.monotonic() - began:.1f} s")
            elif not exited.done():
                self._emit(child, "killed", f"not ready after {child.spec.ready_timeout:.0f} s")
                kill_group(process.pid)
            code = await exited
        finally:
            exited.cancel()
            child.ready.clear()
            kill_group(process.pid)  # what it may have started itself
            self._reaper.forget(process.pid)
        if child.stopping:
            return
        self._emit(child, "died", _describe_exit(code))
        if not child.was_ready:
            child.failed_starts += 1
            if child.failed_starts >= child.spec.start_attempts or not in_time:
                raise StartError(_start_error(child.spec, code))

    async def _await_ready(self, child: _Child, exited: asyncio.Task[int]) -> bool:
        """False when the time is up; True when ready or when the process has ended (look at `exited`)."""
        check = child.spec.ready
        deadline = time.monotonic() + child.spec.ready_timeout
        pause = 0.02
        while check is not None and not exited.done() and not await is_ready(check):
            if time.monotonic() > deadline:
                return False
            await asyncio.wait([exited], timeout=pause)
            pause = min(pause * 1.3, 0.25)
        return True

    async def _stop_child(self, child: _Child) -> None:
        child.stopping = True
        process, task = child.process, child.task
        if process is not None and process.returncode is None:
            self._emit(child, "stopping")
            _send(process, child.spec.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), child.spec.stop_timeout)
            except TimeoutError:
                self._emit(child, "killed", f"no end {child.spec.stop_timeout:.0f} s after its stop signal")
                kill_group(process.pid)
                await process.wait()
            self._emit(child, "stopped")
        if task is not None:
            # In a pause between two runs or still preparing; a finished one is not disturbed.
            if process is None or process.returncode is not None:
                task.cancel()
            await asyncio.wait([task])

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(_LOG_CHECK_S)
            for child in self._children.values():
                if child.spec.log_file is not None:
                    bound_log(child.spec.log_file)

    def _emit(self, child: _Child, kind: str, detail: str = "") -> None:
        self._on_event(Event(child.spec.name, kind, detail))


def _levels(specs: Sequence[ProcessSpec]) -> list[tuple[str, ...]]:
    """Names in start order, in groups that may start (and stop) together."""
    sorter = TopologicalSorter({spec.name: spec.after for spec in specs})
    sorter.prepare()
    levels = []
    while sorter.is_active():
        level = sorter.get_ready()
        levels.append(tuple(level))
        sorter.done(*level)
    return levels


def _send(process: Process, sig: signal.Signals) -> None:
    try:
        os.kill(process.pid, sig)
        os.kill(process.pid, signal.SIGCONT)  # a paused process would never see it
    except ProcessLookupError:
        return


def _describe_exit(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _start_error(spec: ProcessSpec, code: int) -> str:
    text = f"{spec.name} does not start (it ended {_describe_exit(code)})"
    log: Path | None = spec.log_file
    return f"{text}. The end of {log}:\n{tail(log)}" if log is not None else text
