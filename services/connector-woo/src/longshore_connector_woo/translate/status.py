"""WooCommerce's one status word as the three that an order has here. Plugins add words: the nearest is taken, the raw
one is kept in `platform_status`."""

from __future__ import annotations

from longshore.contracts import FinancialStatus, FulfillmentStatus, OrderStatus

_CORE = {
    "pending": OrderStatus.PENDING,
    "on-hold": OrderStatus.PENDING,
    "failed": OrderStatus.PENDING,
    "checkout-draft": OrderStatus.PENDING,
    "auto-draft": OrderStatus.PENDING,
    "draft": OrderStatus.PENDING,
    "processing": OrderStatus.PROCESSING,
    "completed": OrderStatus.FULFILLED,
    "cancelled": OrderStatus.CANCELLED,
    "trash": OrderStatus.CANCELLED,
    "refunded": OrderStatus.REFUNDED,
}

# Parts of plugins' words, the telling ones first: "awaiting-shipment" is not shipped, "partially-shipped" not all.
_NEAREST = (
    ("await", OrderStatus.PROCESSING),
    ("ready", OrderStatus.PROCESSING),
    ("partial-ship", OrderStatus.PARTIALLY_FULFILLED),
    ("partially-ship", OrderStatus.PARTIALLY_FULFILLED),
    ("partial-fulfil", OrderStatus.PARTIALLY_FULFILLED),
    ("partially-fulfil", OrderStatus.PARTIALLY_FULFILLED),
    ("partial-complete", OrderStatus.PARTIALLY_FULFILLED),
    ("partially-complete", OrderStatus.PARTIALLY_FULFILLED),
    ("partial", OrderStatus.PROCESSING),
    ("deliver", OrderStatus.DELIVERED),
    ("picked-up", OrderStatus.DELIVERED),
    ("shipped", OrderStatus.FULFILLED),
    ("dispatch", OrderStatus.FULFILLED),
    ("despatch", OrderStatus.FULFILLED),
    ("in-transit", OrderStatus.FULFILLED),
    ("fulfilled", OrderStatus.FULFILLED),
    ("complete", OrderStatus.FULFILLED),
    ("refund", OrderStatus.REFUNDED),
    ("cancel", OrderStatus.CANCELLED),
    ("void", OrderStatus.CANCELLED),
    ("reject", OrderStatus.CANCELLED),
    ("hold", OrderStatus.PENDING),
    ("pending", OrderStatus.PENDING),
    ("fail", OrderStatus.PENDING),
    ("quote", OrderStatus.PENDING),
    ("draft", OrderStatus.PENDING),
)


def order_status(word: str, *, paid: bool) -> OrderStatus:
    """The nearest status; for a word that tells nothing, whether the order is paid decides."""
    word = word.removeprefix("wc-").lower().replace("_", "-")
    found = _CORE.get(word)
    if found is not None:
        return found
    if "payment" in word:
        return OrderStatus.PROCESSING if paid else OrderStatus.PENDING
    if word.startswith("out-for-"):
        return OrderStatus.FULFILLED
    if not word.startswith(("not-", "un")):
        for part, status in _NEAREST:
            if part in word:
                return status
    return OrderStatus.PROCESSING if paid else OrderStatus.PENDING


def financial_status(word: str, *, paid: bool, total: int, refunded: int) -> FinancialStatus:
    """How far paid: WooCommerce says when (`date_paid`), and what was paid back."""
    word = word.removeprefix("wc-")
    if refunded > 0 and refunded >= total:
        return FinancialStatus.REFUNDED
    if word == "refunded":
        return FinancialStatus.REFUNDED
    if refunded > 0:
        return FinancialStatus.PARTIALLY_REFUNDED
    if paid or word == "completed":
        return FinancialStatus.PAID
    if word in ("cancelled", "failed", "trash"):
        return FinancialStatus.VOIDED
    return FinancialStatus.PENDING


def fulfillment_status(status: OrderStatus, *, ordered: int, fulfilled: int) -> FulfillmentStatus:
    """How far shipped: by the store's word, else by the shipments that are written on the order."""
    if status in (OrderStatus.FULFILLED, OrderStatus.DELIVERED):
        return FulfillmentStatus.FULFILLED
    if status is OrderStatus.PARTIALLY_FULFILLED:
        return FulfillmentStatus.PARTIAL
    if fulfilled <= 0:
        return FulfillmentStatus.UNFULFILLED
    return FulfillmentStatus.FULFILLED if fulfilled >= ordered else FulfillmentStatus.PARTIAL
