"""Do the parts of an order sum to the total that its store states? Exactly, in minor units."""

from __future__ import annotations

from longshore.contracts.orders import OrderContent


def discrepancies(order: OrderContent) -> list[str]:
    """What does not add up, in words with both figures in minor units; empty for an order that reconciles.

    The parts against the total, and the lines against the parts.
    """
    totals = order.totals
    tax_on_top = 0 if order.taxes_included else totals.tax.amount
    sums = {
        "total": (
            totals.total.amount,
            totals.subtotal.amount
            - totals.discount.amount
            + totals.shipping.amount
            + totals.fees.amount
            + totals.tip.amount
            + tax_on_top,
        ),
        "subtotal": (
            totals.subtotal.amount,
            sum(line.total.amount + line.discount.amount for line in order.lines),
        ),
        "discount": (
            totals.discount.amount,
            sum(line.discount.amount for line in order.lines)
            + sum(line.discount.amount for line in order.shipping_lines),
        ),
        "shipping": (
            totals.shipping.amount,
            sum(line.total.amount + line.discount.amount for line in order.shipping_lines),
        ),
        "fees": (totals.fees.amount, sum(line.total.amount for line in order.fee_lines)),
        "tax": (
            totals.tax.amount,
            sum(line.tax.amount for line in order.lines)
            + sum(line.tax.amount for line in order.shipping_lines)
            + sum(line.tax.amount for line in order.fee_lines),
        ),
    }
    found = [
        f"{name}: the store says {stated}, its parts sum to {summed}"
        for name, (stated, summed) in sums.items()
        if stated != summed
    ]
    for name in ("subtotal", "discount", "shipping", "tip", "tax", "total", "refunded"):
        amount = getattr(totals, name).amount
        if amount < 0:
            found.append(f"{name}: negative ({amount})")
    return found
