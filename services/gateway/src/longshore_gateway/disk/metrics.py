"""What is measured of disks."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Gauge


class DiskMetrics:
    """Room on each disk. `disk`: kafka, or the name that LONGSHORE_WATCHED_DISKS gives it."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        # Of Kafka: the least of all log directories of all brokers. Not there while it is unknown.
        self.free = Gauge("longshore_disk_free_bytes", "Room on a disk.", ["disk"], registry=registry)
        self.floor = Gauge(
            "longshore_disk_floor_bytes", "With less room on Kafka's disk deliveries are refused.", registry=registry
        )
        self.full = Gauge(
            "longshore_disk_full", "Whether deliveries are refused because Kafka's disk is full.", registry=registry
        )
