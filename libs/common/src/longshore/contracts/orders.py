"""Orders: the normalized snapshot that connectors publish and the canonical order of the API share their content.

All money of an order has the order's currency and one exponent. Amounts are before refunds. Names follow
docs/contracts; how a platform's fields map here is in that connector's translate package.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from longshore.contracts.base import Contract, Platform, RawRef, Snapshot, UtcDatetime, Version
from longshore.money import Money


class OrderStatus(StrEnum):
    """Where an order stands, whatever its store calls it (that word is `platform_status`)."""

    PENDING = "pending"
    PROCESSING = "processing"
    PARTIALLY_FULFILLED = "partially_fulfilled"
    FULFILLED = "fulfilled"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class FinancialStatus(StrEnum):
    """How far an order is paid."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"


class FulfillmentStatus(StrEnum):
    """How far an order is shipped."""

    UNFULFILLED = "unfulfilled"
    PARTIAL = "partial"
    FULFILLED = "fulfilled"


class Address(Contract):
    """A postal address as the store has it; every part may be missing."""

    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    province_code: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class CustomerRef(Contract):
    """Who bought; `external_id` is missing for guests."""

    external_id: str | None = None
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None


class TaxLine(Contract):
    """One tax: `rate` is a decimal fraction as text ("0.1" for 10 %)."""

    title: str
    rate: str | None = None
    amount: Money


class OrderLine(Contract):
    """One line. `total` is what the buyer pays for it: unit prices less `discount`, with tax only if the order's
    `taxes_included`; so the sum over lines of total + discount is the order's subtotal.

    `quantity` is what is still ordered after edits (refunds do not lower it); 0 for a line that was removed.
    `unit_price` is before discount; where the store's line does not divide evenly it is rounded half-even and for
    people to read only. `id` is the canonical id.

    `stock_taken`: pieces that the line has taken out of the store's own stock and that it has not put back, where the
    store says so line by line (WooCommerce); None: it does not say, and the order's state tells.
    """

    id: UUID
    external_id: str
    product_external_id: str | None = None
    variant_external_id: str | None = None
    sku: str | None = None
    title: str
    quantity: int
    unit_price: Money
    discount: Money
    total: Money
    tax: Money
    taxes: list[TaxLine] = []
    fulfilled_quantity: int = 0
    refunded_quantity: int = 0
    restocked_quantity: int = 0
    oversold_quantity: int = 0
    requires_shipping: bool = True
    stock_taken: int | None = None


class ShippingLine(Contract):
    """One shipping charge: `total` = price less `discount`."""

    external_id: str | None = None
    title: str
    code: str | None = None
    discount: Money
    total: Money
    tax: Money


class FeeLine(Contract):
    """One fee; the only amount of an order that may be negative."""

    external_id: str | None = None
    title: str
    total: Money
    tax: Money


class Discount(Contract):
    """A coupon or another discount as the store names it. `amount` is for people to read: see `totals.discount`."""

    code: str | None = None
    title: str | None = None
    amount: Money


class Tracking(Contract):
    """How a parcel is followed."""

    number: str | None = None
    carrier: str | None = None
    url: str | None = None


class FulfillmentLine(Contract):
    """So many pieces of a line."""

    line_id: UUID
    quantity: int


class FulfillmentState(StrEnum):
    """`pending`: asked for through Longshore, not yet at the store."""

    PENDING = "pending"
    SUCCESS = "success"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Fulfillment(Contract):
    """A shipment of some lines. `external_id` once the store knows it; `command_id` if Longshore asked for it."""

    id: UUID
    external_id: str | None = None
    status: FulfillmentState
    lines: list[FulfillmentLine]
    tracking: Tracking | None = None
    more_tracking: list[Tracking] = []
    created_at: UtcDatetime | None = None
    command_id: UUID | None = None


class RefundLine(Contract):
    """Pieces of a line paid back. `amount` without tax unless the order's taxes are included."""

    line_id: UUID
    quantity: int
    amount: Money
    tax: Money
    restocked: bool = False


class Refund(Contract):
    """Money paid back. `amount` is the whole, positive; lines may be empty (an amount alone)."""

    id: UUID
    external_id: str
    amount: Money
    reason: str | None = None
    lines: list[RefundLine] = []
    created_at: UtcDatetime | None = None


class Note(Contract):
    """A remark on an order; `author` is "customer", "store" or "longshore"."""

    text: str
    author: str
    created_at: UtcDatetime | None = None


class Totals(Contract):
    """total = subtotal - discount + shipping + fees + tip, + tax unless taxes are included. None negative but fees.

    `shipping` is before and `discount` includes a discount on shipping. `total` is the store's own word, before
    refunds; `refunded` is what was paid back.
    """

    subtotal: Money
    discount: Money
    shipping: Money
    fees: Money
    tip: Money
    tax: Money
    total: Money
    refunded: Money


class OrderContent(Contract):
    """What the store says of an order."""

    external_id: str
    platform: Platform
    number: str
    status: OrderStatus
    platform_status: str
    financial_status: FinancialStatus
    fulfillment_status: FulfillmentStatus
    currency: str
    exponent: int
    totals: Totals
    presentment_total: Money | None = None
    taxes_included: bool
    customer: CustomerRef | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    lines: list[OrderLine]
    shipping_lines: list[ShippingLine] = []
    fee_lines: list[FeeLine] = []
    discounts: list[Discount] = []
    fulfillments: list[Fulfillment] = []
    refunds: list[Refund] = []
    notes: list[Note] = []
    tags: list[str] = []
    placed_at: UtcDatetime
    updated_at: UtcDatetime
    cancelled_at: UtcDatetime | None = None
    reconciled: bool = True
    discrepancies: list[str] = []


class OrderSnapshot(OrderContent, Snapshot):
    """A whole order as its store had it. On `commerce.orders`, keyed `<integration_id>:<external_id>`."""

    event_type: ClassVar[str] = "longshore.order.snapshot.v1"


class OrderDeleted(Contract):
    """The store says that an order is gone or in its trash; on `commerce.orders` with the order's key.

    Holds against every snapshot observed before `observed_at`; one observed later brings the order back.
    """

    event_type: ClassVar[str] = "longshore.order.deleted.v1"

    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    observed_at: UtcDatetime
    raw: RawRef


class Order(OrderContent):
    """The canonical order, as the API answers it."""

    id: UUID
    org_id: UUID
    integration_id: UUID


class OrderRevision(Contract):
    """One state that an order was in, and the raw record that brought it."""

    revision: int
    version: Version
    raw: RawRef
    digest: str
    status: OrderStatus
    recorded_at: UtcDatetime
    content: OrderContent | None = None
