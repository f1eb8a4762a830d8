"""Minor units, their spellings, and splitting without loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore_devkit.stores.shopify.money import graphql_amount, rate_within, rest_amount, share, spread

AMOUNTS = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("minor", "currency", "rest", "graphql"),
    [
        (1200, "USD", "12.00", "12.0"),
        (1250, "USD", "12.50", "12.5"),
        (5, "USD", "0.05", "0.05"),
        (-350, "USD", "-3.50", "-3.5"),
        (0, "USD", "0.00", "0.0"),
        (19800, "JPY", "19800", "19800.0"),
        (1250, "KWD", "1.250", "1.25"),
    ],
)
def test_amounts_are_spelled_as_the_platform_does(minor: int, currency: str, rest: str, graphql: str) -> None:
    assert rest_amount(minor, currency) == rest
    assert graphql_amount(minor, currency) == graphql


@given(AMOUNTS, st.lists(st.integers(0, 10**9), min_size=1).filter(any))
def test_spread_loses_nothing(amount: int, weights: list[int]) -> None:
    parts = spread(amount, weights)
    assert sum(parts) == amount
    assert min(parts) >= 0


@given(AMOUNTS, st.integers(1, 50))
def test_shares_step_by_step_make_the_whole(amount: int, whole: int) -> None:
    steps = [share(amount, k + 1, whole) - share(amount, k, whole) for k in range(whole)]
    assert sum(steps) == amount


@given(AMOUNTS, st.lists(st.integers(1, 300_000), min_size=1, max_size=3))
def test_contained_tax_is_less_than_the_price(amount: int, rates: list[int]) -> None:
    assert 0 <= sum(rate_within(amount, rates)) <= amount
