"""What is measured of privacy requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from longshore_gateway.privacy.rules import Kind


class PrivacyMetrics:
    """How long requests have waited. The law counts in days: Shopify allows 30."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.waiting = Gauge(
            "longshore_privacy_request_waiting_seconds",
            "For how long the oldest request that is not done has waited; 0 when all are. kind: export, erase_buyer,"
            " erase_store.",
            ["kind"],
            registry=registry,
        )
        self.tell({}, None)

    def tell(self, oldest: Mapping[Kind, datetime], now: datetime | None) -> None:
        """Since when the oldest open request of each kind has waited."""
        for kind in Kind:
            since = oldest.get(kind)
            waited = 0.0 if since is None or now is None else max(0.0, (now - since).total_seconds())
            self.waiting.labels(kind.value).set(waited)
