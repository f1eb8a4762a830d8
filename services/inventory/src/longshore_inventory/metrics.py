"""What inventory counts. Labels are few and closed; nothing here names a buyer, an order or a SKU."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram

WINDOW_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 15, 30, 60)


class InventoryMetrics:
    """Metrics of pushes, oversold lines and drift."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # From the moment the gateway received the sale to the moment another store had the new quantity.
        self.oversell_window = Histogram(
            "longshore_oversell_window_seconds",
            "From a sale's webhook at one store to the new quantity at another.",
            registry=registry,
            buckets=WINDOW_BUCKETS,
        )
        self.pushes = Counter(
            "longshore_stock_pushes_total",
            "Stock pushes sent (pending), and what became of them; stale: the store had sold one meanwhile.",
            ["status"],
            registry=registry,
        )
        self.oversold_lines = Counter(
            "longshore_oversold_lines_total", "Order lines that went short of stock.", registry=registry
        )
        self.drift = Counter(
            "longshore_stock_drift_total",
            "Differences in stores' reports that outlived the settle window, by what the channel's mode made of them.",
            ["mode"],
            registry=registry,
        )
        # When a push of this process last had to wait (monotonic): who tells stores what has waited looks after that.
        self.waited_at = time.monotonic()
