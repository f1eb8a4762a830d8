"""What a connector measures. No label has more values than platforms, types and states."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


class ConnectorMetrics:
    """The connector's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.translated = Counter(
            "longshore_raw_translated_total",
            "Raw records by what became of them: translated, ignored, repeated (same bytes in one batch).",
            ["platform", "result"],
            registry=registry,
        )
        self.translate_seconds = Histogram(
            "longshore_translate_seconds",
            "Time to translate a batch and have Kafka acknowledge what came of it.",
            ["platform"],
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=registry,
        )
        self.commands = Counter(
            "longshore_commands_total",
            "Commands by type and by what became of them at the store; stale: a compare-and-set that a sale overtook.",
            ["platform", "type", "status"],
            registry=registry,
        )
        self.store_failures = Counter(
            "longshore_store_failures_total",
            "Calls that a store did not answer as it should, by the code of the error.",
            ["platform", "code"],
            registry=registry,
        )
        self.breakers_open = Gauge(
            "longshore_store_breakers_open", "Stores that count as down.", ["platform"], registry=registry
        )
        self.webhooks_repaired = Counter(
            "longshore_webhooks_repaired_total",
            "Webhooks of stores that were put right, by what they were: missing, disabled, wrong.",
            ["platform", "was"],
            registry=registry,
        )
        self.missed_deliveries = Counter(
            "longshore_missed_deliveries_total",
            "Changes of orders and products that polling saw and no delivery of the store's webhooks had brought.",
            ["platform", "resource"],
            registry=registry,
        )
        self.token_refreshes = Counter(
            "longshore_token_refreshes_total",
            "Refreshes of access tokens, by how they ended: refreshed, refused (the merchant has to connect"
            " anew), failed (tried again).",
            ["platform", "result"],
            registry=registry,
        )
        self.synced = Counter(
            "longshore_synced_entities_total",
            "Orders, products, customers and stock items that sync runs have read into the raw log.",
            ["platform", "resource"],
            registry=registry,
        )
        self.sync_runs = Counter(
            "longshore_sync_runs_total",
            "Sync runs that ended, by how: succeeded, partial (some items could not be read), failed, cancelled.",
            ["platform", "resource", "status"],
            registry=registry,
        )
