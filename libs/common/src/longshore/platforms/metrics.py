"""What a connector measures. No label has more values than platforms, types and states."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

# Codes that are counted by name; a store's own words, which have no end, are "other".
CODES = frozenset(
    "access-denied bad-key broken-json bulk-file bulk-file-broken bulk-file-gone busy certificate clock connection-lost"
    " graphql http-500 http-502 http-503 http-504 missing-scope no-data no-location no-token no-woocommerce nonce"
    " not-found not-json not-written order-changing order-not-visible redirect refused shop-frozen shop-inactive"
    " shop-locked shop-not-found store-error throttled timeout token-refused unauthorized unexpected-json unknown-host"
    " unreachable".split()
)
OTHER = "other"


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
        self.stock_slipped = Counter(
            "longshore_stock_slipped_total",
            "Stock pushes during which the store's level changed between our look and our write (platforms without a"
            " compare-and-set).",
            ["platform"],
            registry=registry,
        )
        self.store_failures = Counter(
            "longshore_store_failures_total",
            "Calls that a store did not answer as it should, by the code of the error; other: a store's own word.",
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
        self.sync_items_failed = Counter(
            "longshore_sync_items_failed_total",
            "Entities that a sync run could not read at its end; the next run asks for them again.",
            ["platform", "resource"],
            registry=registry,
        )
        self.sync_run_seconds = Histogram(
            "longshore_sync_run_seconds",
            "Time that was spent on a sync run from its start to its end, pauses between tries left out.",
            ["platform", "resource"],
            buckets=(1, 5, 15, 60, 300, 900, 3600, 14400, 86400),
            registry=registry,
        )
        self.sync_runs = Counter(
            "longshore_sync_runs_total",
            "Sync runs that ended, by how: succeeded, partial (some items could not be read), failed, cancelled.",
            ["platform", "resource", "status"],
            registry=registry,
        )

    def failed(self, platform: str, code: str) -> None:
        """Count a call that a store did not answer as it should."""
        self.store_failures.labels(platform, code if code in CODES else OTHER).inc()
