"""Money of the simulated store: integers of the currency's smallest unit, and Shopify's three spellings of them.

Deliberately not `longshore.money`: a fault there must not cancel itself out here.
"""

from __future__ import annotations

_EXPONENTS = {"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3, "CLP": 0, "ISK": 0, "JPY": 0, "KRW": 0, "VND": 0}


def exponent(currency: str) -> int:
    """Decimal places of a currency (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


def rest_amount(minor: int, currency: str) -> str:
    """As in webhooks and in GraphQL's `Money`: "12.00", "-3.50", "19800" (JPY), "1.250" (KWD)."""
    places = exponent(currency)
    sign, digits = ("-", -minor) if minor < 0 else ("", minor)
    if places == 0:
        return f"{sign}{digits}"
    text = str(digits).rjust(places + 1, "0")
    return f"{sign}{text[:-places]}.{text[-places:]}"


def graphql_amount(minor: int, currency: str) -> str:
    """As in GraphQL's `MoneyV2.amount`: trailing zeros are cut, one decimal stays ("12.0", "3.5", "19800.0")."""
    text = rest_amount(minor, currency)
    if "." not in text:
        return text + ".0"
    whole, fraction = text.split(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"


def share(amount: int, part: int, whole: int) -> int:
    """The share of a non-negative amount for `part` of `whole` units, rounded half up.

    Differences of growing shares add up to the amount exactly, whatever the steps.
    """
    return (2 * amount * part + whole) // (2 * whole) if whole else 0


def spread(amount: int, weights: list[int]) -> list[int]:
    """Split an amount by weight so that the parts add up to it (each part is a difference of growing shares)."""
    total = sum(weights)
    parts, done, seen = [], 0, 0
    for weight in weights:
        seen += weight
        upto = share(amount, seen, total)
        parts.append(upto - done)
        done = upto
    return parts


def rate_of(amount: int, rate_ppm: int) -> int:
    """Tax on a net amount at a rate in parts per million, rounded half up."""
    return (amount * rate_ppm + 500_000) // 1_000_000


def rate_within(amount: int, rates_ppm: list[int]) -> list[int]:
    """Taxes contained in a gross amount, one per rate, together what all rates contain."""
    total_rate = sum(rates_ppm)
    tax = (2 * amount * total_rate + 1_000_000 + total_rate) // (2 * (1_000_000 + total_rate)) if total_rate else 0
    return spread(tax, rates_ppm)
