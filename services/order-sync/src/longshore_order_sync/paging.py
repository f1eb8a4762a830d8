"""Keyset cursors: base64url (no padding) of `<time, ISO 8601>|<id>`, the last row's place in its list."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from longshore.problems import Problem

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many items at most.")]
CursorText = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list that is ordered by a time, then by id."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        """The text that clients hand back."""
        return urlsafe_b64encode(f"{self.at.isoformat()}|{self.id}".encode()).decode().rstrip("=")


def parse_cursor(text: str | None) -> Cursor | None:
    """Read a client's cursor. Raises a 400 problem for anything that is not one of ours."""
    if text is None:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        at, separator, name = raw.partition("|")
        moment = datetime.fromisoformat(at)
        if not separator or moment.tzinfo is None:
            raise ValueError("no time with its zone")
        return Cursor(moment.astimezone(UTC), UUID(name))
    except (ValueError, OverflowError, binascii.Error):
        raise Problem(400, "The cursor is not one that this list gave out.", type="invalid-cursor") from None
