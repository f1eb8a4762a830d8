"""Shopify's words for the state of an order, and ours.

Financial and fulfilment status are two words at Shopify; the canonical status is one:

- cancelled: `cancelled_at` is set.
- refunded: all money is back.
- delivered: everything is shipped and the carrier has delivered all of it; fulfilled: everything is shipped.
- partially_fulfilled: some of it is shipped.
- pending: nothing is shipped and no money is certain (payment pending, voided or expired): wait.
- processing: the rest. An authorized order is to be shipped (merchants capture then), and so is one paid in part.

Enums are open: a word that we do not know is kept in `platform_status`, noted, and read in the way that loses nothing
(financial: pending; fulfilment: from what has been shipped).
"""

from __future__ import annotations

from longshore.contracts import FinancialStatus, FulfillmentState, FulfillmentStatus, OrderStatus

FINANCIAL = {
    "pending": FinancialStatus.PENDING,
    "authorized": FinancialStatus.AUTHORIZED,
    "partially_paid": FinancialStatus.PARTIALLY_PAID,
    "paid": FinancialStatus.PAID,
    "partially_refunded": FinancialStatus.PARTIALLY_REFUNDED,
    "refunded": FinancialStatus.REFUNDED,
    "voided": FinancialStatus.VOIDED,
    # The authorization ran out: nothing can be captured any more.
    "expired": FinancialStatus.VOIDED,
}

FULFILLMENT = {
    "unfulfilled": FulfillmentStatus.UNFULFILLED,
    # All lines were restocked: nothing of it left.
    "restocked": FulfillmentStatus.UNFULFILLED,
    "partial": FulfillmentStatus.PARTIAL,
    "fulfilled": FulfillmentStatus.FULFILLED,
}

# `open` and `pending` were said by third-party services that have not confirmed.
FULFILLMENT_STATE = {
    "success": FulfillmentState.SUCCESS,
    "open": FulfillmentState.PENDING,
    "pending": FulfillmentState.PENDING,
    "cancelled": FulfillmentState.CANCELLED,
    "error": FulfillmentState.FAILED,
    "failure": FulfillmentState.FAILED,
}

_UNPAID = frozenset({FinancialStatus.PENDING, FinancialStatus.VOIDED})


def order_status(
    financial: FinancialStatus, fulfillment: FulfillmentStatus, *, cancelled: bool, delivered: bool
) -> OrderStatus:
    """The canonical status. `delivered`: the carrier has delivered every shipment."""
    if cancelled:
        return OrderStatus.CANCELLED
    if financial is FinancialStatus.REFUNDED:
        return OrderStatus.REFUNDED
    if fulfillment is FulfillmentStatus.FULFILLED:
        return OrderStatus.DELIVERED if delivered else OrderStatus.FULFILLED
    if fulfillment is FulfillmentStatus.PARTIAL:
        return OrderStatus.PARTIALLY_FULFILLED
    return OrderStatus.PENDING if financial in _UNPAID else OrderStatus.PROCESSING
