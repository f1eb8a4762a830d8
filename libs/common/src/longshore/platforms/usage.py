"""What calling each store costs, as metrics: read from the clients whenever somebody asks, so that a store which is not
called any more leaves no series behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from longshore.contracts import Platform


@dataclass(slots=True)
class StoreUsage:
    """Since the client was made: calls, points of the store's limit that they cost, seconds that they waited for it,
    calls that the store refused as too many. `other_version`: it answers with another version than asked for."""

    calls: int = 0
    points: float = 0.0
    waited_s: float = 0.0
    throttled: int = 0
    other_version: bool = False


@runtime_checkable
class Metered(Protocol):
    """A store client that counts what it does."""

    @property
    def usage(self) -> StoreUsage: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One store: whether it counts as down, and what calling it has cost (None: its client does not count)."""

    store: UUID
    down: bool
    usage: StoreUsage | None


class UsageCollector(Collector):
    """The metrics by store; the label `store` is the id of the integration."""

    def __init__(self, platform: Platform, readings: Callable[[], Iterable[Reading]]) -> None:
        self._platform = platform.value
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """As prometheus_client asks for it."""
        calls = CounterMetricFamily(
            "longshore_store_calls_total", "Calls of a store's API.", labels=["platform", "store"]
        )
        points = CounterMetricFamily(
            "longshore_store_cost_points_total",
            "Points of a store's limit that calls have cost, where it counts in points.",
            labels=["platform", "store"],
        )
        waited = CounterMetricFamily(
            "longshore_store_wait_seconds_total",
            "Time that calls have waited for a store's limit.",
            labels=["platform", "store"],
        )
        throttled = CounterMetricFamily(
            "longshore_store_throttled_total",
            "Calls that a store refused as too many.",
            labels=["platform", "store"],
        )
        down = GaugeMetricFamily(
            "longshore_store_breaker_open", "1 while a store counts as down.", labels=["platform", "store"]
        )
        version = GaugeMetricFamily(
            "longshore_store_other_version",
            "1 while a store answers with another API version than it is asked for.",
            labels=["platform", "store"],
        )
        for each in self._readings():
            labels = [self._platform, str(each.store)]
            down.add_metric(labels, each.down)
            if each.usage is not None:
                calls.add_metric(labels, each.usage.calls)
                points.add_metric(labels, each.usage.points)
                waited.add_metric(labels, each.usage.waited_s)
                throttled.add_metric(labels, each.usage.throttled)
                version.add_metric(labels, each.usage.other_version)
        yield from (calls, points, waited, throttled, down, version)
