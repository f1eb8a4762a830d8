"""Money as integer minor units with a currency and an exponent; never a float.

Stores send decimal strings of any padding ("5", "33.3333", "2000.00" for yen). The exponent of an order is that of
ISO 4217 unless the store counts finer; it is one per order, so that sums are integer sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation

# ISO 4217 list one: every active currency whose exponent is not 2.
_ISO_EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}

MAX_EXPONENT = 12
MAX_DIGITS = 30
MOST_MINOR = 2**63 - 1
"""What fits PostgreSQL's bigint, and the integers of whoever reads events."""
# The module's own context rounds to 28 digits without a word.
_EXACT = Context(prec=4 * MAX_DIGITS)


class InvalidAmount(ValueError):
    """The text is not a decimal number, or not exact at the exponent asked for."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` x 10^-`exponent` of `currency` (ISO 4217, upper case). Arithmetic only among equals."""

    amount: int
    currency: str
    exponent: int

    def _same(self, other: Money) -> None:
        if self.currency != other.currency or self.exponent != other.exponent:
            raise ValueError(f"cannot mix {self.currency}/{self.exponent} with {other.currency}/{other.exponent}")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency, self.exponent)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency, self.exponent)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency, self.exponent)

    def __mul__(self, factor: int) -> Money:
        return Money(self.amount * factor, self.currency, self.exponent)

    def decimal(self) -> Decimal:
        """The exact decimal value."""
        return Decimal(f"{self.amount}E-{self.exponent}")

    def __str__(self) -> str:
        return f"{self.decimal():.{self.exponent}f} {self.currency}"


def iso_exponent(currency: str) -> int:
    """Decimals of a currency by ISO 4217; 2 for a code that the standard does not list."""
    return _ISO_EXPONENTS.get(currency.upper(), 2)


def parse_decimal(value: str | int | Decimal | None) -> Decimal:
    """The exact value of what a store sends as an amount; None and "" are zero.

    Raises InvalidAmount for anything that is not a finite decimal number of sane size. A float is
    refused: it has lost the store's digits already.
    """
    if value is None:
        return Decimal(0)
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return Decimal(0)
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidAmount(f"an amount is a decimal string, not {type(value).__name__}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidAmount("not a decimal number") from None
    _, digits, exponent = number.as_tuple()
    if (
        not isinstance(exponent, int)  # infinite, or not a number
        or number.adjusted() > MAX_DIGITS
        or len(digits) > MAX_DIGITS
        or exponent < -2 * MAX_DIGITS
    ):
        raise InvalidAmount("not a finite decimal number of at most 30 digits")
    return number


def significant_decimals(number: Decimal) -> int:
    """How many decimals are needed to write `number` exactly ("33.3300" needs 2)."""
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= 0:
        return 0
    stripped = number.normalize(_EXACT).as_tuple().exponent
    return max(0, -stripped) if isinstance(stripped, int) else 0


def order_exponent(currency: str, amounts: Iterable[Decimal]) -> int:
    """The one exponent of an order: ISO 4217's, or finer where an amount needs it."""
    exponent = iso_exponent(currency)
    for amount in amounts:
        digits = amount.as_tuple().exponent
        if isinstance(digits, int) and -digits > exponent:
            exponent = max(exponent, significant_decimals(amount))
    if exponent > MAX_EXPONENT:
        raise InvalidAmount(f"more than {MAX_EXPONENT} decimals")
    return exponent


def to_minor(number: Decimal, exponent: int) -> int:
    """`number` in units of 10^-exponent. Raises InvalidAmount if that is not whole, or more than MOST_MINOR."""
    scaled = number.scaleb(exponent, _EXACT)
    whole = int(scaled)
    if whole != scaled:
        raise InvalidAmount(f"not exact at {exponent} decimals")
    if abs(whole) > MOST_MINOR:
        raise InvalidAmount(f"more than 64 bits hold at {exponent} decimals")
    return whole


def money(value: str | int | Decimal | None, currency: str, exponent: int | None = None) -> Money:
    """Parse an amount exactly; the exponent is ISO 4217's, or as fine as the value needs, unless given."""
    number = parse_decimal(value)
    if exponent is None:
        exponent = order_exponent(currency, (number,))
    return Money(to_minor(number, exponent), currency, exponent)


def zero(currency: str, exponent: int) -> Money:
    """Nothing, in the order's own unit."""
    return Money(0, currency, exponent)
