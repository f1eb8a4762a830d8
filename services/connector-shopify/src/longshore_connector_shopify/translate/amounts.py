"""The amounts of one order, as whole minor units at the order's one exponent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from longshore.money import MOST_MINOR, InvalidAmount, Money, iso_exponent, order_exponent, parse_decimal, to_minor
from longshore_connector_shopify.translate.reading import Json, Notes

# Beyond any price, in the currency itself.
MOST = 10**15


class FinerAmount(Exception):
    """An amount has more decimals than the exponent allows: begin again with this one."""

    def __init__(self, exponent: int) -> None:
        super().__init__(exponent)
        self.exponent = exponent


class Amounts:
    """Reads amounts in shop money. An order repeats the same few texts, so each is parsed once."""

    __slots__ = ("_known", "_money", "_notes", "currency", "exponent")

    def __init__(self, currency: str, exponent: int | None, notes: Notes) -> None:
        self.currency = currency
        self.exponent = iso_exponent(currency) if exponent is None else exponent
        self._notes = notes
        self._known: dict[str, int] = {}
        self._money: dict[int, Money] = {}

    def money(self, minor: int) -> Money:
        """Minor units as Money. Raises InvalidAmount for a sum of more than 64 bits."""
        found = self._money.get(minor)
        if found is None:
            if abs(minor) > MOST_MINOR:
                raise InvalidAmount("amounts do not fit 64 bits")
            found = self._money[minor] = Money(minor, self.currency, self.exponent)
        return found

    def minor(self, value: Any) -> int:
        """Parse what a store sends as an amount. Raises InvalidAmount or FinerAmount."""
        if type(value) is str:
            found = self._known.get(value)
            if found is None:
                found = self._plain(value)
                if found is None:
                    found = self._parse(value)
                self._known[value] = found
            return found
        return self._parse(value)

    def _plain(self, text: str) -> int | None:
        """Digits with no more decimals than the exponent: nearly all amounts, ten times as fast as through Decimal."""
        whole, _, fraction = text.partition(".")
        digits = whole + fraction.ljust(self.exponent, "0")
        if whole and len(fraction) <= self.exponent and len(digits) <= 15 and digits.isascii() and digits.isdigit():
            return int(digits)
        return None

    def _parse(self, value: Any) -> int:
        number = parse_decimal(value)
        if abs(number) >= MOST:
            raise InvalidAmount("too large")
        needed = order_exponent(self.currency, (number,))
        if needed > self.exponent:
            raise FinerAmount(needed)
        return to_minor(number, self.exponent) if number else 0

    def find(self, node: Json, name: str, at: str = "") -> int | None:
        """`<name>_set.shop_money` of a node, or the plain `<name>`, which is in shop money too; None if not there.

        A number (older bodies write some amounts as JSON numbers, with a float's noise) is rounded to the currency.
        """
        pair = node.get(name + "_set")
        if pair is not None:
            try:
                shop = pair["shop_money"]
                if shop["currency_code"] == self.currency:
                    return self.minor(shop["amount"])
            except (InvalidAmount, LookupError, TypeError):
                pass
            self._notes.unreadable(f"{at}{name}_set")
        value = node.get(name)
        if value is None:
            return None
        try:
            # Compared, not abs(): that rounds, and overflows at 1e999999999.
            if isinstance(value, Decimal) and value.is_finite() and -MOST < value < MOST:
                return self.minor(round(value, self.exponent))
            return self.minor(value)
        except InvalidAmount:
            self._notes.unreadable(at + name)
            return None

    def of(self, node: Json, name: str, at: str = "") -> int:
        """As `find`, with nothing for what is missing or unreadable (the latter is noted)."""
        return self.find(node, name, at) or 0

    def pair(self, node: Json, key: str, at: str = "") -> int:
        """The shop money of an object that holds `shop_money` itself under `key` (a money bag)."""
        try:
            shop = node[key]["shop_money"]
            if shop["currency_code"] == self.currency:
                return self.minor(shop["amount"])
        except (InvalidAmount, LookupError, TypeError):
            pass
        if node.get(key) is not None:
            self._notes.unreadable(at + key)
        return 0


def share(amount: int, part: int, whole: int) -> int:
    """The share of an amount for `part` of `whole` pieces, rounded half away from zero.

    Differences of growing shares add up to the amount exactly, whatever the steps.
    """
    if whole <= 0:
        return 0
    if amount < 0:
        return -share(-amount, part, whole)
    return (2 * amount * part + whole) // (2 * whole)
