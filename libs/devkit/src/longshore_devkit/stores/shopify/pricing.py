"""How an order adds up, exactly: discounts spread over lines, taxes rounded per line, totals as sums of those.

Rules (Admin schema 2026-07, descriptions of Order): subtotal is after line discounts and, when taxes are included, with
tax; the shipping total is before its discount; total discounts hold the shipping discount too. So
total = lines - discounts + shipping + duties + tips, and + tax unless taxes are included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from longshore_devkit.stores.shopify.model import Discount, FinancialStatus, Line, Order, Shipping, Tax
from longshore_devkit.stores.shopify.money import rate_of, rate_within, spread


@dataclass(frozen=True)
class Totals:
    """All sums of an order in minor units; `current_*` are after refunds, removals and cancellation."""

    lines: int
    discounts: int
    subtotal: int
    shipping: int
    tax: int
    duties: int
    tip: int
    total: int
    current_subtotal: int
    current_shipping: int
    current_discounts: int
    current_tax: int
    current_duties: int
    current_total: int
    received: int
    refunded: int
    refunded_shipping: int

    @property
    def outstanding(self) -> int:
        """Still to be paid; negative when the shop owes the buyer."""
        return self.current_total - (self.received - self.refunded)


def apply_discount(index: int, discount: Discount, lines: Sequence[Line], shipping: Sequence[Shipping]) -> None:
    """Allocate one discount application to its targets (for "explicit" ones pass only the entitled lines)."""
    targets: Sequence[Line | Shipping] = lines if discount.target_type == "line_item" else shipping
    nets = [target.net for target in targets]
    if discount.value_type == "percentage":
        parts = [rate_of(net, discount.value * 10_000) for net in nets]
    else:
        parts = spread(min(discount.value, sum(nets)), nets)
    for target, part in zip(targets, parts, strict=True):
        if part:
            target.allocations.append((index, part))


def apply_taxes(target: Line | Shipping, rates: Sequence[tuple[str, int]], included: bool) -> None:
    """Set the taxes of one line or shipping line from (title, parts per million)."""
    ppms = [ppm for _, ppm in rates]
    amounts = rate_within(target.net, ppms) if included else [rate_of(target.net, ppm) for ppm in ppms]
    target.taxes = [Tax(title, ppm, amount) for (title, ppm), amount in zip(rates, amounts, strict=True)]


def totals(order: Order) -> Totals:
    """The sums of an order as it stands."""
    lines, shipping = order.lines, order.shipping
    subtotal = sum(line.net for line in lines)
    shipping_price = sum(line.price for line in shipping)
    shipping_discount = sum(line.discount for line in shipping)
    tax = sum(line.tax for line in lines) + sum(line.tax for line in shipping)
    duties = sum(line.duty for line in lines)
    added_tax = 0 if order.taxes_included else tax
    current_subtotal = sum(line.left(line.net) for line in lines)
    current_shipping = sum(line.net - line.refunded for line in shipping)
    current_tax = sum(line.left(part.amount) for line in lines for part in line.taxes)
    current_tax += sum(line.tax - line.tax_refunded for line in shipping)
    current_duties = sum(line.left(duty.amount) for line in lines for duty in line.duties)
    return Totals(
        lines=sum(line.gross for line in lines),
        discounts=sum(line.discount for line in lines) + shipping_discount,
        subtotal=subtotal,
        shipping=shipping_price,
        tax=tax,
        duties=duties,
        tip=order.tip,
        total=subtotal + shipping_price - shipping_discount + added_tax + duties + order.tip,
        current_subtotal=current_subtotal,
        current_shipping=current_shipping,
        current_discounts=sum(line.left(line.gross) - line.left(line.net) for line in lines) + shipping_discount,
        current_tax=current_tax,
        current_duties=current_duties,
        current_total=current_subtotal
        + current_shipping
        + (0 if order.taxes_included else current_tax)
        + current_duties
        + order.tip
        - order.tip_refunded,
        received=sum(t.amount for t in order.transactions if t.kind == "sale"),
        refunded=sum(t.amount for t in order.transactions if t.kind == "refund"),
        refunded_shipping=sum(refund.shipping for refund in order.refunds),
    )


def tax_lines(order: Order, *, current: bool = False) -> list[Tax]:
    """The order's taxes by title and rate, over lines and shipping."""
    sums: dict[tuple[str, int], int] = {}
    for line in order.lines:
        for tax in line.taxes:
            amount = line.left(tax.amount) if current else tax.amount
            sums[tax.title, tax.rate_ppm] = sums.get((tax.title, tax.rate_ppm), 0) + amount
    for shipping in order.shipping:
        returned = spread(shipping.tax_refunded, [tax.amount for tax in shipping.taxes]) if current else []
        for index, tax in enumerate(shipping.taxes):
            amount = tax.amount - returned[index] if current else tax.amount
            sums[tax.title, tax.rate_ppm] = sums.get((tax.title, tax.rate_ppm), 0) + amount
    return [Tax(title, ppm, amount) for (title, ppm), amount in sums.items()]


def financial_status(order: Order) -> FinancialStatus:
    """Shopify's word for how far an order is paid."""
    sums = totals(order)
    if sums.received == 0:
        return "voided" if order.cancelled_at else "pending"
    if sums.refunded >= sums.received:
        return "refunded"
    if sums.refunded:
        return "partially_refunded"
    return "partially_paid" if sums.outstanding > 0 else "paid"


def fulfillment_status(order: Order) -> str | None:
    """None, "partial" or "fulfilled", as REST has it."""
    shipped = sum(line.fulfilled for line in order.lines)
    waiting = sum(line.fulfillable for line in order.lines)
    if not shipped:
        return None
    return "partial" if waiting else "fulfilled"
