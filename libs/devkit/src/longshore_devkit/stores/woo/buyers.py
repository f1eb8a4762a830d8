"""Buyers: random orders of every kind, and what happens to orders afterwards, from the shop's seed."""

from __future__ import annotations

import random
from decimal import Decimal

from longshore_devkit.stores.woo.catalogue import person
from longshore_devkit.stores.woo.checkout import FeeDraft, LineDraft, OrderDraft, ShippingDraft
from longshore_devkit.stores.woo.lifecycle import RefundLine, RefundRequest
from longshore_devkit.stores.woo.models import Order, Product
from longshore_devkit.stores.woo.shop import Shop
from longshore_devkit.stores.woo.totals import ZERO

_FIRST_STATUS = (("processing", 70), ("on-hold", 10), ("pending", 8), ("completed", 6), ("failed", 4), ("cancelled", 2))
_PAYMENTS = (("card", "Credit card"), ("bacs", "Direct bank transfer"), ("cod", "Cash on delivery"))
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
LATER_SHARE = 0.15
"""So often something happens to an older order besides the new one."""


def random_draft(shop: Shop, rng: random.Random) -> OrderDraft | None:
    """A cart that the checkout would let through; None when nothing is left to buy."""
    stocked = [product for product in shop.products.values() if shop.sellable(product, 1)]
    if not stocked:
        return None
    lines = []
    for product in rng.sample(stocked, k=min(len(stocked), rng.choices((1, 2, 3, 6), (60, 25, 12, 3))[0])):
        wanted = rng.choices((1, 2, 3, 10), (70, 18, 10, 2))[0]
        lines.append(LineDraft(product, wanted if shop.sellable(product, wanted) else 1))
    draft = dress(shop, rng, lines)
    draft.status = rng.choices(*zip(*_FIRST_STATUS, strict=True))[0]
    if rng.random() < 0.2:
        draft.coupons = [rng.choice([coupon.code for coupon in shop.coupons.values()])]
    if rng.random() < 0.12:
        draft.fee_lines.append(FeeDraft("Gift wrapping 🎁", _money(shop, rng, 50, 500)))
    if rng.random() < 0.05:
        draft.fee_lines.append(FeeDraft("Loyalty discount", -_money(shop, rng, 50, 300)))
    if rng.random() < 0.05:
        draft.fee_lines.append(FeeDraft("Donation", _money(shop, rng, 100, 500), taxable=False))
    return draft


def dress(shop: Shop, rng: random.Random, lines: list[LineDraft]) -> OrderDraft:
    """A paid order of these lines by somebody, with shipping."""
    customers = list(shop.customers.values())
    if customers and rng.random() < 0.4:
        customer = rng.choice(customers)
        customer_id, billing, shipping = customer.id, dict(customer.billing), dict(customer.shipping)
    else:
        customer_id = 0
        billing, shipping = person(rng, rng.randrange(1000, 9999999))
    method, title = rng.choice(_PAYMENTS)
    draft = OrderDraft(
        lines=lines,
        status="processing",
        customer_id=customer_id,
        billing=billing,
        shipping=shipping,
        payment_method=method,
        payment_method_title=title,
        created_via="checkout",
        user_agent=_AGENT,
        customer_note="Please ring 🔔 & wait" if rng.random() < 0.1 else "",
        meta=[{"key": "is_vat_exempt", "value": "no"}],
    )
    if any(line.product is None or not line.product.virtual for line in lines):
        draft.shipping_lines.append(_shipping(shop, rng))
    return draft


def later(shop: Shop, rng: random.Random) -> Order | None:
    """Something happens to one of the newest orders: it is paid, cancelled or refunded."""
    recent = list(shop.orders.values())[-200:]
    if not recent:
        return None
    order = rng.choice(recent)
    if order.status in ("pending", "on-hold"):
        shop.set_status(order, rng.choice(["processing", "processing", "cancelled"]))
    elif order.status in ("processing", "completed") and order.total > order.refunded:
        shop.refund_order(order, random_refund(shop, rng, order))
    return order


def random_refund(shop: Shop, rng: random.Random, order: Order) -> RefundRequest:
    """All that is left, an amount without lines, or one piece of a line that goes back on the shelf."""
    left = order.total - order.refunded
    kind = rng.choice(["full", "amount", "line", "line"])
    line = rng.choice(order.lines) if order.lines else None
    if kind == "line" and line is not None:
        request = refund_of_line(shop, order, line.id, 1)
        if request.amount is not None and ZERO < request.amount <= left:
            return request
    if kind == "full":
        return RefundRequest(left, "Changed their mind")
    part = shop.rules.money(left * rng.randint(1, 50) / 100)
    return RefundRequest(part or left, "Damaged box 😢")


def refund_of_line(shop: Shop, order: Order, line_id: int, quantity: int, *, restock: bool = True) -> RefundRequest:
    """Pay back `quantity` pieces of a line with their tax."""
    line = next(line for line in order.lines if line.id == line_id)
    total = shop.rules.money(line.total * quantity / line.quantity)
    taxes = {tax.rate_id: shop.rules.money(tax.total * quantity / line.quantity) for tax in line.taxes}
    amount = total + sum(taxes.values(), ZERO)
    return RefundRequest(amount, "1 broken", [RefundLine(line_id, quantity, total, taxes)], restock)


def draft_for(shop: Shop, rng: random.Random, wanted: list[tuple[Product, int]]) -> OrderDraft:
    """A paid order of given goods."""
    return dress(shop, rng, [LineDraft(product, quantity) for product, quantity in wanted])


def _shipping(shop: Shop, rng: random.Random) -> ShippingDraft:
    if rng.random() < 0.3:
        return ShippingDraft("free_shipping", "Free shipping", ZERO, "2")
    return ShippingDraft("flat_rate", "Flat rate", _money(shop, rng, 490, 850), "1")


def _money(shop: Shop, rng: random.Random, low: int, high: int) -> Decimal:
    amount = Decimal(rng.randint(low, high))
    return amount / 100 if shop.config.decimals else amount
