"""One look at everything. `settled` is what tests and scripts wait for instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from longshore.contracts import Contract
from longshore.internal import internal_headers
from longshore_gateway.system.lag import LagReader, Lags

TIMEOUT_S = 2.5


class ServiceState(Contract):
    """One service's process; `missing`: what it lacks, with why."""

    name: str
    ready: bool
    version: str | None
    missing: dict[str, str] = {}


class SystemState(Contract):
    """`ready`: every service is up and has its partitions. `settled`: also nothing is under way anywhere.

    `lag` per consumer group in records, `outbox` per service in messages, `jobs` per service that are due (what
    connectors do at stores; of inventory, pushes that are about to go out);
    `dead_letters` that wait for a person; `rebuilding`: services whose state is being made anew from the log.
    `refusing`: why no deliveries are taken (a disk that is nearly full), else null. A service that does not answer is
    not ready and missing in the counts.
    """

    version: str
    ready: bool
    settled: bool
    services: list[ServiceState]
    lag: dict[str, int]
    outbox: dict[str, int]
    jobs: dict[str, int]
    dead_letters: int
    halted: list[str]
    rebuilding: list[str] = []
    refusing: str | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What one round of questions brought."""

    services: list[ServiceState]
    outbox: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)
    halted: list[str] = field(default_factory=list)
    rebuilding: list[str] = field(default_factory=list)
    lags: Lags | None = None
    complete: bool = False

    @property
    def ready(self) -> bool:
        """Whether every service says so."""
        return all(service.ready for service in self.services)

    @property
    def quiet(self) -> bool:
        """Whether all counts are known and zero."""
        return (
            self.complete
            and self.ready
            and not self.rebuilding
            and self.lags is not None
            and not any(self.lags.by_group.values())
            and not any(self.outbox.values())
            and not any(self.jobs.values())
        )


def settled(first: Look, second: Look) -> bool:
    """Whether nothing is under way, judged from two looks.

    One is not enough: what moves from an outbox to a topic between two questions is in neither count. Between two quiet
    looks with nothing written in between, nothing can have moved.
    """
    return (
        first.quiet
        and second.quiet
        and first.lags is not None
        and second.lags is not None
        and first.lags.written == second.lags.written
    )


class System:
    """Asks all services and Kafka."""

    def __init__(
        self,
        *,
        version: str,
        own_status: Callable[[], Awaitable[dict[str, Any]]],
        services: Mapping[str, str],
        client: httpx.AsyncClient,
        keys: tuple[str, ...],
        lag: LagReader,
        dead_letters: Callable[[], Awaitable[int]],
        refusing: Callable[[], str | None],
    ) -> None:
        self._version = version
        self._own_status = own_status
        self._services = services
        self._client = client
        self._headers = internal_headers(keys)
        self._lag = lag
        self._dead_letters = dead_letters
        self._refusing = refusing

    async def state(self) -> SystemState:
        """The state of the whole now."""
        first = await self._look()
        is_settled = first.quiet and settled(first, await self._look())
        try:
            dead_letters = await self._dead_letters()
        except Exception:  # the database is away: the count is unknown, and `ready` says that something is wrong
            dead_letters = -1
        return SystemState(
            version=self._version,
            ready=first.ready,
            settled=is_settled,
            services=first.services,
            lag=dict(first.lags.by_group) if first.lags else {},
            outbox=first.outbox,
            jobs=first.jobs,
            dead_letters=dead_letters,
            halted=first.halted,
            rebuilding=first.rebuilding,
            refusing=self._refusing(),
        )

    async def _look(self) -> Look:
        statuses = await asyncio.gather(
            self._own_status(), *[self._status(name, url) for name, url in self._services.items()]
        )
        groups = {
            each["group"]: each["topics"] for status in statuses if status.get("groups") for each in status["groups"]
        }
        return Look(
            services=[
                ServiceState(
                    name=status["name"],
                    ready=status["ready"],
                    version=status["version"],
                    missing=status.get("missing", {}),
                )
                for status in statuses
            ],
            outbox={status["name"]: status["outbox"] for status in statuses if status.get("outbox") is not None},
            jobs={status["name"]: status["jobs"] for status in statuses if status.get("jobs") is not None},
            halted=[group for status in statuses for group in status.get("halted", [])],
            rebuilding=[status["name"] for status in statuses if status.get("rebuilding")],
            lags=await self._lag.read(groups),
            complete=all(status.get("outbox") is not None for status in statuses)
            and all(status.get("jobs") is not None for status in statuses if status["name"].startswith("connector-")),
        )

    async def _status(self, name: str, url: str) -> dict[str, Any]:
        try:
            answer = await self._client.get(f"{url}/internal/status", headers=self._headers, timeout=TIMEOUT_S)
            answer.raise_for_status()
            status: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError):
            return {"name": name, "ready": False, "version": None, "missing": {"process": "it does not answer"}}
        return status
