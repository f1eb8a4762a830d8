"""What the hot route measures."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter


class WebhookMetrics:
    """Deliveries by platform and answer. Kafka's part of the time is longshore_produce_seconds."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.deliveries = Counter(
            "longshore_webhook_deliveries_total",
            "Deliveries of stores by the status code of our answer.",
            ["platform", "status"],
            registry=registry,
        )
