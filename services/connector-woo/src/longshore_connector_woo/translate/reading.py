"""Reading JSON that PHP made: "" for null, [] for {}, numbers as strings, HTML entities in names.

A field that cannot be read is named in `problems` (its path, never its content) and counts as missing; what must not
be missing is the caller's to say.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from longshore.platforms.events import LONGEST_SKU, is_far_ahead
from longshore.platforms.exact_json import parse_exact
from longshore.platforms.protocols import RawRecord, Untranslatable

# What consumers count in: PostgreSQL integers and bigints.
MOST_PIECES = 2**31 - 1
GREATEST_ID = 2**63 - 1
# An amount of a shop: below 10^14, to 8 decimals. WooCommerce itself rounds to 6; what is finer is a float's noise.
MOST = Decimal(10) ** 14
MOST_DECIMALS = 8
MOST_PROBLEMS = 50

ZERO = Decimal(0)

# An order says each of its amounts and times two to five times. What is longer than this is read anew.
_LONGEST_REMEMBERED = 32


def parse_json(body: bytes) -> Any:
    """Parse a body with exact numbers. Raises Untranslatable if it is not JSON."""
    try:
        return parse_exact(body)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise Untranslatable(f"the body is not JSON ({type(error).__name__})") from None


def storable(text: str) -> str:
    """`text` without NULs and halves of surrogate pairs: legal in JSON, but in no database."""
    if not text.isascii():
        text = text.encode("utf-8", "ignore").decode()
    return text.replace("\0", "") if "\0" in text else text


def to_decimal(value: object) -> Decimal | None:
    """A shop's amount or number, exactly; zero for null and "". None for what is no number or beyond 10^14.

    Like longshore.money.parse_decimal, at a fifth of its cost: an order has thirty of them.
    """
    if type(value) is str:
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None if value.strip() else ZERO
    elif value is None:
        return ZERO
    elif type(value) is int or type(value) is Decimal:
        number = Decimal(value)
    else:
        return None
    try:
        return number if -MOST < number < MOST else None
    except InvalidOperation:  # NaN
        return None


def is_whole(number: Decimal) -> bool:
    """Whether there are no decimals."""
    return number == number.to_integral_value()


@lru_cache(maxsize=8192)
def _amount(text: str) -> Decimal | None:
    """What `text` says, if it says an amount that is taken as it is."""
    number = to_decimal(text) if text and not text.isspace() else None
    return number if number is not None and is_whole(number.scaleb(MOST_DECIMALS)) else None


@lru_cache(maxsize=8192)
def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Fields:
    """The fields of one object of a record; its path names it in `problems`, which all objects of a record share.

    `within`, `key`, `number`: the object that it is a part of, and where in that. The path is put together when
    something cannot be read: hardly ever, and an order has fifteen objects.
    """

    __slots__ = ("_key", "_number", "_within", "data", "problems")

    def __init__(
        self,
        data: dict[str, Any],
        problems: list[str],
        within: Fields | None = None,
        key: str = "",
        number: int | None = None,
    ) -> None:
        self.data = data
        self.problems = problems
        self._within = within
        self._key = key
        self._number = number

    @property
    def path(self) -> str:
        """What the names of its fields in `problems` begin with."""
        before = "" if self._within is None else self._within.path
        if not self._key:
            return before
        return f"{before}{self._key}." if self._number is None else f"{before}{self._key}[{self._number}]."

    def unreadable(self, key: str) -> None:
        """Name a field that could not be read."""
        name = self.path + key
        if name not in self.problems and len(self.problems) < MOST_PROBLEMS:
            self.problems.append(name)

    def text(self, key: str) -> str | None:
        """A string; None for PHP's many ways to say nothing."""
        value = self.data.get(key)
        if type(value) is str:
            if not value or value.isspace():
                return None
            return value if value.isascii() and "\0" not in value else storable(value)
        if not value and type(value) in (type(None), bool, list, dict):
            return None
        if type(value) in (int, Decimal):
            return str(value)
        self.unreadable(key)
        return None

    def sku(self, key: str = "sku") -> str | None:
        """A SKU; one that is too long to be one counts as missing."""
        value = self.text(key)
        if value is not None and len(value) > LONGEST_SKU:
            self.unreadable(key)
            return None
        return value

    def name(self, key: str) -> str | None:
        """A string for people: WooCommerce keeps names with HTML entities."""
        value = self.text(key)
        return html.unescape(value) if value is not None and "&" in value else value

    def names(self, keys: Iterable[str]) -> list[str | None]:
        """What `name` answers, of many fields."""
        data = self.data
        found: list[str | None] = []
        for key in keys:
            value = data.get(key)
            if value == "":
                found.append(None)
            elif type(value) is str and value.isascii() and value.isprintable() and "&" not in value:
                found.append(None if value.isspace() else value)
            else:
                found.append(self.name(key))
        return found

    def external_id(self, key: str) -> str | None:
        """An id as text; None for 0, which is WooCommerce's "none"."""
        value = self.data.get(key)
        if type(value) is not int:
            value = self._whole(key)
        if value is None or value == 0:
            return None
        if not 0 < value <= GREATEST_ID:
            self.unreadable(key)
            return None
        return str(value)

    def pieces(self, key: str) -> int | None:
        """A whole number of pieces; None for null."""
        value = self.data.get(key)
        if type(value) is not int:
            value = self._whole(key)
        if value is not None and not -MOST_PIECES <= value <= MOST_PIECES:
            self.unreadable(key)
            return None
        return value

    def amount(self, key: str, *, required: bool = False) -> Decimal:
        """An amount; zero for null and "", and for what cannot be read (that is named)."""
        value = self.data.get(key)
        if type(value) is str and len(value) < _LONGEST_REMEMBERED and (number := _amount(value)) is not None:
            return number
        number = to_decimal(value)
        if number is None:
            self.unreadable(key)
            return ZERO
        if required and value is None:
            self.unreadable(key)
        if not is_whole(number.scaleb(MOST_DECIMALS)):
            self.unreadable(key)
            return round(number, 6)
        return number

    def has_amount(self, key: str) -> bool:
        """Whether an amount is there and can be read."""
        value = self.data.get(key)
        if type(value) is str:
            if len(value) < _LONGEST_REMEMBERED and _amount(value) is not None:
                return True
            if not value.strip():
                return False
        return value is not None and to_decimal(value) is not None

    def decimals_shown(self, key: str) -> int:
        """How many decimals an amount is written with, padding and all; 0 if it is no text."""
        value = self.data.get(key)
        return len(value.partition(".")[2].strip()) if type(value) is str else 0

    def number(self, key: str) -> Decimal | None:
        """A number that is not an amount (an unrounded price, a rate); None if there is none."""
        return to_decimal(self.data.get(key))

    def moment(self, key: str) -> datetime | None:
        """A time. WooCommerce's have no zone: only `*_gmt` fields may be read with this."""
        value = self.data.get(key)
        if type(value) is str and value:
            moment = _moment(value) if len(value) < _LONGEST_REMEMBERED else _moment.__wrapped__(value)
            if moment is not None:
                return moment
        elif not value:
            return None
        self.unreadable(key)
        return None

    def updated(self, record: RawRecord) -> datetime | None:
        """When the store last changed the entity, or made it; None when it does not say, or names a far future."""
        for key in ("date_modified_gmt", "date_created_gmt"):
            moment = self.moment(key)
            if moment is not None and not is_far_ahead(moment, record):
                return moment
            if moment is not None:
                self.unreadable(key)
        return None

    def object(self, key: str) -> Fields:
        """An object; an empty one for [], null and what is none."""
        value = self.data.get(key)
        if type(value) is dict:
            return Fields(value, self.problems, self, key)
        if value:
            self.unreadable(key)
        return Fields({}, self.problems, self, key)

    def objects(self, key: str) -> list[Fields]:
        """The objects of a list. PHP sends a list with gaps as an object with numbers for names."""
        value = self.data.get(key)
        if type(value) is dict:
            value = list(value.values())
        if type(value) is not list:
            if value:
                self.unreadable(key)
            return []
        found = []
        for n, each in enumerate(value):
            if type(each) is dict:
                found.append(Fields(each, self.problems, self, key, n))
            else:
                self.unreadable(f"{key}[{n}]")
        return found

    def meta(self, wanted: str) -> Any:
        """The value of a meta entry (`meta_data`: a list of {id, key, value}); the last one of its key."""
        entries = self.data.get("meta_data")
        found = None
        if type(entries) is list:
            for entry in entries:
                if type(entry) is dict and entry.get("key") == wanted:
                    found = entry.get("value")
        return found

    def _whole(self, key: str) -> int | None:
        value = self.data.get(key)
        if value is None or value == "" or value is False:
            return None
        if type(value) is str or type(value) is Decimal:
            if type(value) is str and len(value) < 15 and value.isdecimal() and value.isascii():
                return int(value)
            number = to_decimal(value)
            if number is not None and is_whole(number):
                return int(number)
        self.unreadable(key)
        return None
