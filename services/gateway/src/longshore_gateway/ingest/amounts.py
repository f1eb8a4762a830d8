"""The money of one order: one currency, one exponent, exact."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from longshore.money import InvalidAmount, Money, order_exponent, to_minor
from longshore_gateway.ingest.inputs import Given, OrderInput


class WrongInput(ValueError):
    """What an item says cannot be; `pointer` says where in it."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer
        self.detail = detail


class Purse:
    """Makes Money of amounts, in one currency and as fine as the finest of them needs."""

    def __init__(self, currency: str, amounts: Iterable[tuple[str, Given]]) -> None:
        """`amounts` with where they stand. Raises WrongInput for one in another currency, too fine for money, or too
        large."""
        self.currency = currency
        amounts = list(amounts)
        values = []
        for pointer, given in amounts:
            if given.currency not in (None, currency):
                raise WrongInput(pointer, f"it is in {given.currency}, and the whole is in {currency}")
            values.append(given.value)
        try:
            self.exponent = order_exponent(currency, values)
        except InvalidAmount as error:
            raise WrongInput("", f"an amount has {error}") from None
        for (pointer, _), value in zip(amounts, values, strict=True):
            try:
                to_minor(value, self.exponent)
            except InvalidAmount as error:
                raise WrongInput(pointer, f"it is {error}") from None

    def money(self, value: Given | Decimal) -> Money:
        """An amount that was among those given, or a sum of such. Raises WrongInput for a sum that is too large."""
        number = value.value if isinstance(value, Given) else value
        try:
            return Money(to_minor(number, self.exponent), self.currency, self.exponent)
        except InvalidAmount as error:
            raise WrongInput("", f"amounts add up to {error}") from None


def amounts_of(order: OrderInput) -> Iterable[tuple[str, Given]]:
    """All amounts of an order with where they stand in it."""
    for name, value in order.totals:
        if isinstance(value, Given):
            yield f"/totals/{name}", value
    for n, line in enumerate(order.lines):
        at = f"/lines/{n}"
        yield f"{at}/unit_price", line.unit_price
        yield f"{at}/discount", line.discount
        yield f"{at}/tax", line.tax
        if line.total is not None:
            yield f"{at}/total", line.total
        for m, tax in enumerate(line.taxes):
            yield f"{at}/taxes/{m}/amount", tax.amount
    for n, shipping in enumerate(order.shipping_lines):
        yield f"/shipping_lines/{n}/discount", shipping.discount
        yield f"/shipping_lines/{n}/total", shipping.total
        yield f"/shipping_lines/{n}/tax", shipping.tax
    for n, fee in enumerate(order.fee_lines):
        yield f"/fee_lines/{n}/total", fee.total
        yield f"/fee_lines/{n}/tax", fee.tax
    for n, discount in enumerate(order.discounts):
        yield f"/discounts/{n}/amount", discount.amount
    for n, refund in enumerate(order.refunds):
        yield f"/refunds/{n}/amount", refund.amount
        for m, part in enumerate(refund.lines):
            yield f"/refunds/{n}/lines/{m}/amount", part.amount
            yield f"/refunds/{n}/lines/{m}/tax", part.tax
