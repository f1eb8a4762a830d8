"""What a simulated shop holds. Amounts are minor units of the order's (shop's) currency; times are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from longshore_devkit.stores.shopify.money import share

FinancialStatus = Literal["pending", "paid", "partially_paid", "partially_refunded", "refunded", "voided"]


@dataclass
class Location:
    """A place that holds stock; nothing is sold from one that is not `active`."""

    id: int
    name: str
    active: bool = True


@dataclass
class Level:
    """Stock of one inventory item at one location; `available` may be negative, on hand is the sum of both."""

    available: int
    committed: int
    updated_at: datetime

    @property
    def on_hand(self) -> int:
        return self.available + self.committed


@dataclass
class Variant:
    """A sellable variant with its inventory item and one level per location id."""

    id: int
    product_id: int
    inventory_item_id: int
    sku: str | None
    title: str
    price: int
    grams: int
    created_at: datetime
    updated_at: datetime
    taxable: bool = True
    position: int = 1
    compare_at: int | None = None
    levels: dict[int, Level] = field(default_factory=dict)

    @property
    def available(self) -> int:
        """Over all locations."""
        return sum(level.available for level in self.levels.values())


@dataclass
class Product:
    id: int
    title: str
    handle: str
    vendor: str
    product_type: str
    created_at: datetime
    updated_at: datetime
    option: str = "Title"
    status: str = "active"
    tags: list[str] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)


@dataclass
class Address:
    first_name: str
    last_name: str
    address1: str
    city: str
    zip: str
    province: str
    province_code: str
    country: str
    country_code: str
    phone: str | None = None
    company: str | None = None
    address2: str | None = None


@dataclass
class Customer:
    id: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    created_at: datetime
    address: Address | None


@dataclass
class Discount:
    """A discount application; `value` is a percentage or an amount in minor units, by `value_type`."""

    kind: Literal["discount_code", "automatic", "manual"]
    title: str
    value: int
    value_type: Literal["percentage", "fixed_amount"]
    target_type: Literal["line_item", "shipping_line"] = "line_item"
    target_selection: Literal["all", "entitled", "explicit"] = "all"
    allocation_method: Literal["across", "each"] = "across"


@dataclass
class Tax:
    title: str
    rate_ppm: int
    amount: int


@dataclass
class Duty:
    id: int
    amount: int
    harmonized_system_code: str = "6109.10"
    country_code: str = "PT"


@dataclass
class Line:
    """One order line. `quantity` never falls; `refunded` and `removed` count what has gone since."""

    id: int
    title: str
    variant_title: str | None
    sku: str | None
    variant_id: int | None
    product_id: int | None
    inventory_item_id: int | None
    location_id: int
    quantity: int
    unit_price: int
    grams: int
    vendor: str | None = "Longshore Goods"
    taxable: bool = True
    requires_shipping: bool = True
    allocations: list[tuple[int, int]] = field(default_factory=list)
    taxes: list[Tax] = field(default_factory=list)
    duties: list[Duty] = field(default_factory=list)
    fulfilled: int = 0
    refunded: int = 0
    removed: int = 0
    gone_unfulfilled: int = 0

    @property
    def gross(self) -> int:
        return self.unit_price * self.quantity

    @property
    def discount(self) -> int:
        return sum(amount for _, amount in self.allocations)

    @property
    def net(self) -> int:
        return self.gross - self.discount

    @property
    def tax(self) -> int:
        return sum(tax.amount for tax in self.taxes)

    @property
    def duty(self) -> int:
        return sum(duty.amount for duty in self.duties)

    @property
    def gone(self) -> int:
        return self.refunded + self.removed

    @property
    def current_quantity(self) -> int:
        return self.quantity - self.gone

    @property
    def fulfillable(self) -> int:
        return self.quantity - self.fulfilled - self.gone_unfulfilled if self.requires_shipping else 0

    @property
    def name(self) -> str:
        return f"{self.title} - {self.variant_title}" if self.variant_title else self.title

    def left(self, amount: int) -> int:
        """What remains of an amount of the whole line after refunds and removals."""
        return amount - share(amount, self.gone, self.quantity)


@dataclass
class Shipping:
    """The shipping line; `refunded` is what was given back of its discounted price, with `tax_refunded`."""

    id: int
    title: str
    code: str
    price: int
    allocations: list[tuple[int, int]] = field(default_factory=list)
    taxes: list[Tax] = field(default_factory=list)
    refunded: int = 0
    tax_refunded: int = 0

    @property
    def discount(self) -> int:
        return sum(amount for _, amount in self.allocations)

    @property
    def net(self) -> int:
        return self.price - self.discount

    @property
    def tax(self) -> int:
        return sum(tax.amount for tax in self.taxes)


@dataclass
class RefundLine:
    id: int
    line: Line
    quantity: int
    restock_type: Literal["no_restock", "cancel", "return"]
    location_id: int | None
    subtotal: int
    tax: int


@dataclass
class Refund:
    """Money and goods given back; `shipping` and `adjustment` belong to no line (a tip, or what an edit left owed)."""

    id: int
    created_at: datetime
    note: str | None
    lines: list[RefundLine]
    shipping: int = 0
    shipping_tax: int = 0
    duty_parts: list[tuple[int, int]] = field(default_factory=list)
    adjustment: int = 0
    transactions: list[Transaction] = field(default_factory=list)

    @property
    def duties(self) -> int:
        return sum(amount for _, amount in self.duty_parts)


@dataclass
class Transaction:
    id: int
    kind: Literal["sale", "refund"]
    amount: int
    created_at: datetime
    parent_id: int | None = None
    gateway: str = "bogus"


@dataclass
class Fulfillment:
    id: int
    name: str
    created_at: datetime
    location_id: int
    lines: list[tuple[int, Line, int]]
    tracking_numbers: list[str]
    tracking_urls: list[str]
    tracking_company: str | None
    notify_customer: bool
    fulfillment_order_ids: list[int] = field(default_factory=list)
    status: Literal["success", "cancelled"] = "success"
    updated_at: datetime | None = None


@dataclass
class FulfillmentOrderLine:
    id: int
    line: Line
    total: int
    remaining: int


@dataclass
class FulfillmentOrder:
    id: int
    order_id: int
    location_id: int
    created_at: datetime
    updated_at: datetime
    lines: list[FulfillmentOrderLine]
    status: Literal["open", "in_progress", "closed", "cancelled", "on_hold", "scheduled"] = "open"
    hold: str | None = None
    # At a fulfilment service's location: hidden from an app that may not ship for others.
    third_party: bool = False


@dataclass
class Order:
    id: int
    number: int
    token: str
    created_at: datetime
    updated_at: datetime
    currency: str
    taxes_included: bool
    lines: list[Line]
    shipping: list[Shipping]
    discounts: list[Discount]
    customer: Customer | None
    email: str | None
    phone: str | None
    shipping_address: Address | None
    billing_address: Address | None
    tip: int = 0
    tip_refunded: int = 0
    note: str | None = None
    tags: list[str] = field(default_factory=list)
    presentment: tuple[str, int] | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    closed_at: datetime | None = None
    edited: bool = False
    original_total: int = 0
    refunds: list[Refund] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)
    fulfillment_orders: list[FulfillmentOrder] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"#{self.number}"

    def line(self, line_id: int) -> Line:
        """KeyError when the order has no such line."""
        for line in self.lines:
            if line.id == line_id:
                return line
        raise KeyError(line_id)
