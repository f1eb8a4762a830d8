"""A Longshore of its own for a benchmark: temporary data, free ports; its processes can be measured."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from longshore_devkit.data_dir import DataDir
from longshore_devkit.ports import free_port
from longshore_devkit.processes import ProcessSpec
from longshore_devkit.stack import SERVICES, Service, Stack

SECRET = "bench-secret"


@dataclass
class System:
    """The running stack, and a client with its key."""

    stack: Stack
    client: httpx.AsyncClient

    async def connect_woocommerce(self, url: str = "http://127.0.0.1:9", **settings: Any) -> dict[str, Any]:
        """A WooCommerce store; by default one that delivers only what the load generator sends in its name."""
        answer = await self.client.post(
            "/api/v1/integrations",
            json={
                "platform": "woocommerce",
                "name": f"Bench {url}",
                "store_url": url,
                "credentials": {"consumer_key": "ck_b", "consumer_secret": "cs_b", "webhook_secret": SECRET},
                "settings": {"manage_webhooks": False} | settings,
            },
        )
        answer.raise_for_status()
        created: dict[str, Any] = answer.json()
        return created

    async def state(self) -> dict[str, Any]:
        """GET /api/v1/system."""
        answer = await self.client.get("/api/v1/system")
        answer.raise_for_status()
        state: dict[str, Any] = answer.json()
        return state

    async def settle(self, timeout_s: float = 300.0) -> float:
        """Wait until the system says that nothing is under way; how long that took, in seconds."""
        began = time.monotonic()
        while True:
            state = await self.state()
            if state["settled"]:
                return time.monotonic() - began
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"not settled after {timeout_s:.0f} s: {state}")
            await asyncio.sleep(0.2)


@asynccontextmanager
async def running_system(
    environ: Mapping[str, str] | None = None,
    beside: tuple[ProcessSpec, ...] = (),
    services: Sequence[Service] = SERVICES,
) -> AsyncIterator[System]:
    """Start a stack of its own, stop it at the end, leave nothing."""
    with tempfile.TemporaryDirectory(prefix="longshore-bench-") as folder:
        os.chmod(folder, 0o711)  # noqa: S103  (PostgreSQL may run as another user)
        port = free_port()
        variables = (
            {name: value for name, value in os.environ.items() if not name.startswith("LONGSHORE_")}
            | {"LONGSHORE_HTTP_PORT": str(port), "LONGSHORE_ALLOW_PRIVATE_STORES": "1"}
            | dict(environ or {})
        )
        stack = Stack(DataDir(Path(folder)), variables, beside=beside, services=services)
        await stack.start()
        try:
            headers = {"Authorization": f"Bearer {stack.api_key}"}
            async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=20.0) as client:
                yield System(stack, client)
        finally:
            await stack.stop()


@dataclass
class Usage:
    """CPU seconds and peak resident memory of each process of the stack, and of this one."""

    names: dict[int, str]
    cpu_before: dict[int, float] = field(default_factory=dict)
    peak_rss: dict[str, int] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of_children(cls) -> Usage:
        """All processes that this one has started, by what they are."""
        names = {}
        for process in psutil.Process().children(recursive=True):
            try:
                names[process.pid] = _name(process)
            except psutil.NoSuchProcess:
                continue
        usage = cls(names)
        usage.cpu_before = {pid: _cpu(pid) for pid in names}
        return usage

    async def watch(self) -> None:
        """Sample memory until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(1.0)

    def sample(self) -> None:
        """Look at memory once. PostgreSQL's processes share memory: theirs is counted without what is shared."""
        sums: dict[str, int] = {}
        for pid, name in self.names.items():
            try:
                info = psutil.Process(pid).memory_info()
            except psutil.NoSuchProcess:
                continue
            size = info.rss - info.shared if name == "postgres" else info.rss
            sums[name] = sums.get(name, 0) + size
        for name, size in sums.items():
            self.peak_rss[name] = max(self.peak_rss.get(name, 0), size)

    def finish(self) -> None:
        """Take the CPU seconds since the beginning."""
        for pid, name in self.names.items():
            self.cpu_s[name] = self.cpu_s.get(name, 0.0) + max(0.0, _cpu(pid) - self.cpu_before[pid])


def _name(process: psutil.Process) -> str:
    words = process.cmdline()
    line = " ".join(words)
    if "kafka" in line and "java" in words[0]:
        return "kafka"
    if "postgres" in words[0] or "postgres" in line.split(":")[0]:
        return "postgres"
    for word in words:
        if word.startswith("longshore_"):
            return str(word).removeprefix("longshore_").replace("_", "-")
    return str(process.name())


def _cpu(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
