"""CPU seconds and memory of the processes that a benchmark has started."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import psutil

MIB = 2**20
GENERATOR = "devkit.loadgen"


@dataclass
class Usage:
    """CPU seconds and peak memory of all children of this process, by what they are.

    Memory is resident memory, but of PostgreSQL's processes what they do not share. `cpu_s` is filled by `finish`.
    """

    before: dict[str, float] = field(default_factory=dict)
    peak_rss: dict[str, int] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    @classmethod
    @contextlib.asynccontextmanager
    async def watching(cls, every_s: float = 1.0) -> AsyncIterator[Usage]:
        """Measure for as long as the block runs."""
        usage = cls(cpu_by_name())

        async def watch() -> None:
            while True:
                usage.sample()
                await asyncio.sleep(every_s)

        task = asyncio.create_task(watch())
        try:
            yield usage
        finally:
            task.cancel()
        usage.finish()

    def sample(self) -> None:
        """Look at memory once."""
        for name, size in memory_by_name().items():
            self.peak_rss[name] = max(self.peak_rss.get(name, 0), size)

    def finish(self) -> None:
        """Take the CPU seconds since the beginning; the first time that it is called counts."""
        if self.cpu_s:
            return
        self.cpu_s = {name: max(0.0, used - self.before.get(name, 0.0)) for name, used in sorted(cpu_by_name().items())}

    def without(self, name: str) -> None:
        """Forget a process."""
        self.cpu_s.pop(name, None)
        self.peak_rss.pop(name, None)

    def only(self, *names: str) -> None:
        """Forget all other processes."""
        self.cpu_s = {name: used for name, used in self.cpu_s.items() if name in names}
        self.peak_rss = {name: size for name, size in self.peak_rss.items() if name in names}

    def cpu_ms_per(self, count: int) -> dict[str, float]:
        """CPU milliseconds per delivery (or whatever is counted), by process."""
        return {name: round(used * 1000 / count, 3) for name, used in self.cpu_s.items()}

    def peaks_mib(self) -> dict[str, int]:
        """Peak memory in MiB, by process."""
        return {name: round(size / MIB) for name, size in sorted(self.peak_rss.items())}


def cpu_by_name() -> dict[str, float]:
    """CPU seconds of all children, those that have ended and been waited for included."""
    sums: dict[str, float] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used = times.user + times.system + times.children_user + times.children_system
            name = name_of(process.cmdline(), process.name())
            sums[name] = sums.get(name, 0.0) + used
    return sums


def memory_by_name() -> dict[str, int]:
    """Memory of all children in bytes; see Usage."""
    sums: dict[str, int] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            info = process.memory_info()
            name = name_of(process.cmdline(), process.name())
            sums[name] = sums.get(name, 0) + (info.rss - info.shared if name == "postgres" else info.rss)
    return sums


def pss_by_name() -> dict[str, int]:
    """Memory of all children in bytes, what several processes share counted in parts (PSS)."""
    sums: dict[str, int] = {}
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            name = name_of(process.cmdline(), process.name())
            sums[name] = sums.get(name, 0) + process.memory_full_info().pss
    return sums


def name_of(words: list[str], otherwise: str) -> str:
    """What a process is, by its command line."""
    if not words:
        return otherwise
    line = " ".join(words)
    if "java" in words[0] and "kafka" in line:
        return "kafka"
    if "postgres" in words[0] or "postgres" in line.split(":")[0]:
        return "postgres"
    for word in words:
        if word.startswith("longshore_devkit.stores."):
            return f"store-{word.rsplit('.', 1)[1]}"
        if word.startswith("longshore_"):
            return word.removeprefix("longshore_").replace("_", "-")
        if word.startswith("bench."):
            return word.removeprefix("bench.").replace("_", "-")
    return otherwise
