"""Contracts with anything in them that their types allow, and orders whose parts sum to their total."""

from __future__ import annotations

import types
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st
from pydantic import AwareDatetime

import longshore.contracts as public
from longshore.contracts import (
    Contract,
    FeeLine,
    OrderContent,
    OrderLine,
    ShippingLine,
    TaxLine,
    Totals,
)
from longshore.money import Money

C = TypeVar("C", bound=Contract)

CONTRACTS: list[type[Contract]] = sorted(
    {
        each
        for each in vars(public).values()
        if isinstance(each, type) and issubclass(each, Contract) and each is not Contract
    },
    key=lambda each: each.__name__,
)

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC) | ZONES)  # noqa: DTZ001
MONEY = st.builds(
    Money, st.integers(-(2**70), 2**70), st.sampled_from(["EUR", "JPY", "KWD"]), exponent=st.integers(0, 4)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@cache
def contracts(kind: type[C]) -> st.SearchStrategy[C]:
    """Any instance of a contract."""
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{name: _of(hints[name]) for name in kind.model_fields})


def _of(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _of(arguments[0])
    if origin in (Union, types.UnionType):
        return st.one_of(*[_of(each) for each in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(_of(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(_of(arguments[0]), _of(arguments[1]), max_size=2)
    if isinstance(hint, type):
        if issubclass(hint, Contract):
            return contracts(hint)
        if issubclass(hint, Enum):
            return st.sampled_from(list(hint))
    return _PLAIN[hint]


_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    int: st.integers(-(2**63), 2**63),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    UUID: st.uuids(),
    datetime: MOMENTS,
    AwareDatetime: MOMENTS,
    Money: MONEY,
    type(None): st.none(),
    Any: JSON,
}


AMOUNT = st.integers(0, 10**9)


@st.composite
def consistent_orders(draw: st.DrawFn) -> OrderContent:
    """An order that adds up; fees may be negative."""
    currency, exponent = draw(st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3), ("EUR", 4)]))
    included = draw(st.booleans())

    def money(amount: int) -> Money:
        return Money(amount, currency, exponent)

    def line(index: int) -> OrderLine:
        total, discount, tax = draw(AMOUNT), draw(AMOUNT), draw(AMOUNT)
        return OrderLine(
            id=UUID(int=index),
            external_id=str(index),
            title="x",
            quantity=draw(st.integers(0, 9)),
            unit_price=money(draw(AMOUNT)),
            discount=money(discount),
            total=money(total),
            tax=money(tax),
            taxes=[TaxLine(title="VAT", amount=money(tax))],
        )

    lines = [line(index) for index in range(draw(st.integers(0, 4)))]
    shipping = [
        ShippingLine(title="Post", discount=money(draw(AMOUNT)), total=money(draw(AMOUNT)), tax=money(draw(AMOUNT)))
        for _ in range(draw(st.integers(0, 2)))
    ]
    fees = [
        FeeLine(title="Fee", total=money(draw(st.integers(-(10**6), 10**6))), tax=money(draw(AMOUNT)))
        for _ in range(draw(st.integers(0, 2)))
    ]
    subtotal = sum(each.total.amount + each.discount.amount for each in lines)
    discount = sum(each.discount.amount for each in lines) + sum(each.discount.amount for each in shipping)
    posted = sum(each.total.amount + each.discount.amount for each in shipping)
    fee = sum(each.total.amount for each in fees)
    tax = sum(each.amount for each in [p.tax for p in lines] + [p.tax for p in shipping] + [p.tax for p in fees])
    tip = draw(AMOUNT)
    # A store does not sell for less than nothing: the tip makes up for it.
    tip += max(0, -(subtotal - discount + posted + fee + tip))
    total = subtotal - discount + posted + fee + tip + (0 if included else tax)
    plain: OrderContent = draw(contracts(OrderContent))
    return plain.model_copy(
        update={
            "currency": currency,
            "exponent": exponent,
            "taxes_included": included,
            "lines": lines,
            "shipping_lines": shipping,
            "fee_lines": fees,
            "totals": Totals(
                subtotal=money(subtotal),
                discount=money(discount),
                shipping=money(posted),
                fees=money(fee),
                tip=money(tip),
                tax=money(tax),
                total=money(total),
                refunded=money(draw(AMOUNT)),
            ),
        }
    )
