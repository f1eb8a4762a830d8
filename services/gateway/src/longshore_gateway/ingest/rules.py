"""From a request's body to items, each with its exact text; and what is wrong with them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NoReturn

from pydantic import BaseModel, ValidationError

from longshore.platforms.protocols import RawRecord, Resource
from longshore_gateway.ingest.amounts import WrongInput
from longshore_gateway.ingest.inputs import CustomerInput, OrderInput, ProductInput, StockInput
from longshore_gateway.ingest.translator import build, entity_key

Kind = Literal["orders", "products", "stock", "customers"]

MOST_ITEMS = 1_000
MOST_ERRORS = 100
MAX_BODY = 8 * 1024 * 1024

RESOURCES: dict[Kind, Resource] = {
    "orders": "order",
    "products": "product",
    "stock": "stock",
    "customers": "customer",
}
INPUTS: dict[Kind, type[BaseModel]] = {
    "orders": OrderInput,
    "products": ProductInput,
    "stock": StockInput,
    "customers": CustomerInput,
}
_SPACE = " \t\r\n"


class BadBody(ValueError):
    """The body is not items at all."""


class TooManyItems(ValueError):
    """More than one request may hold."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its exact text and what it says; `broken`: why it says nothing."""

    text: str
    data: Any = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """An item that is good: what goes into the raw log."""

    external_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with an item; `pointer` leads to it within the item."""

    index: int
    pointer: str
    detail: str


def split(body: bytes, *, lines: bool) -> Iterator[Item]:
    """The items of a body: one object, an array of them, or one a line (`lines`: it says that it is NDJSON).

    Raises BadBody or TooManyItems, the latter after as many as are allowed.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadBody("The body is not UTF-8.") from None
    count = 0
    for item in _lines(text) if lines else _values(text):
        count += 1
        if count > MOST_ITEMS:
            raise TooManyItems
        yield item
    if not count:
        raise BadBody("The body holds no item.")


def check(kind: Kind, index: int, item: Item, record: RawRecord) -> Taken | list[Wrong]:
    """The item, or what is wrong with it. `record` is as its raw record will be."""
    if item.broken is not None:
        return [Wrong(index, "", item.broken)]
    if "\\u0000" in item.text or "\0" in item.text:
        return [Wrong(index, "", "It holds a NUL character.")]
    if "\\ud" in item.text.lower() and _has_half(item.data):
        return [Wrong(index, "", "It holds half of a surrogate pair.")]
    try:
        event = build(RESOURCES[kind], item.data, record)
    except ValidationError as error:
        return [
            Wrong(index, "".join(f"/{part}" for part in each["loc"]), each["msg"])
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    except WrongInput as error:
        return [Wrong(index, error.pointer, error.detail)]
    return Taken(entity_key(event), item.text.encode())


def _has_half(value: Any) -> bool:
    """Whether it holds a text, however deep, that UTF-8 cannot write."""
    left = [value]
    while left:
        match left.pop():
            case dict() as found:
                left += [*found, *found.values()]
            case list() as found:
                left += found
            case str() as found if any("\ud800" <= character <= "\udfff" for character in found):
                return True
    return False


def _lines(text: str) -> Iterator[Item]:
    return (_parsed(line) for line in text.split("\n") if line.strip(_SPACE))


def _values(text: str) -> Iterator[Item]:
    """An array's elements; else values one after the other."""
    at = _skip(text, 0)
    in_array = text[at : at + 1] == "["
    if in_array:
        at = _skip(text, at + 1)
    while at < len(text) and not (in_array and text[at] == "]"):
        try:
            data, end = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError, ArithmeticError) as error:
            # Where this one ends nobody can say, so neither where the next begins.
            yield Item("", broken=_why(error))
            return
        yield Item(text[at:end], data)
        at = _skip(text, end)
        if in_array and text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif in_array and text[at : at + 1] != "]":
            yield Item("", broken="It is not JSON: the array does not go on, nor does it end.")
            return
    if in_array and at >= len(text):
        yield Item("", broken="It is not JSON: the array does not end.")
    elif in_array and _skip(text, at + 1) < len(text):
        yield Item("", broken="Something follows the array.")


def _parsed(line: str) -> Item:
    text = line.strip(_SPACE)
    try:
        return Item(text, _decoder.decode(text))
    except (ValueError, RecursionError, ArithmeticError) as error:
        return Item(text, broken=_why(error))


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"It is not JSON: {error.msg}."
    return "It is not JSON."


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
