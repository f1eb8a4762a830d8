"""Keyset cursors: base64url (no padding) of `<place>|<id>`; the place is a time (ISO 8601), or a text such as a SKU."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Query

from longshore.problems import Problem

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")]
CursorText = Annotated[str | None, Query(max_length=600, description="`next_cursor` of the page before.")]

T = TypeVar("T")


def encode_cursor(place: datetime | str, id: UUID) -> str:
    """The text that clients hand back."""
    at = place if isinstance(place, str) else place.isoformat()
    return urlsafe_b64encode(f"{at}|{id}".encode()).decode().rstrip("=")


def time_cursor(text: str | None) -> tuple[datetime, UUID] | None:
    """Read the cursor of a list that is ordered by time. Raises a 400 problem for what is not one of ours."""
    if text is None:
        return None
    place, id = _decode(text)
    try:
        at = datetime.fromisoformat(place)
        if at.tzinfo is None:
            raise ValueError("no zone")
        return at.astimezone(UTC), id
    except (ValueError, OverflowError):
        raise _invalid() from None


def number_cursor(text: str | None) -> int | None:
    """Read the cursor of a list that is ordered by a number. Raises a 400 problem for what is not one of ours."""
    if text is None:
        return None
    place, _ = _decode(text)
    if not (place.isascii() and place.isdigit() and len(place) < 19):
        raise _invalid()
    return int(place)


def text_cursor(text: str | None) -> tuple[str, UUID] | None:
    """Read the cursor of a list that is ordered by a text. Raises a 400 problem for what is not one of ours."""
    return None if text is None else _decode(text)


def page(found: Sequence[T], limit: int, cursor: Callable[[T], str]) -> tuple[list[T], str | None]:
    """`found` holds one more than `limit` if there is a next page: the page, and the cursor of the next."""
    items = list(found[:limit])
    return items, cursor(items[-1]) if len(found) > limit else None


def _decode(text: str) -> tuple[str, UUID]:
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        place, separator, name = raw.rpartition("|")
        if not separator or "\x00" in place:
            raise ValueError("no separator")
        return place, UUID(name)
    except (ValueError, binascii.Error):
        raise _invalid() from None


def _invalid() -> Problem:
    return Problem(400, "The cursor is not one that this list gave out.", type="invalid-cursor")
