"""Money is exact or refused: never rounded, never a float."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from longshore.money import (
    MAX_EXPONENT,
    MOST_MINOR,
    InvalidAmount,
    Money,
    iso_exponent,
    money,
    order_exponent,
    parse_decimal,
    significant_decimals,
    to_minor,
    zero,
)

AMOUNTS = st.integers(-(10**15), 10**15)
EXPONENTS = st.integers(0, 6)
CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF", "XTS"])


def written(amount: int, exponent: int) -> str:
    """An amount as a store writes it, without any help of the code under test."""
    digits = str(abs(amount)).rjust(exponent + 1, "0")
    whole, fraction = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
    return ("-" if amount < 0 else "") + whole + ("." + fraction if fraction else "")


class TestParse:
    @given(AMOUNTS, EXPONENTS, CURRENCIES)
    def test_what_is_written_is_what_is_read(self, amount: int, exponent: int, currency: str) -> None:
        assert money(written(amount, exponent), currency, exponent) == Money(amount, currency, exponent)

    @given(AMOUNTS, EXPONENTS, CURRENCIES)
    def test_round_trip_through_text(self, amount: int, exponent: int, currency: str) -> None:
        value = Money(amount, currency, exponent)
        text, code = str(value).split(" ")
        assert money(text, code, exponent) == value
        assert money(value.decimal(), currency, exponent) == value

    @given(AMOUNTS, EXPONENTS, st.integers(0, 8), st.integers(0, 3))
    def test_padding_changes_nothing(self, amount: int, exponent: int, zeros: int, spaces: int) -> None:
        text = written(amount, exponent)
        padded = text + ("" if exponent else "." if zeros else "") + "0" * zeros
        assert parse_decimal(" " * spaces + padded + " " * spaces) == parse_decimal(text)
        assert money(padded, "EUR").decimal() == money(text, "EUR").decimal()

    @pytest.mark.parametrize("nothing", [None, "", "  ", "0", "0.00", "-0.0", 0])
    def test_nothing_is_zero(self, nothing: str | int | None) -> None:
        assert money(nothing, "EUR") == zero("EUR", 2)

    @pytest.mark.parametrize(
        ("text", "currency", "amount", "exponent"),
        [
            ("5", "EUR", 500, 2),
            ("33.3333", "EUR", 333333, 4),
            ("33.3300", "EUR", 3333, 2),
            ("2000.00", "JPY", 2000, 0),
            ("3808", "JPY", 3808, 0),
            ("19.5", "JPY", 195, 1),
            ("1.234", "KWD", 1234, 3),
            ("1E+3", "USD", 100000, 2),
            ("+7.10", "usd", 710, 2),
        ],
    )
    def test_as_stores_send_it(self, text: str, currency: str, amount: int, exponent: int) -> None:
        assert money(text, currency) == Money(amount, currency, exponent)

    @given(st.floats())
    def test_a_float_is_refused(self, value: float) -> None:
        with pytest.raises(InvalidAmount, match="float"):
            parse_decimal(value)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "text",
        [
            "NaN",
            "sNaN",
            "Infinity",
            "-inf",
            "1,50",
            "1.5.0",
            "1 5",
            "€5",
            "0x10",
            "--1",
            "1e99",
            "1E-999999999",
            "9" * 31,
        ],
    )
    def test_what_is_no_finite_decimal_of_sane_size_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidAmount):
            money(text, "EUR")

    @pytest.mark.parametrize("value", [True, False, [], b"1", object()])
    def test_so_is_what_is_no_number_at_all(self, value: object) -> None:
        with pytest.raises(InvalidAmount):
            parse_decimal(value)  # type: ignore[arg-type]

    @given(st.text(max_size=40))
    def test_any_text_is_an_amount_or_refused_and_the_refusal_does_not_repeat_it(self, text: str) -> None:
        said = ""
        try:
            assert parse_decimal(text).is_finite()
        except InvalidAmount as error:
            said = str(error)
        assert said in {"", "not a decimal number", "not a finite decimal number of at most 30 digits"}


class TestExponent:
    @given(st.lists(st.tuples(st.integers(-(10**12), 10**12), EXPONENTS), max_size=8), CURRENCIES)
    def test_the_one_exponent_of_an_order_fits_all_amounts_and_is_the_least(
        self, amounts: list[tuple[int, int]], currency: str
    ) -> None:
        numbers = [parse_decimal(written(*each)) for each in amounts]
        exponent = order_exponent(currency, numbers)
        for number in numbers:
            to_minor(number, exponent)
        assert exponent >= iso_exponent(currency)
        if exponent > iso_exponent(currency):
            finest = max(numbers, key=significant_decimals)
            with pytest.raises(InvalidAmount):
                to_minor(finest, exponent - 1)

    @pytest.mark.parametrize(("currency", "exponent"), [("eur", 2), ("JPY", 0), ("BHD", 3), ("UYW", 4), ("???", 2)])
    def test_iso(self, currency: str, exponent: int) -> None:
        assert iso_exponent(currency) == exponent

    @pytest.mark.parametrize(
        ("text", "decimals"), [("33.3300", 2), ("33", 0), ("1E+5", 0), ("0.000", 0), ("100", 0), ("-0.5", 1)]
    )
    def test_significant_decimals(self, text: str, decimals: int) -> None:
        assert significant_decimals(Decimal(text)) == decimals

    def test_there_is_a_limit(self) -> None:
        assert money("0." + "0" * (MAX_EXPONENT - 1) + "1", "EUR").exponent == MAX_EXPONENT
        with pytest.raises(InvalidAmount, match="decimals"):
            money("0." + "0" * MAX_EXPONENT + "1", "EUR")


class TestToMinor:
    @given(AMOUNTS, EXPONENTS, st.integers(1, 6))
    def test_what_is_not_exact_is_refused(self, amount: int, exponent: int, lost: int) -> None:
        assume(amount % 10**lost)
        number = parse_decimal(written(amount, exponent + lost))
        with pytest.raises(InvalidAmount, match="not exact"):
            to_minor(number, exponent)

    @given(st.integers(-MOST_MINOR, MOST_MINOR), EXPONENTS)
    @example(MOST_MINOR, MAX_EXPONENT)
    @example(-MOST_MINOR, 0)
    def test_exact_for_every_size_that_is_taken(self, amount: int, exponent: int) -> None:
        assert to_minor(parse_decimal(written(amount, exponent)), exponent) == amount

    @given(st.integers(MOST_MINOR + 1, 10**30 - 1), EXPONENTS, st.booleans())
    @example(MOST_MINOR + 1, 2, False)
    @example(MOST_MINOR + 1, 2, True)
    def test_what_no_bigint_holds_is_refused(self, amount: int, exponent: int, negative: bool) -> None:
        """Also where the decimal module's own 28 digits are not enough."""
        with pytest.raises(InvalidAmount, match="64 bits"):
            to_minor(parse_decimal(written(-amount if negative else amount, exponent)), exponent)


class TestArithmetic:
    @given(st.lists(AMOUNTS, min_size=1), EXPONENTS)
    def test_sums_are_integer_sums(self, amounts: list[int], exponent: int) -> None:
        total = zero("EUR", exponent)
        for each in amounts:
            total += Money(each, "EUR", exponent)
        assert total == Money(sum(amounts), "EUR", exponent)
        assert total.decimal() == sum((Money(each, "EUR", exponent).decimal() for each in amounts), Decimal(0))

    @given(AMOUNTS, AMOUNTS, st.integers(-100, 100))
    def test_difference_negation_multiple(self, one: int, two: int, factor: int) -> None:
        a, b = Money(one, "EUR", 2), Money(two, "EUR", 2)
        assert a - b == a + -b == Money(one - two, "EUR", 2)
        assert a * factor == Money(one * factor, "EUR", 2)

    def test_only_among_equals(self) -> None:
        unlike = [Money(1, "EUR", 2), Money(1, "USD", 2), Money(1, "EUR", 3)]
        for one, two in pairwise([*unlike, unlike[0]]):
            with pytest.raises(ValueError, match="cannot mix"):
                _ = one + two
            with pytest.raises(ValueError, match="cannot mix"):
                _ = one - two
