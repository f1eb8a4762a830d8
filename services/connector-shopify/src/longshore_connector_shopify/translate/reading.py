"""Reading untrusted JSON: each reader gives a value of the right type or notes what it could not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from longshore.platforms.events import LONGEST_SKU, is_far_ahead
from longshore.platforms.exact_json import parse_exact
from longshore.platforms.protocols import RawRecord, Untranslatable

Json = Mapping[str, Any]

# What our stores of state can count with (PostgreSQL integer).
MOST_PIECES = 2**31 - 1

_LONGEST_ID = 64


def parse_json(body: bytes) -> Any:
    """Parse a body with exact numbers. Raises Untranslatable if it is not JSON.

    NUL characters and halves of surrogate pairs are legal in JSON but in no database: they are replaced.
    """
    try:
        parsed = parse_exact(body)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Untranslatable(f"the body is not JSON ({type(error).__name__})") from None
    if b"\\u0000" in body or b"\\ud" in body or b"\\uD" in body:
        parsed = _storable(parsed)
    return parsed


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, dict):
        return {_storable(key): _storable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_storable(each) for each in value]
    return value


class Notes:
    """The problems of one record: names of fields, each once, never their content."""

    __slots__ = ("problems",)

    def __init__(self) -> None:
        self.problems: list[str] = []

    def unreadable(self, name: str) -> None:
        """Note a field that could not be read."""
        if name not in self.problems and len(self.problems) < 50:
            self.problems.append(name)

    def text(self, node: Json, key: str, at: str = "") -> str | None:
        """A string; None for null, missing and "" (Shopify uses all three for nothing)."""
        value = node.get(key)
        if type(value) is str:
            return value or None
        if value is not None:
            if type(value) is int:
                return str(value)
            self.unreadable(at + key)
        return None

    def sku(self, node: Json, at: str = "") -> str | None:
        """A SKU; one that is too long to be one counts as missing."""
        value = self.text(node, "sku", at)
        if value is not None and len(value) > LONGEST_SKU:
            self.unreadable(at + "sku")
            return None
        return value

    def word(self, node: Json, key: str) -> str:
        """A word of an open enum; "" if there is none."""
        value = node.get(key)
        return value if type(value) is str else ""

    def flag(self, node: Json, key: str, at: str = "", *, missing: bool = False) -> bool:
        """A boolean."""
        value = node.get(key)
        if value is None:
            return missing
        if type(value) is not bool:
            self.unreadable(at + key)
            return missing
        return value

    def pieces(self, node: Json, key: str, at: str = "") -> int | None:
        """A whole number of pieces; None if it is missing."""
        value = node.get(key)
        if value is None:
            return None
        if type(value) is not int or not -MOST_PIECES <= value <= MOST_PIECES:
            self.unreadable(at + key)
            return None
        return value

    def external_id(self, node: Json, key: str = "id", at: str = "") -> str | None:
        """An id as text; None if it is missing."""
        value = node.get(key)
        found = as_id(value)
        if found is None and value is not None:
            self.unreadable(at + key)
        return found

    def moment(self, node: Json, key: str, at: str = "") -> datetime | None:
        """A time with its zone, as UTC; None if it is missing."""
        value = node.get(key)
        if value is None:
            return None
        found = as_moment(value)
        if found is None:
            self.unreadable(at + key)
        return found

    def updated(self, node: Json, record: RawRecord, *keys: str) -> datetime:
        """When the store last changed the entity, by the first of `keys` that tells (updated_at unless others are
        given); when we heard of it, if none does or they name a far future."""
        for key in keys or ("updated_at",):
            moment = self.moment(node, key)
            if moment is not None and not is_far_ahead(moment, record):
                return moment
            if moment is not None:
                self.unreadable(key)
        return record.received_at

    def nodes(self, node: Json, key: str, at: str = "") -> Iterator[tuple[str, Json]]:
        """The objects of a list with the name of each ("line_items[2]."); anything else in it is noted."""
        value = node.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.unreadable(at + key)
            return
        for n, each in enumerate(value):
            if isinstance(each, dict):
                yield f"{at}{key}[{n}].", each
            else:
                self.unreadable(f"{at}{key}[{n}]")

    def node(self, parent: Json, key: str, at: str = "") -> Json | None:
        """An object; None if it is missing."""
        value = parent.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.unreadable(at + key)
            return None
        return value

    def texts(self, node: Json, key: str, at: str = "") -> list[str]:
        """The strings of a list."""
        value = node.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.unreadable(at + key)
            return []
        return [each for each in value if isinstance(each, str) and each]


def as_id(value: Any) -> str | None:
    """The number of an id as text, from a number, digits or a gid. Ids pass 2^53: they are never floats."""
    if type(value) is int:
        text = str(value) if 0 < value < 10**_LONGEST_ID else ""
    elif type(value) is str:
        text = value.partition("?")[0].rpartition("/")[2] if value.startswith("gid://") else value
    else:
        return None
    return text if len(text) <= _LONGEST_ID and text.isascii() and text.isdigit() else None


def as_moment(value: Any) -> datetime | None:
    """A time with a zone, as UTC."""
    if type(value) is not str:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def by_id(parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sorted by external id as a number would be: the two ways of reading an order list its parts differently."""
    return sorted(parts, key=_id_order)


def _id_order(part: dict[str, Any]) -> tuple[int, str]:
    external_id = part["external_id"] or ""
    return (len(external_id), external_id)
