"""What a shop would pay back of an order (`suggestedRefund`), and what `refundCreate` is given. Amounts in minor units
of the shop's currency, except where an input is in the buyer's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from longshore_devkit.stores.shopify.model import Line, Order, Transaction
from longshore_devkit.stores.shopify.money import exponent, share

Args = dict[str, Any]


class RefundError(ValueError):
    """The store's words for why it does not pay back."""


@dataclass(frozen=True)
class Piece:
    """Units of a line, and what becomes of the goods: "cancel", "return" or "no_restock", at a location."""

    line: Line
    units: int
    kind: str
    location_id: int | None


@dataclass(frozen=True)
class Suggestion:
    """`amount` is what pieces, shipping and duties cost with their taxes; `maximum` what the payments still hold."""

    amount: int
    maximum: int
    shipping: int
    shipping_tax: int
    duties: Sequence[tuple[int, int]]


def payments(order: Order) -> list[tuple[Transaction, int]]:
    """Each payment of an order, and what is left of it to pay back."""
    sales = [each for each in order.transactions if each.kind == "sale"]
    back = [each for each in order.transactions if each.kind == "refund"]
    return [(sale, sale.amount - sum(each.amount for each in back if each.parent_id == sale.id)) for sale in sales]


def suggest(
    order: Order, pieces: Sequence[tuple[Line, int]], shipping: int | None, *, full: bool = False
) -> Suggestion:
    """What would be paid back. `shipping`: of it, before its tax; None: all that is left. `full`: all that is left of
    everything."""
    if full:
        pieces, shipping = [(line, line.current_quantity) for line in order.lines], None
    amount = 0
    duties: list[tuple[int, int]] = []
    for line, units in pieces:
        amount += _part(line, line.net, units)
        if not order.taxes_included:
            amount += sum(_part(line, tax.amount, units) for tax in line.taxes)
        duties += [(duty.id, _part(line, duty.amount, units)) for duty in line.duties if full]
    left = sum(each.net - each.refunded for each in order.shipping)
    tax_left = sum(each.tax - each.tax_refunded for each in order.shipping)
    part = left if shipping is None else min(shipping, left)
    tax = tax_left if part == left else share(tax_left, part, left)
    amount += part + (0 if order.taxes_included else tax) + sum(each for _, each in duties)
    maximum = sum(rest for _, rest in payments(order))
    return Suggestion(min(amount, maximum) if full else amount, maximum, part, tax, duties)


def read_pieces(order: Order, given: Sequence[Args]) -> list[Piece]:
    """`refundLineItems`. Raises RefundError."""
    pieces: list[Piece] = []
    for entry in given:
        line = next((each for each in order.lines if each.id == _number_of(entry["lineItemId"])), None)
        if line is None:
            raise RefundError("Refund line items line item does not exist")
        units, kind = entry["quantity"], str(entry.get("restockType") or "NO_RESTOCK").lower()
        taken = sum(each.units for each in pieces if each.line is line)
        if not 0 < units <= line.current_quantity - taken:
            raise RefundError("Refund line items quantity cannot refund more items than were purchased")
        if kind == "cancel" and units > line.fulfillable:
            raise RefundError("Refund line items quantity cannot cancel more items than are unfulfilled")
        location = _number_of(entry["locationId"]) if entry.get("locationId") else None
        if kind != "no_restock" and location is None:
            raise RefundError("Refund line items location must be present when restocking")
        pieces.append(Piece(line, units, kind, location))
    return pieces


def read_transactions(order: Order, given: Sequence[Args]) -> list[tuple[Transaction, int]]:
    """`transactions`: each payment that money goes back to, and how much. Raises RefundError."""
    left = {sale.id: rest for sale, rest in payments(order)}
    sales = {sale.id: sale for sale, _ in payments(order)}
    found = []
    for entry in given:
        parent = _number_of(entry.get("parentId") or "")
        if entry["kind"] != "REFUND" or parent not in sales:
            raise RefundError("Transactions parent transaction is invalid")
        amount = to_shop(order, entry["amount"])
        if amount <= 0 or amount > left[parent]:
            raise RefundError("Transactions refund amount exceeds the maximum refundable")
        left[parent] -= amount
        found.append((sales[parent], amount))
    return found


def to_shop(order: Order, amount: Any) -> int:
    """An amount in the buyer's currency, in minor units of the shop's. Raises RefundError."""
    code, factor = order.presentment or (order.currency, 1)
    try:
        shown = Decimal(str(amount)).scaleb(exponent(code))
    except InvalidOperation:
        raise RefundError("Amount is not a number") from None
    return int((shown / factor).to_integral_value())


def _number_of(global_id: str) -> int:
    """As nodes.number_of, which this module cannot have: nodes are made of shops, and shops pay back."""
    number = global_id.rsplit("/", 1)[-1]
    return int(number) if number.isdigit() else -1


def _part(line: Line, amount: int, units: int) -> int:
    """The share of an amount of the whole line that the next `units` to go have."""
    return share(amount, line.gone + units, line.quantity) - share(amount, line.gone, line.quantity)
