"""Shopify's list arguments: the search syntax of `query:`, sort keys, cursors and pages."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from graphql import GraphQLError

Item = TypeVar("Item")
Value = int | str | datetime
Fields = Mapping[str, Callable[[Item], object]]

MAX_PAGE = 250
MAX_DEPTH = 25_000

_TERM = re.compile(r"""(-)?([a-z_]+):(<=|>=|<|>)?("[^"]*"|'[^']*'|\S+)""")


def matches(query: str | None, fields: Fields[Item]) -> Callable[[Item], bool]:
    """A predicate for a search query: `updated_at:>'2026-01-01T00:00:00Z' sku:A`, joined by spaces or AND.

    A GraphQLError names what this simulation does not understand (the real one would ignore it silently).
    """
    tests: list[Callable[[Item], bool]] = []
    rest = (query or "").strip()
    for match in _TERM.finditer(rest):
        negated, name, comparator, raw = match.groups()
        if name not in fields:
            raise GraphQLError(f"The simulated store cannot search by {name!r}.")
        tests.append(_test(fields[name], comparator or "=", raw.strip("\"'"), bool(negated)))
    unknown = re.sub(r"\bAND\b", "", _TERM.sub("", rest)).strip()
    if unknown:
        raise GraphQLError(f"The simulated store does not understand the search {unknown!r}.")
    return lambda item: all(test(item) for test in tests)


@dataclass
class Slices:
    """How a bulk operation reads: connections whole, of the outermost `size` items at a time."""

    size: int
    more: bool = True
    _items: list[Any] | None = None
    _start: int = 0
    _outermost: bool = field(default=True)

    def begin(self) -> None:
        """The query is executed once more, for the next slice."""
        self._outermost = True

    def take(self, items: Iterable[Item], key: Callable[[Item], tuple[Value, int]]) -> list[Item]:
        """What of a connection is told now."""
        if not self._outermost:
            return sorted(items, key=key)
        self._outermost = False
        if self._items is None:
            self._items = sorted(items, key=key)
        taken: list[Item] = self._items[self._start : self._start + self.size]
        self._start += len(taken)
        self.more = self._start < len(self._items)
        return taken


IN_BULK: ContextVar[Slices | None] = ContextVar("IN_BULK", default=None)


def connection(
    items: Iterable[Item],
    args: Mapping[str, Any],
    key: Callable[[Item], tuple[Value, int]],
    node: Callable[[Item], object],
    *,
    paged: bool = True,
) -> dict[str, Any]:
    """One page. `key` is (sort value, id): cursors hold it, so that a page continues where the last one ended even
    when items have moved. `first` or `last` is required, as in Shopify, unless `paged` is False."""
    slices = IN_BULK.get()
    if slices is not None:
        whole = [node(item) for item in slices.take(items, key)]
        return {"nodes": lambda _: whole, "edges": lambda _: [{"cursor": "", "node": each} for each in whole]}
    size, backwards = _size(args, paged)
    ordered = sorted(items, key=key, reverse=bool(args.get("reverse")))
    keys = [key(item) for item in ordered]
    start, end = 0, len(ordered)
    if args.get("after"):
        start = _after(keys, _decode(args["after"]), bool(args.get("reverse")))
    if args.get("before"):
        end = _after(keys, _decode(args["before"]), bool(args.get("reverse")), inclusive=True)
    if size is not None:
        start, end = (max(start, end - size), end) if backwards else (start, min(end, start + size))
    if start >= MAX_DEPTH:
        raise GraphQLError(
            f"Paging past {MAX_DEPTH} objects is not possible: narrow the query or use a bulk operation."
        )
    page = ordered[start:end]
    cursors = [_encode(value) for value in keys[start:end]]
    return {
        "nodes": lambda _: [node(item) for item in page],
        "edges": lambda _: [{"cursor": cursor, "node": node(item)} for cursor, item in zip(cursors, page, strict=True)],
        "pageInfo": {
            "hasNextPage": end < len(ordered),
            "hasPreviousPage": start > 0,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def _size(args: Mapping[str, Any], paged: bool) -> tuple[int | None, bool]:
    first, last = args.get("first"), args.get("last")
    if first is None and last is None:
        if paged:
            raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
        return None, False
    size: int = args["last"] if first is None else args["first"]
    if size < 0 or size > MAX_PAGE:
        raise GraphQLError(f"Page size must be between 0 and {MAX_PAGE}.", extensions={"code": "BAD_REQUEST"})
    return size, first is None


def _after(
    keys: Sequence[tuple[Value, int]], cursor: tuple[Value, int], reverse: bool, *, inclusive: bool = False
) -> int:
    """How many keys come before the place behind the cursor (or at it, when inclusive)."""
    count = 0
    for key in keys:
        beyond = key < cursor if reverse else key > cursor
        if beyond or (inclusive and key == cursor):
            break
        count += 1
    return count


def _encode(key: tuple[Value, int]) -> str:
    value, number = key
    kind = "t" if isinstance(value, datetime) else "s" if isinstance(value, str) else "i"
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return base64.b64encode(orjson.dumps([kind, text, str(number)])).decode()


def _decode(cursor: str) -> tuple[Value, int]:
    try:
        kind, text, number = orjson.loads(base64.b64decode(cursor, validate=True))
    except (ValueError, binascii.Error) as error:
        raise GraphQLError("Invalid cursor for current pagination sort.", extensions={"code": "BAD_REQUEST"}) from error
    value: Value = datetime.fromisoformat(text) if kind == "t" else int(text) if kind == "i" else text
    return value, int(number)


def _test(get: Callable[[Item], object], comparator: str, raw: str, negated: bool) -> Callable[[Item], bool]:
    def test(item: Item) -> bool:
        value = get(item)
        if callable(value):
            return bool(value(raw)) != negated
        return _compare(value, comparator, raw) != negated

    return test


def _compare(value: object, comparator: str, raw: str) -> bool:
    wanted: Any
    if value is None:
        return False
    if isinstance(value, datetime):
        wanted = _moment(raw)
    elif isinstance(value, int):
        wanted = int(raw.rsplit("/", 1)[-1])
    elif isinstance(value, list):
        return raw in value
    else:
        return str(value).lower() == raw.lower()
    found: Any = value
    if comparator == "=":
        return bool(found == wanted)
    if comparator in {">", ">="}:
        return bool(found > wanted or (comparator == ">=" and found == wanted))
    return bool(found < wanted or (comparator == "<=" and found == wanted))


def _moment(raw: str) -> datetime:
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError as error:
        raise GraphQLError(f"Invalid timestamp {raw!r} in the search query.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
