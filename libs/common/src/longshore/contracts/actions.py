"""What people ask of a store besides shipping and stock: the payloads of those commands.

Each is safe to run twice: what would do harm twice (money, a message to the buyer) has an id of its own, which the
connector looks for at the store before it writes; the others set what may be set again. What each does at which
platform stands in docs/guides/order-actions.md.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from longshore.contracts.base import Contract
from longshore.contracts.orders import Tracking
from longshore.money import Money

CancelReason = Literal["customer", "declined", "fraud", "inventory", "staff", "other"]


class OrderCancel(Contract):
    """Cancel an order. An order that is cancelled already has come true.

    `refund`: pay back all that was paid and is left, by the way in which it was paid. `restock`: put the pieces that
    have not shipped back on the shelf. `note` is for the store's people.
    """

    type: Literal["order.cancel"] = "order.cancel"
    order_id: UUID
    order_external_id: str
    reason: CancelReason = "other"
    note: str | None = None
    refund: bool = False
    restock: bool = True
    notify_customer: bool = False


class OrderNote(Contract):
    """Add a remark to an order. `note_id` is the idempotency key. `to_customer`: the buyer is to read it, too."""

    type: Literal["order.note"] = "order.note"
    order_id: UUID
    order_external_id: str
    note_id: UUID
    text: str
    to_customer: bool = False


class RefundPieces(Contract):
    """Pieces of an order line that are paid back. `restock`: they go back on the shelf, too."""

    line_id: UUID
    external_id: str
    quantity: int
    restock: bool = True


class OrderRefund(Contract):
    """Pay back. `refund_id` is the idempotency key, and what the connector looks for at the store.

    `full`: all that is left of the order, shipping too; `lines` then has all pieces that are left. Else `lines`, and
    `shipping`: all that is left of it, or `shipping_amount` of it. `amount` is the whole sum, tax included, in the
    order's currency and exponent; None: what the store (or the connector, by the order's own prices and taxes) reckons
    for the pieces and the shipping. An amount without pieces and shipping pays back money alone.

    `pay`: the payment provider is told to pay; else the refund is only written down.
    """

    type: Literal["order.refund"] = "order.refund"
    order_id: UUID
    order_external_id: str
    refund_id: UUID
    lines: list[RefundPieces] = []
    full: bool = False
    shipping: bool = False
    shipping_amount: Money | None = None
    amount: Money | None = None
    reason: str | None = None
    pay: bool = True
    notify_customer: bool = False


class OrderTags(Contract):
    """Add tags to an order and take tags from it; what it has already, or has not, changes nothing."""

    type: Literal["order.tags"] = "order.tags"
    order_id: UUID
    order_external_id: str
    add: list[str] = []
    remove: list[str] = []


class OrderMarkPaid(Contract):
    """Write down that what is outstanding was paid outside of the store. A paid order has come true."""

    type: Literal["order.mark_paid"] = "order.mark_paid"
    order_id: UUID
    order_external_id: str


class OrderStatusSet(Contract):
    """Put an order into one of its store's own states, by the store's word for it (`platform_status`)."""

    type: Literal["order.status"] = "order.status"
    order_id: UUID
    order_external_id: str
    status: str


class FulfillmentTracking(Contract):
    """Set how a parcel is followed. `fulfillment_external_id` is the store's id of it, None where the store has none;
    `fulfillment_id` is ours, and that of the command that made it if Longshore did."""

    type: Literal["fulfillment.tracking"] = "fulfillment.tracking"
    order_id: UUID
    order_external_id: str
    fulfillment_id: UUID
    fulfillment_external_id: str | None = None
    tracking: Tracking
    # As it was when this was asked for: where a parcel is known by its number alone.
    previous: Tracking | None = None
    notify_customer: bool = False


class FulfillmentCancel(Contract):
    """Take a shipment back: its pieces wait to be shipped again. One that is cancelled already has come true."""

    type: Literal["fulfillment.cancel"] = "fulfillment.cancel"
    order_id: UUID
    order_external_id: str
    fulfillment_id: UUID
    fulfillment_external_id: str | None = None
    tracking: Tracking | None = None


class ProductPublish(Contract):
    """Let a store's product be seen and bought."""

    type: Literal["product.publish"] = "product.publish"
    product_id: UUID
    product_external_id: str
    parent_external_id: str | None = None


class ProductUnpublish(Contract):
    """Take a product off the shelf: it stays in the store, and nobody can buy it."""

    type: Literal["product.unpublish"] = "product.unpublish"
    product_id: UUID
    product_external_id: str
    parent_external_id: str | None = None


class PriceSet(Contract):
    """Set what one listing costs. `compare_at` is the price before a reduction (None: leave it as it is;
    `end_reduction`: there is none)."""

    type: Literal["product.price"] = "product.price"
    listing_id: UUID
    sku: str | None = None
    product_external_id: str
    parent_external_id: str | None = None
    variant_external_id: str
    price: Money
    compare_at: Money | None = None
    end_reduction: bool = False


OrderAction = (
    OrderCancel
    | OrderNote
    | OrderRefund
    | OrderTags
    | OrderMarkPaid
    | OrderStatusSet
    | FulfillmentTracking
    | FulfillmentCancel
)
ProductAction = ProductPublish | ProductUnpublish | PriceSet
