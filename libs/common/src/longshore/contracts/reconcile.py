"""Do the parts of an order sum to the total that its store states? Exactly, in minor units."""

from __future__ import annotations

from longshore.contracts.orders import OrderContent


def discrepancies(order: OrderContent) -> list[str]:
    """What does not add up, in words with both figures in minor units; empty for an order that reconciles.

    The parts against the total, and the lines against the parts.
    """
    totals = order.totals
    # One pass over each list: six sums would take twice the time, for each order that is translated.
    subtotal = line_discount = tax = 0
    for line in order.lines:
        line_discount += line.discount.amount
        subtotal += line.total.amount
        tax += line.tax.amount
    shipping = shipping_discount = 0
    for charge in order.shipping_lines:
        shipping_discount += charge.discount.amount
        shipping += charge.total.amount
        tax += charge.tax.amount
    fees = 0
    for fee in order.fee_lines:
        fees += fee.total.amount
        tax += fee.tax.amount
    total = (
        totals.subtotal.amount
        - totals.discount.amount
        + totals.shipping.amount
        + totals.fees.amount
        + totals.tip.amount
        + (0 if order.taxes_included else totals.tax.amount)
    )
    sums = {
        "total": (totals.total.amount, total),
        "subtotal": (totals.subtotal.amount, subtotal + line_discount),
        "discount": (totals.discount.amount, line_discount + shipping_discount),
        "shipping": (totals.shipping.amount, shipping + shipping_discount),
        "fees": (totals.fees.amount, fees),
        "tax": (totals.tax.amount, tax),
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
