"""The entities of a simulated shop, as plain mutable records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from longshore_devkit.stores.woo.config import TaxRate

ZERO = Decimal(0)
Address = dict[str, str]

BILLING_FIELDS = (
    "first_name", "last_name", "company", "address_1", "address_2", "city", "state", "postcode", "country",
    "email", "phone",
)  # fmt: skip
SHIPPING_FIELDS = tuple(name for name in BILLING_FIELDS if name != "email")

STATUSES = {
    "pending": "Pending payment",
    "processing": "Processing",
    "on-hold": "On hold",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "refunded": "Refunded",
    "failed": "Failed",
    "checkout-draft": "Draft",
}
PAID_STATUSES = ("processing", "completed")


@dataclass
class Meta:
    """One row of metadata; `value` is any JSON."""

    id: int
    key: str
    value: Any


@dataclass
class TaxAmount:
    """What one rate takes of a line, at six decimals; shipping and fees know no subtotal."""

    rate_id: int
    total: Decimal
    subtotal: Decimal


@dataclass
class LineItem:
    """Goods in an order or a refund; amounts without tax, at six decimals. `product_id` 0: the product is gone."""

    id: int
    name: str
    product_id: int
    variation_id: int
    quantity: int
    subtotal: Decimal
    total: Decimal
    tax_class: str = ""
    taxable: bool = True
    parent_name: str | None = None
    taxes: list[TaxAmount] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)


@dataclass
class ShippingLine:
    """One way of shipping in an order; `total` without tax."""

    id: int
    method_title: str
    method_id: str
    total: Decimal
    instance_id: str = ""
    taxable: bool = True
    taxes: list[TaxAmount] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)


@dataclass
class FeeLine:
    """A fee; negative ones are discounts that are no coupon."""

    id: int
    name: str
    total: Decimal
    tax_class: str = ""
    taxable: bool = True
    amount: str = ""
    taxes: list[TaxAmount] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)


@dataclass
class CouponLine:
    """A coupon that was applied; `discount` without tax."""

    id: int
    coupon_id: int
    code: str
    kind: str
    nominal: Decimal
    discount: Decimal = ZERO
    discount_tax: Decimal = ZERO
    meta: list[Meta] = field(default_factory=list)


@dataclass
class TaxLine:
    """The sum of one rate over an order."""

    id: int
    rate: TaxRate
    tax_total: Decimal = ZERO
    shipping_tax_total: Decimal = ZERO


@dataclass
class Note:
    """A note on an order; customer notes are mailed to the buyer."""

    id: int
    text: str
    customer_note: bool
    created: datetime


@dataclass
class Refund:
    """A refund: an order-like record of its own; line amounts are negative. `amount` None was never given."""

    id: int
    order_id: int
    amount: Decimal | None
    reason: str
    created: datetime
    full: bool
    lines: list[LineItem] = field(default_factory=list)
    shipping_lines: list[ShippingLine] = field(default_factory=list)
    fee_lines: list[FeeLine] = field(default_factory=list)
    tax_lines: list[TaxLine] = field(default_factory=list)
    total_tax: Decimal = ZERO
    meta: list[Meta] = field(default_factory=list)
    paid: bool = False
    """Whether the payment provider has paid it back."""


@dataclass
class OrderFulfillment:
    """One of WooCommerce's own fulfilments of an order."""

    id: int
    updated: datetime
    status: str = "unfulfilled"
    is_fulfilled: bool = False
    meta: list[Meta] = field(default_factory=list)


@dataclass
class Order:
    """An order; times are aware UTC in whole seconds, amounts at the shop's decimals."""

    id: int
    order_key: str
    status: str
    currency: str
    prices_include_tax: bool
    created: datetime
    modified: datetime
    billing: Address
    shipping: Address
    customer_id: int = 0
    payment_method: str = ""
    payment_method_title: str = ""
    transaction_id: str = ""
    created_via: str = "checkout"
    customer_note: str = ""
    customer_ip_address: str = ""
    customer_user_agent: str = ""
    cart_hash: str = ""
    completed: datetime | None = None
    paid: datetime | None = None
    lines: list[LineItem] = field(default_factory=list)
    tax_lines: list[TaxLine] = field(default_factory=list)
    shipping_lines: list[ShippingLine] = field(default_factory=list)
    fee_lines: list[FeeLine] = field(default_factory=list)
    coupon_lines: list[CouponLine] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    meta: list[Meta] = field(default_factory=list)
    discount_total: Decimal = ZERO
    discount_tax: Decimal = ZERO
    shipping_total: Decimal = ZERO
    shipping_tax: Decimal = ZERO
    cart_tax: Decimal = ZERO
    total: Decimal = ZERO
    placed_at: float = 0.0
    completed_count: int = 0
    tracking_writes: int = 0
    fulfillments: list[OrderFulfillment] = field(default_factory=list)
    fulfillment_mails: list[str] = field(default_factory=list)
    """What the buyer was mailed of them."""

    @property
    def refunded(self) -> Decimal:
        """What was paid back so far."""
        return sum((refund.amount or ZERO for refund in self.refunds), ZERO)


@dataclass
class Product:
    """A product, or with `parent_id` a variation of one. `price` is in the shop's terms (with or without tax)."""

    id: int
    name: str
    sku: str
    price: str
    created: datetime
    modified: datetime
    kind: str = "simple"
    status: str = "publish"
    parent_id: int = 0
    attributes: list[tuple[str, str]] = field(default_factory=list)
    options: list[tuple[str, list[str]]] = field(default_factory=list)
    variations: list[int] = field(default_factory=list)
    manage_stock: bool = True
    stock: int | None = 0
    stock_status: str = "instock"
    backorders: str = "no"
    tax_class: str = ""
    taxable: bool = True
    virtual: bool = False
    sale_price: str = ""
    description: str = ""
    total_sales: int = 0
    meta: list[Meta] = field(default_factory=list)

    @property
    def current_price(self) -> str:
        """The sale price, where there is one."""
        return self.sale_price or self.price


@dataclass
class Coupon:
    """A coupon: percent, fixed_cart or fixed_product."""

    id: int
    code: str
    kind: str
    amount: Decimal
    created: datetime
    modified: datetime
    status: str = "publish"
    used: int = 0


@dataclass
class Customer:
    """A registered buyer."""

    id: int
    email: str
    first_name: str
    last_name: str
    username: str
    created: datetime
    modified: datetime | None
    billing: Address
    shipping: Address
    role: str = "customer"
    paying: bool = False


@dataclass
class Webhook:
    """A subscription; `pending_ping` until a ping was answered with exactly 200."""

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    created: datetime
    modified: datetime | None
    status: str = "active"
    failure_count: int = 0
    pending_ping: bool = True
    delivered: int = 0
    failed: int = 0
    pings: int = 0


def blank_address(fields: tuple[str, ...]) -> Address:
    """An address with every field empty."""
    return dict.fromkeys(fields, "")
