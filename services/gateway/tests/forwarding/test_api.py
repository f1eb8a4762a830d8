"""Commands of two services as one list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from longshore.paging import read_cursor
from longshore_gateway.forwarding.api import merge_commands

START = datetime(2026, 11, 1, tzinfo=UTC)


def command(second: int) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "type": "stock.set",
        "integration_id": str(uuid4()),
        "status": "pending",
        "attempts": 0,
        "created_at": (START + timedelta(seconds=second)).isoformat(),
    }


def page_of(commands: list[dict[str, Any]], cursor: str | None, limit: int) -> dict[str, Any]:
    """As a service answers: after the cursor, newest first."""
    ordered = sorted(commands, key=lambda each: (each["created_at"], each["id"]), reverse=True)
    place = read_cursor(cursor)
    if place is not None:
        ordered = [each for each in ordered if (each["created_at"], each["id"]) < (place[0].isoformat(), str(place[1]))]
    return {"items": ordered[:limit], "next_cursor": "more" if len(ordered) > limit else None}


@given(st.lists(st.integers(0, 20), max_size=30), st.lists(st.integers(0, 20), max_size=30), st.integers(1, 7))
def test_paging_through_both_misses_and_repeats_nothing(ours: list[int], theirs: list[int], limit: int) -> None:
    one, two = [command(each) for each in ours], [command(each) for each in theirs]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(100):
        page = merge_commands([page_of(one, cursor, limit), page_of(two, cursor, limit)], limit)
        seen += [str(each.id) for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    expected = sorted(one + two, key=lambda each: (each["created_at"], each["id"]), reverse=True)
    assert seen == [each["id"] for each in expected]
