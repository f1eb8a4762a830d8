"""What the hot route measures."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram


class WebhookMetrics:
    """Deliveries by platform and answer."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.deliveries = Counter(
            "longshore_webhook_deliveries_total",
            "Deliveries of stores by the status code of our answer.",
            ["platform", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "longshore_webhook_seconds",
            "From the last byte of an accepted delivery until Kafka has acknowledged it.",
            ["platform"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
            registry=registry,
        )
