"""Runs a plan: fixed schedule, latency from the intended send time, exact account of what was accepted."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from longshore_devkit.loadgen.connections import Job, Pool, Target
from longshore_devkit.loadgen.latency import Latencies, LatencySummary
from longshore_devkit.loadgen.plan import LoadPlan, Requests

_FIRST_RETRY_S = 0.1
_LONGEST_RETRY_S = 2.0
_TICK_S = 0.005
"""Whole milliseconds, as uvloop counts: a shorter sleep would spin. Each costs the machine a switch of processes."""


@dataclass
class LoadResult:
    """What came of a run.

    `planned` counts deliveries, `sent` attempts, `accepted` the deliveries answered 2xx. `accepted_ids` are the orders
    of which at least one delivery was accepted, `refused_ids` all others. `status_counts` is by HTTP status or by
    error. `latency` is from the intended send time to the 2xx, `lateness` from the intended to the first write: if that
    is large, the generator or its connections were the bottleneck. `intended`: order id -> Unix time of its first
    delivery.
    """

    planned: int
    sent: int = 0
    accepted: int = 0
    accepted_ids: set[int] = field(default_factory=set)
    refused_ids: set[int] = field(default_factory=set)
    status_counts: Counter[str] = field(default_factory=Counter)
    latency: LatencySummary = field(default_factory=lambda: Latencies().summary())
    lateness: LatencySummary = field(default_factory=lambda: Latencies().summary())
    histogram_ms: dict[str, int] = field(default_factory=dict)
    started_at: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    intended: dict[int, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Accepted deliveries per second, over the whole run."""
        return self.accepted / self.seconds if self.seconds else 0.0

    def as_dict(self, *, with_ids: bool = False) -> dict[str, Any]:
        """For JSON; ids and times only on request."""
        shown: dict[str, Any] = {
            "planned": self.planned,
            "sent": self.sent,
            "accepted": self.accepted,
            "accepted_orders": len(self.accepted_ids),
            "refused_orders": len(self.refused_ids),
            "status_counts": dict(self.status_counts),
            "rate": round(self.rate, 1),
            "latency": dataclasses.asdict(self.latency),
            "lateness": dataclasses.asdict(self.lateness),
            "histogram_ms": self.histogram_ms,
            "started_at": self.started_at,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
        }
        if with_ids:
            ids = {"accepted_ids": sorted(self.accepted_ids), "refused_ids": sorted(self.refused_ids)}
            shown |= {**ids, "intended": self.intended}
        return shown


async def run_load(plan: LoadPlan) -> LoadResult:
    """Send everything that is planned and wait for the answers. ValueError for a plan that says too little."""
    return await _Run(plan).execute()


class _Run:
    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._requests = Requests(plan)
        self._total = plan.order_count * plan.copies
        self._result = LoadResult(self._total)
        self._pool = Pool(_target(plan.url), plan.connections, plan.timeout_s)
        self._latencies, self._lateness = Latencies(), Latencies()
        self._loop = asyncio.get_running_loop()
        self._start = self._start_wall = self._last_answer = 0.0
        self._settled = 0
        self._next = 0
        self._finished = asyncio.Event()
        self._timers: dict[int, asyncio.TimerHandle] = {}

    async def execute(self) -> LoadResult:
        """The run."""
        await self._pool.open()
        cpu = time.process_time()
        self._start, self._start_wall = time.monotonic(), time.time()
        try:
            if self._plan.rate is None:
                self._fill()
            else:
                await self._schedule(self._plan.rate)
            await self._finished.wait()
        finally:
            for timer in self._timers.values():
                timer.cancel()
            await self._pool.close()
        result = self._result
        result.started_at = self._start_wall
        result.seconds = self._last_answer - self._start
        result.cpu_seconds = time.process_time() - cpu
        result.latency, result.lateness = self._latencies.summary(), self._lateness.summary()
        result.histogram_ms = self._latencies.histogram()
        result.refused_ids -= result.accepted_ids
        return result

    async def _schedule(self, rate: float) -> None:
        """Hand each delivery over when it is due; a late timer sends what became due meanwhile at once."""
        while self._next < self._total:
            now = time.monotonic()
            due = self._start + self._next / rate
            while due <= now and self._next < self._total:
                self._send(due)
                due = self._start + self._next / rate
            await asyncio.sleep(max(_TICK_S, due - now))

    def _fill(self) -> None:
        """Closed loop: one delivery under way on each connection."""
        for _ in range(min(self._plan.connections, self._total)):
            self._send(time.monotonic())

    def _send(self, due: float) -> None:
        index = self._next
        self._next += 1
        job = Job(index, due, self._render, self._done)
        if index % self._plan.copies == 0:
            self._result.intended[self._requests.order_id(index)] = self._wall(due)
        self._pool.send(job)

    def _wall(self, moment: float) -> float:
        return self._start_wall + moment - self._start

    def _render(self, job: Job) -> bytes:
        if job.attempts == 1:
            self._lateness.add(job.sent - job.due)
        self._result.sent += 1
        order_id = self._requests.order_id(job.index)
        return self._requests.render(job.index, self._result.intended[order_id])

    def _done(self, job: Job, status: int | None, error: str) -> None:
        now = self._last_answer = time.monotonic()
        result = self._result
        result.status_counts[error if status is None else str(status)] += 1
        order_id = self._requests.order_id(job.index)
        if status is not None and 200 <= status < 300:
            result.accepted += 1
            result.accepted_ids.add(order_id)
            self._latencies.add(now - job.due)
            self._settle()
            return
        delay = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2 ** (job.attempts - 1))
        if now + delay < job.due + self._plan.retry_for_s:
            self._timers[job.index] = self._loop.call_later(delay, self._again, job)
            return
        result.refused_ids.add(order_id)
        self._settle()

    def _again(self, job: Job) -> None:
        self._timers.pop(job.index, None)
        self._pool.send(job)

    def _settle(self) -> None:
        self._settled += 1
        if self._settled == self._total:
            self._finished.set()
        elif self._plan.rate is None and self._next < self._total:
            self._send(time.monotonic())


def _target(url: str) -> Target:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not an http address: {url}")
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    return Target(parts.hostname, parts.port or (443 if tls else 80), tls)
