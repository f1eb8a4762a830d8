"""The money of a WooCommerce order: which of the store's figures count, and what its rounding leaves over.

Amounts are decimal strings in the shop's decimals, all without tax, even where prices include it. A line is rounded for
showing; what WooCommerce sums depends on the shop's settings. Measured on a real store: with prices that include tax,
the taxes of 7 % of the orders differ from the sum of their lines' by a cent or two, and with "round tax at subtotal"
the total of 1 in 8 differs from the sum of what is shown. The order's own figures are what the buyer paid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from longshore.money import MOST_MINOR, InvalidAmount, Money, iso_exponent, order_exponent, significant_decimals
from longshore_connector_woo.translate.reading import ZERO, Fields, is_whole

# A float in the record has about 15 digits: what differs by less than this is its noise.
_NOISE = Decimal("0.000001")
_TOTALS = ("total", "total_tax", "cart_tax", "shipping_total", "discount_total")


class Unit:
    """The one currency and exponent of an order. `unit_of` makes it, so that all amounts are whole in it."""

    __slots__ = ("_known", "currency", "exponent", "zero")

    def __init__(self, currency: str, exponent: int) -> None:
        self.currency = currency
        self.exponent = exponent
        self.zero = Money(0, currency, exponent)
        # Each amount that was made; an order of one line says each of its own three times.
        self._known: dict[Decimal, Money] = {ZERO: self.zero}

    def take(self, amounts: Iterable[Decimal]) -> bool:
        """Make these amounts ready; False if one of them is not whole in this unit."""
        for amount in amounts:
            if amount not in self._known:
                scaled = amount.scaleb(self.exponent)
                minor = int(scaled)
                if minor != scaled:
                    return False
                self._known[amount] = Money(minor, self.currency, self.exponent)
        return True

    def money(self, amount: Decimal) -> Money:
        """Exactly `amount`."""
        known = self._known.get(amount)
        return Money(int(amount.scaleb(self.exponent)), self.currency, self.exponent) if known is None else known

    def rounded(self, amount: Decimal) -> Money:
        """`amount`, half-even: for figures that only people read."""
        known = self._known.get(amount)
        if known is not None:
            return known
        return Money(int(amount.scaleb(self.exponent).to_integral_value()), self.currency, self.exponent)


def unit_of(currency: str, amounts: Iterable[Decimal]) -> Unit:
    """The unit of an order. Raises InvalidAmount when its amounts do not fit 64 bits of it."""
    amounts = list(amounts)
    unit = Unit(currency, iso_exponent(currency))
    if not unit.take(amounts):
        unit = Unit(currency, order_exponent(currency, amounts))
    if sum([abs(unit.money(amount).amount) for amount in amounts]) > MOST_MINOR:
        raise InvalidAmount("amounts do not fit 64 bits")
    return unit


@dataclass(slots=True)
class Charge:
    """A line, a shipping or a fee. `subtotal` is before discount (lines only); `unrounded` the line's total before the
    shop rounded it for showing (price x quantity), None where it is not known; `rates` how many taxes it has."""

    fields: Fields
    subtotal: Decimal
    total: Decimal
    tax: Decimal
    unrounded: Decimal | None = None
    rates: int = 1
    # What coupons took off. A line that was priced up by hand has none: its subtotal is its total.
    discount: Decimal = ZERO

    @property
    def hides_digits(self) -> bool:
        """Whether the shop counts with more digits than it shows."""
        return self.unrounded is not None and abs(self.unrounded - self.total) > _NOISE


def read_line(item: Fields, quantity: int) -> Charge:
    """A product line."""
    subtotal, total = item.amount("subtotal", required=True), item.amount("total", required=True)
    price = item.number("price")
    return Charge(
        item,
        subtotal,
        total,
        item.amount("total_tax"),
        price * quantity if price is not None and quantity else None,
        _rates(item),
        subtotal - total if subtotal > total else ZERO,
    )


def read_charge(item: Fields) -> Charge:
    """A shipping line or a fee."""
    total = item.amount("total", required=True)
    return Charge(item, total, total, item.amount("total_tax"), None, _rates(item))


def _rates(item: Fields) -> int:
    taxes = item.data.get("taxes")
    return len(taxes) if type(taxes) is list and taxes else 1


@dataclass(slots=True)
class Amounts:
    """All the money of an order, as the store has it.

    `is_stated`: the total is the store's word; else it is the sum of the parts, since that word cannot be read.
    `rounding` and `tax_rounding` close the gap between the store's total and tax and the sums of what it shows; zero
    where there is none or where rounding does not explain it.
    """

    total: Decimal
    tax: Decimal
    shipping: Decimal
    discount_total: Decimal | None
    lines: list[Charge]
    shippings: list[Charge]
    fees: list[Charge]
    order: Fields
    currency: str
    is_stated: bool = True
    rounding: Decimal = ZERO
    tax_rounding: Decimal = ZERO

    @property
    def coin(self) -> Decimal:
        """The smallest coin of the shop, to which its totals are rounded: as many decimals as it shows or as the
        currency has, whichever are fewer, but all that the total needs."""
        shown = max(self.order.decimals_shown(key) for key in _TOTALS)
        needed = significant_decimals(self.total)
        return Decimal(1).scaleb(-max(needed, min(shown, iso_exponent(self.currency))))

    @property
    def finer(self) -> bool:
        """Whether the parts are shown with more decimals than the total has: read with `?dp=4`, or by a shop that has
        changed its decimals since."""
        coin = self.coin
        charges = (*self.lines, *self.shippings, *self.fees)
        return not all(is_whole(amount / coin) for each in charges for amount in (each.subtotal, each.total, each.tax))

    @property
    def coarser(self) -> bool:
        """Whether all is shown with fewer decimals than the currency has, and was counted with more: the shop has
        changed its decimals since, and every figure is rounded by itself."""
        shown = max(self.order.decimals_shown(key) for key in _TOTALS)
        return shown < iso_exponent(self.currency) and any(line.hides_digits for line in self.lines)

    def contradictions(self) -> list[str]:
        """The stated discount against the lines'. Where digits are hidden, a coin for each line is rounding."""
        if not self.is_stated:
            return ["total: the store's own cannot be read; it is the sum of the parts"]
        if self.discount_total is None:
            return []
        summed = sum((line.subtotal - line.total for line in self.lines), ZERO)
        apart = abs(self.discount_total - summed)
        if not apart:
            return []
        hidden = any(line.hides_digits for line in self.lines) or self.finer
        if hidden and apart <= self.coin * len(self.lines):
            return []
        return [f"discount_total: the store says {self.discount_total}, its lines sum to {summed}"]

    def all(self) -> Iterable[Decimal]:
        """Every amount that has to be exact."""
        yield self.total
        yield self.tax
        yield self.shipping
        yield self.rounding
        for charge in (*self.lines, *self.shippings, *self.fees):
            yield charge.subtotal
            yield charge.total
            yield charge.tax


def read_amounts(order: Fields, currency: str, items: list[Fields], quantities: list[int]) -> Amounts:
    """Read and settle an order's money; `items` are its lines, `quantities` of them in their order."""
    lines = [read_line(item, n) for item, n in zip(items, quantities, strict=True)]
    shippings = [read_charge(item) for item in order.objects("shipping_lines")]
    fees = [read_charge(item) for item in order.objects("fee_lines")]
    charges = (*lines, *shippings, *fees)
    tax = _stated(order, "total_tax", sum((each.tax for each in charges), ZERO))
    shipping = _stated(order, "shipping_total", sum((each.total for each in shippings), ZERO))
    total = _stated(order, "total", sum((each.total for each in charges), tax))
    discount = order.amount("discount_total")
    amounts = Amounts(
        total=total,
        tax=tax,
        shipping=shipping,
        discount_total=discount if order.has_amount("discount_total") else None,
        lines=lines,
        shippings=shippings,
        fees=fees,
        order=order,
        currency=currency,
        is_stated=order.has_amount("total"),
    )
    _settle(order, amounts)
    return amounts


def _stated(order: Fields, key: str, summed: Decimal) -> Decimal:
    """The store's figure; the sum of the parts where it cannot be read."""
    if order.has_amount(key):
        return order.amount(key)
    order.unreadable(key)
    return summed


def _settle(order: Fields, amounts: Amounts) -> None:
    """Find out whether rounding explains what is left over, by redoing the shop's own sum. All of it, or nothing is
    touched and the order shows its contradiction."""
    charges = (*amounts.lines, *amounts.shippings, *amounts.fees)
    _take_taxes_by_rate(amounts, charges)
    shipping = sum((each.total for each in amounts.shippings), ZERO)
    shipping_gap = abs(amounts.shipping - shipping)
    tax_gap = amounts.tax - sum((each.tax for each in charges), ZERO)
    gap = amounts.total - sum((each.total for each in charges), ZERO) - amounts.tax
    if not gap and not tax_gap and not shipping_gap:
        return
    coin = amounts.coin
    # The sum is rounded by itself, too.
    sums = 1 if amounts.coarser else 0
    hidden = amounts.finer or amounts.coarser
    if shipping_gap and (not hidden or shipping_gap > coin / 2 * (len(amounts.shippings) + sums)):
        return
    if tax_gap:
        explained = coin / 2 * (sum(each.rates for each in charges) + sums)
        if abs(tax_gap) > explained or not _taxes_agree(order, amounts):
            return
    if gap and not _is_rounding(gap, amounts):
        return
    amounts.shipping, amounts.rounding, amounts.tax_rounding = shipping, gap, tax_gap


def _take_taxes_by_rate(amounts: Amounts, charges: Iterable[Charge]) -> None:
    """A charge's tax stands twice in it, once in all and once by rate. Where only the latter sum to the order's tax,
    they are taken: a shop that has changed whether its prices include tax shows the former of its older orders rounded
    the other way (half down; measured)."""
    charges = list(charges)
    if amounts.tax == sum((each.tax for each in charges), ZERO):
        return
    by_rate = [_tax_by_rate(each) for each in charges]
    if amounts.tax != sum(by_rate, ZERO):
        return
    if any(abs(tax - each.tax) > amounts.coin for tax, each in zip(by_rate, charges, strict=True)):
        return
    for tax, each in zip(by_rate, charges, strict=True):
        each.tax = tax


def _tax_by_rate(charge: Charge) -> Decimal:
    taxes = charge.fields.objects("taxes")
    return sum((each.amount("total") for each in taxes), ZERO) if taxes else charge.tax


def _is_rounding(gap: Decimal, amounts: Amounts) -> bool:
    """Whether `gap`, the total less its parts as shown, comes of rounding."""
    if amounts.finer or amounts.coarser:
        # The total is of rounded parts: half a coin for each of them, for the tax and for the sum.
        parts = len(amounts.lines) + len(amounts.shippings) + len(amounts.fees) + 2
        return abs(gap) <= amounts.coin / 2 * parts
    if not any(line.hides_digits for line in amounts.lines):
        return False
    # "Round tax at subtotal": the total is rounded once, of lines with all their digits.
    hidden = sum((line.unrounded - line.total for line in amounts.lines if line.unrounded is not None), ZERO)
    return abs(gap - hidden) <= amounts.coin * (2 + len(amounts.fees)) / 2


def _taxes_agree(order: Fields, amounts: Amounts) -> bool:
    """Whether the order's own tax lines, a second statement of its tax, sum to it but for their rounding."""
    rates = order.objects("tax_lines")
    summed = sum((rate.amount("tax_total") + rate.amount("shipping_tax_total") for rate in rates), ZERO)
    return abs(summed - amounts.tax) <= amounts.coin * len(rates)
