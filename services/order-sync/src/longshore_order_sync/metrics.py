"""What order-sync counts. Labels are few and closed; nothing here names a buyer or an order."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from longshore.contracts import FulfillmentState, Platform

OUTCOMES = ("created", "updated", "unchanged", "stale")


class OrderMetrics:
    """Metrics of applied orders and of fulfilments, with their children made once: labels() costs a lookup."""

    def __init__(self, registry: CollectorRegistry) -> None:
        applied = Counter(
            "longshore_orders_applied_total",
            "Order snapshots applied: created, updated, unchanged (known content), stale (older than what we have).",
            ["outcome"],
            registry=registry,
        )
        self.applied = {outcome: applied.labels(outcome) for outcome in OUTCOMES}
        self.lag_seconds = Histogram(
            "longshore_order_lag_seconds",
            "From the delivery or fetch of an order's raw record to its commit as canonical state.",
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
        )
        unreconciled = Counter(
            "longshore_orders_unreconciled_total",
            "Order revisions whose parts do not sum to the store's own total.",
            ["platform"],
            registry=registry,
        )
        self.unreconciled = {platform: unreconciled.labels(platform.value) for platform in Platform}
        fulfillments = Counter(
            "longshore_fulfillments_total",
            "Fulfilments asked for through Longshore (pending), and what became of them.",
            ["status"],
            registry=registry,
        )
        self.fulfillments = {state: fulfillments.labels(state.value) for state in FulfillmentState}
        self.actions = Counter(
            "longshore_order_actions_total",
            "What was asked of stores about orders besides shipments (pending), and what became of it.",
            ["action", "status"],
            registry=registry,
        )
