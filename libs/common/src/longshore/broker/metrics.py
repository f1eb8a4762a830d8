"""Every metric of the stream, in one place. Dashboards and alert rules rely on these names.

No label takes values without bound: groups, topics and services are few and known.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)


class StreamMetrics:
    """The stream's metrics of one process, on `registry`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry = CollectorRegistry() if registry is None else registry
        # Records taken off a topic, whatever became of them; repeated ones count again.
        self.records_consumed = Counter(
            "longshore_records_consumed", "Records read.", ["group", "topic"], registry=registry
        )
        # From taking a batch to having committed its offsets, retries and bisection included.
        self.batch_seconds = Histogram(
            "longshore_batch_seconds",
            "Time from a batch's arrival to its commit.",
            ["group"],
            buckets=(*_SECONDS, 30.0, 60.0),
            registry=registry,
        )
        self.batch_records = Histogram(
            "longshore_batch_records", "Records per batch.", ["group"], buckets=_RECORDS, registry=registry
        )
        # Transient failures: database or broker away, deadlocks.
        self.apply_retries = Counter(
            "longshore_apply_retries", "Batches tried again in place.", ["group"], registry=registry
        )
        self.dead_letters = Counter(
            "longshore_dead_letters", "Records set aside as poison.", ["topic", "group"], registry=registry
        )
        # 1: too much poison at once, a person has to look.
        self.consumer_halted = Gauge(
            "longshore_consumer_halted", "Whether a consumer has halted.", ["group"], registry=registry
        )
        # As this process knows it from its own partitions.
        self.consumer_lag = Gauge(
            "longshore_consumer_lag", "Records not yet applied.", ["group", "topic"], registry=registry
        )
        self.outbox_pending = Gauge(
            "longshore_outbox_pending", "Messages written but not yet published.", ["service"], registry=registry
        )
        self.outbox_published = Counter(
            "longshore_outbox_published", "Messages published from the outbox.", ["service"], registry=registry
        )
        # From handing a message (or a list) over to its acknowledgement.
        self.produce_seconds = Histogram(
            "longshore_produce_seconds",
            "Time from sending to the broker's acknowledgement.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.produce_failures = Counter(
            "longshore_produce_failures", "Sends that were not acknowledged in time.", registry=registry
        )
