"""How WooCommerce computes an order: pure arithmetic on decimals, checked against recorded orders.

Lines keep six decimals, taxes are rounded to the shop's decimals per line and rate before they are summed, discounts
are split in whole cents: every one of these roundings shows in the totals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal

from longshore_devkit.stores.woo.config import TaxRate
from longshore_devkit.stores.woo.models import FeeLine, LineItem, Order, ShippingLine, TaxAmount, TaxLine

PRECISION = 6
ZERO = Decimal(0)


def rounded(value: Decimal, decimals: int, mode: str = ROUND_HALF_UP) -> Decimal:
    """`value` at `decimals` places."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=mode)


def exclusive_taxes(amount: Decimal, rates: Iterable[TaxRate]) -> dict[int, Decimal]:
    """Tax on top of `amount` by rate id, at six decimals."""
    return {rate.id: rounded(amount * rate.percent / 100, PRECISION) for rate in rates}


def inclusive_taxes(amount: Decimal, rates: Sequence[TaxRate]) -> dict[int, Decimal]:
    """The tax that sits inside `amount`, by rate id, at six decimals."""
    percent = sum((rate.percent for rate in rates), ZERO)
    net = amount / (1 + percent / 100)
    return {rate.id: rounded(net * rate.percent / 100, PRECISION) for rate in rates}


def net_price(price: Decimal, quantity: int, rates: Sequence[TaxRate], prices_include_tax: bool) -> Decimal:
    """A line's amount without tax."""
    gross = price * quantity
    if not prices_include_tax:
        return rounded(gross, PRECISION)
    return rounded(gross - sum(inclusive_taxes(gross, rates).values(), ZERO), PRECISION)


@dataclass(frozen=True)
class Discount:
    """A coupon as the order remembers it: `kind` is percent, fixed_cart or fixed_product."""

    kind: str
    amount: Decimal


def split_discount(discount: Discount, lines: Sequence[tuple[Decimal, int]], decimals: int) -> list[Decimal]:
    """What each (price shown, quantity) line gets of a coupon, in whole minor units, never more than the line."""
    unit = Decimal(1).scaleb(-decimals)
    if discount.kind == "percent":
        shares = [rounded(price * discount.amount / 100, decimals, ROUND_DOWN) for price, _ in lines]
        whole = rounded(sum((price for price, _ in lines), ZERO) * discount.amount / 100, decimals)
    elif discount.kind == "fixed_product":
        shares = [min(rounded(price, decimals, ROUND_DOWN), discount.amount * n) for price, n in lines]
        whole = sum(shares, ZERO)
    else:
        count = sum(quantity for _, quantity in lines)
        each = rounded(discount.amount / max(1, count), decimals, ROUND_DOWN)
        shares = [min(rounded(price, decimals, ROUND_DOWN), each * n) for price, n in lines]
        whole = min(discount.amount, sum((rounded(price, decimals, ROUND_DOWN) for price, _ in lines), ZERO))
    return _spread_remainder(shares, whole, lines, unit)


def _spread_remainder(
    shares: list[Decimal], whole: Decimal, lines: Sequence[tuple[Decimal, int]], unit: Decimal
) -> list[Decimal]:
    """Hand out what rounding down left over: a unit for each piece, first lines first (measured)."""
    left = whole - sum(shares, ZERO)
    pieces = [(at, price) for at, (price, quantity) in enumerate(lines) for _ in range(quantity)]
    while left >= unit:
        before = left
        for at, price in pieces:
            if left >= unit and shares[at] + unit <= price:
                shares[at] += unit
                left -= unit
        if left == before:
            break
    return shares


@dataclass(frozen=True)
class Rules:
    """What of the shop's settings enters an order's arithmetic."""

    rates: tuple[TaxRate, ...]
    decimals: int
    prices_include_tax: bool

    def of(self, tax_class: str) -> tuple[TaxRate, ...]:
        """The rates of a class."""
        return tuple(rate for rate in self.rates if rate.tax_class == tax_class)

    def tax(self, value: Decimal) -> Decimal:
        """A tax at the shop's decimals; half goes down when prices include tax."""
        return rounded(value, self.decimals, ROUND_HALF_DOWN if self.prices_include_tax else ROUND_HALF_UP)

    def money(self, value: Decimal) -> Decimal:
        """An amount at the shop's decimals."""
        return rounded(value, self.decimals)


def calculate(order: Order, rules: Rules, next_item_id: Iterable[int]) -> None:
    """Work out all taxes and totals of an order from its lines; new tax lines take ids from `next_item_id`."""
    for line in order.lines:
        line.taxes = _line_taxes(line, rules)
    goods = sum((rules.money(line.total) for line in order.lines), ZERO)
    gross = sum((rules.money(line.subtotal) for line in order.lines), ZERO)
    shipping = sum((rules.money(line.total) for line in order.shipping_lines), ZERO)
    fees = _cap_fees(order.fee_lines, goods + shipping, rules)
    for fee in order.fee_lines:
        fee.taxes = _fee_taxes(fee, order.lines, rules)
    for ship in order.shipping_lines:
        ship.taxes = _shipping_taxes(ship, rules)
    _sum_taxes(order, rules, next_item_id)
    order.shipping_total = shipping
    order.discount_total = rules.money(gross - goods)
    order.discount_tax = rules.tax(sum((tax.subtotal - tax.total for line in order.lines for tax in line.taxes), ZERO))
    order.total = rules.money(goods + fees + shipping + order.cart_tax + order.shipping_tax)


def _line_taxes(line: LineItem, rules: Rules) -> list[TaxAmount]:
    if not line.taxable:
        return []
    rates = rules.of(line.tax_class)
    total, subtotal = exclusive_taxes(line.total, rates), exclusive_taxes(line.subtotal, rates)
    return [TaxAmount(rate.id, total[rate.id], subtotal[rate.id]) for rate in rates]


def _shipping_taxes(line: ShippingLine, rules: Rules) -> list[TaxAmount]:
    if not line.taxable:
        return []
    rates = [rate for rate in rules.of("") if rate.on_shipping]
    return [TaxAmount(rate, tax, ZERO) for rate, tax in exclusive_taxes(line.total, rates).items()]


def _cap_fees(fees: Sequence[FeeLine], goods_and_shipping: Decimal, rules: Rules) -> Decimal:
    """Sum of the fees; a negative one cannot take more than there is."""
    total = ZERO
    for fee in fees:
        if fee.total < 0:
            fee.total = max(fee.total, -rules.money(goods_and_shipping + total))
        total += rules.money(fee.total)
    return total


def _fee_taxes(fee: FeeLine, lines: Sequence[LineItem], rules: Rules) -> list[TaxAmount]:
    """A fee is taxed at its class; a negative one in proportion to the classes of the goods."""
    if not fee.taxable:
        return []
    if fee.total >= 0:
        taxes = exclusive_taxes(fee.total, rules.of(fee.tax_class))
        return [TaxAmount(rate, tax, ZERO) for rate, tax in taxes.items()]
    by_class: dict[str, Decimal] = {}
    for line in lines:
        if line.taxable:
            by_class[line.tax_class] = by_class.get(line.tax_class, ZERO) + line.total
    goods = sum(by_class.values(), ZERO)
    amounts: list[TaxAmount] = []
    for tax_class, cost in by_class.items():
        share = fee.total * cost / goods if goods else ZERO
        taxes = exclusive_taxes(share, rules.of(tax_class))
        amounts += [TaxAmount(rate, tax, ZERO) for rate, tax in taxes.items()]
    return amounts


def _sum_taxes(order: Order, rules: Rules, next_item_id: Iterable[int]) -> None:
    cart: dict[int, Decimal] = {}
    shipping: dict[int, Decimal] = {}
    goods: list[LineItem | FeeLine] = [*order.lines, *order.fee_lines]
    for item in goods:
        for tax in item.taxes:
            cart[tax.rate_id] = cart.get(tax.rate_id, ZERO) + rules.tax(tax.total)
    for ship in order.shipping_lines:
        for tax in ship.taxes:
            shipping[tax.rate_id] = shipping.get(tax.rate_id, ZERO) + rules.tax(tax.total)
    known = {line.rate.id: line for line in order.tax_lines}
    ids = iter(next_item_id)
    order.tax_lines = []
    for rate in rules.rates:
        if rate.id in cart or rate.id in shipping:
            line = known.get(rate.id) or TaxLine(next(ids), rate)
            line.tax_total = cart.get(rate.id, ZERO)
            line.shipping_tax_total = shipping.get(rate.id, ZERO)
            order.tax_lines.append(line)
    order.cart_tax = sum(cart.values(), ZERO)
    order.shipping_tax = sum(shipping.values(), ZERO)
