"""Pages of a list: `limit`, and cursors that are the last row's place in the list (keysets, no offsets).

A cursor is base64url without padding of `<place>|<id>`. The place is a time (ISO 8601), a number, or a text such as a
SKU, by which the list is ordered; then the id decides. All services write them alike: the gateway merges their lists.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple, TypeVar
from uuid import UUID

from fastapi import Query

from longshore.problems import Problem

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")]
Cursor = Annotated[str | None, Query(max_length=600, description="`next_cursor` of the page before.")]

T = TypeVar("T")


class Place(NamedTuple):
    """A place in a list that is ordered by a time, then by id."""

    at: datetime
    id: UUID


def page(found: Sequence[T], limit: int, cursor: Callable[[T], str]) -> tuple[list[T], str | None]:
    """`found` holds one more than `limit` if there is a next page: the page, and the cursor of the next."""
    items = list(found[:limit])
    return items, cursor(items[-1]) if len(found) > limit else None


def write_cursor(place: datetime | str | int, id: UUID) -> str:
    """The text that clients hand back to go on after this row."""
    at = place.isoformat() if isinstance(place, datetime) else place
    return urlsafe_b64encode(f"{at}|{id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Place | None:
    """Where a list that is ordered by time goes on. Raises a 400 problem for what is not one of ours."""
    if cursor is None:
        return None
    text, id = _decode(cursor)
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError("no zone")
        return Place(at.astimezone(UTC), id)
    except (ValueError, OverflowError):
        raise _invalid() from None


def read_number_cursor(cursor: str | None) -> int | None:
    """Where a list that is ordered by a number goes on. Raises a 400 problem for what is not one of ours."""
    if cursor is None:
        return None
    text, _ = _decode(cursor)
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise _invalid()
    return int(text)


def read_text_cursor(cursor: str | None) -> tuple[str, UUID] | None:
    """Where a list that is ordered by a text goes on. Raises a 400 problem for what is not one of ours."""
    return None if cursor is None else _decode(cursor)


def _decode(cursor: str) -> tuple[str, UUID]:
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        place, separator, id = raw.rpartition("|")
        if not separator or "\x00" in place:
            raise ValueError("no separator")
        return place, UUID(id)
    except (ValueError, binascii.Error):
        raise _invalid() from None


def _invalid() -> Problem:
    return Problem(400, "The cursor is not one that this list gave out.", type="invalid-cursor")
