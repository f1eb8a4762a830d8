"""From a cart to an order: lines, coupons, fees, shipping, totals."""

from __future__ import annotations

import string
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from longshore_devkit.stores.woo.errors import RestError
from longshore_devkit.stores.woo.models import (
    BILLING_FIELDS,
    SHIPPING_FIELDS,
    Address,
    Coupon,
    CouponLine,
    FeeLine,
    LineItem,
    Meta,
    Order,
    Product,
    ShippingLine,
    blank_address,
)
from longshore_devkit.stores.woo.totals import (
    PRECISION,
    ZERO,
    Discount,
    calculate,
    exclusive_taxes,
    inclusive_taxes,
    net_price,
    rounded,
    split_discount,
)

if TYPE_CHECKING:
    from longshore_devkit.stores.woo.shop import Shop


@dataclass
class LineDraft:
    """Goods wanted; `product` None is a line of a product that is gone. Amounts override the product's price."""

    product: Product | None
    quantity: int = 1
    subtotal: Decimal | None = None
    total: Decimal | None = None
    name: str | None = None


@dataclass
class ShippingDraft:
    """A way of shipping; `total` without tax."""

    method_id: str
    method_title: str
    total: Decimal
    instance_id: str = ""


@dataclass
class FeeDraft:
    """A fee; `total` without tax, may be negative."""

    name: str
    total: Decimal
    taxable: bool = True
    tax_class: str = ""


@dataclass
class OrderDraft:
    """What a buyer, or a POST, asks for."""

    lines: list[LineDraft] = field(default_factory=list)
    shipping_lines: list[ShippingDraft] = field(default_factory=list)
    fee_lines: list[FeeDraft] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    status: str = "pending"
    set_paid: bool = False
    customer_id: int = 0
    billing: Address = field(default_factory=dict)
    shipping: Address = field(default_factory=dict)
    payment_method: str = ""
    payment_method_title: str = ""
    transaction_id: str = ""
    currency: str | None = None
    customer_note: str = ""
    created_via: str = "rest-api"
    user_agent: str = ""
    meta: list[dict[str, Any]] = field(default_factory=list)


def build(shop: Shop, draft: OrderDraft) -> Order:
    """A pending order with all totals; RestError (400) for a coupon that does not exist."""
    coupons = [_coupon(shop, code) for code in draft.coupons]
    now = shop.now()
    order = Order(
        id=next(shop.ids.post),
        order_key="wc_order_" + "".join(shop.rng.choices(string.ascii_letters + string.digits, k=13)),
        status="pending",
        currency=draft.currency or shop.config.currency,
        prices_include_tax=shop.config.prices_include_tax,
        created=now,
        modified=now,
        billing={**blank_address(BILLING_FIELDS), **_known(draft.billing, BILLING_FIELDS)},
        shipping={**blank_address(SHIPPING_FIELDS), **_known(draft.shipping, SHIPPING_FIELDS)},
        customer_id=draft.customer_id,
        payment_method=draft.payment_method,
        payment_method_title=draft.payment_method_title,
        transaction_id=draft.transaction_id,
        customer_note=draft.customer_note,
        created_via=draft.created_via,
        customer_user_agent=draft.user_agent,
        placed_at=time.time(),
    )
    if draft.created_via == "checkout":
        order.customer_ip_address = "127.0.0.1"
        order.cart_hash = "".join(shop.rng.choices("0123456789abcdef", k=32))
    order.lines = [_line(shop, line) for line in draft.lines]
    order.shipping_lines = [
        ShippingLine(next(shop.ids.item), ship.method_title, ship.method_id, ship.total, instance_id=ship.instance_id)
        for ship in draft.shipping_lines
    ]
    order.fee_lines = [
        FeeLine(next(shop.ids.item), fee.name, fee.total, fee.tax_class, fee.taxable) for fee in draft.fee_lines
    ]
    for coupon in coupons:
        _apply(shop, order, coupon)
    calculate(order, shop.rules, shop.ids.item)
    shop.write_meta(order.meta, draft.meta)
    return order


def _known(address: Address, fields: tuple[str, ...]) -> Address:
    return {name: str(value) for name, value in address.items() if name in fields and value is not None}


def _coupon(shop: Shop, code: str) -> Coupon:
    wanted = code.lower()
    for coupon in shop.coupons.values():
        if coupon.code == wanted and coupon.status == "publish":
            return coupon
    raise RestError(
        400, "woocommerce_rest_invalid_coupon", f'Coupon "{code}" cannot be applied because it does not exist.'
    )


def _line(shop: Shop, draft: LineDraft) -> LineItem:
    product = draft.product
    if product is None:
        amount = draft.subtotal or ZERO
        total = amount if draft.total is None else draft.total
        return LineItem(next(shop.ids.item), draft.name or "Gone", 0, 0, draft.quantity, amount, total)
    rates = shop.config.rates(product.tax_class) if product.taxable else ()
    net = net_price(shop.price(product), draft.quantity, rates, shop.config.prices_include_tax)
    subtotal = net if draft.subtotal is None else draft.subtotal
    parent = shop.products.get(product.parent_id)
    line = LineItem(
        id=next(shop.ids.item),
        name=draft.name or product.name,
        product_id=product.parent_id or product.id,
        variation_id=product.id if product.parent_id else 0,
        quantity=draft.quantity,
        subtotal=subtotal,
        total=(net if draft.subtotal is None else subtotal) if draft.total is None else draft.total,
        tax_class=product.tax_class,
        taxable=product.taxable,
        parent_name=parent.name if parent else None,
    )
    line.meta = [Meta(next(shop.ids.item_meta), name.lower(), value) for name, value in product.attributes]
    return line


def _apply(shop: Shop, order: Order, coupon: Coupon) -> None:
    """Take a coupon off the lines, off the price that buyers see, as the cart does."""
    inclusive, decimals = shop.config.prices_include_tax, shop.config.decimals
    seen: list[tuple[Decimal, int]] = []
    for line in order.lines:
        rates = shop.config.rates(line.tax_class) if line.taxable else ()
        tax = sum(exclusive_taxes(line.total, rates).values(), ZERO) if inclusive else ZERO
        seen.append((rounded(line.total + tax, decimals + 2), line.quantity))
    entry = CouponLine(next(shop.ids.item), coupon.id, coupon.code, coupon.kind, coupon.amount)
    shares = split_discount(Discount(coupon.kind, coupon.amount), seen, decimals)
    for line, share in zip(order.lines, shares, strict=True):
        rates = shop.config.rates(line.tax_class) if line.taxable else ()
        taxes = inclusive_taxes(share, rates) if inclusive else exclusive_taxes(share, rates)
        tax = sum(taxes.values(), ZERO)
        net = share - tax if inclusive else share
        line.total = max(ZERO, rounded(line.total - net, PRECISION))
        entry.discount += net
        entry.discount_tax += tax
    entry.discount = rounded(entry.discount, decimals)
    entry.discount_tax = rounded(entry.discount_tax, decimals)
    order.coupon_lines.append(entry)
    coupon.used += 1
