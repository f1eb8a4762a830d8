"""Cursors of the gateway's own lists: a moment and an id, in the form that all services use."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query

from longshore.problems import Problem

Place = tuple[datetime, UUID]

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")]


def write_cursor(place: Place) -> str:
    """An opaque cursor for what follows `place`."""
    moment, id = place
    return base64.urlsafe_b64encode(f"{moment.isoformat()}|{id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Place | None:
    """The place in a cursor. Raises Problem 400."""
    if cursor is None:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment, _, id = text.partition("|")
        place = datetime.fromisoformat(moment), UUID(id)
        if place[0].tzinfo is None:
            raise ValueError("naive")
    except (ValueError, binascii.Error):
        raise Problem(400, "The cursor is not one of ours.", type="invalid-cursor") from None
    return place
