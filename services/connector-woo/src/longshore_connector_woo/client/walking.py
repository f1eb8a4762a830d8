"""Walking through a list by id, so that no row is skipped however rows change meanwhile.

WooCommerce pages by position alone. When a row before the position goes (into the trash, say), all behind it move up by
one, and the next page begins one too far. So each page begins with the last row of the page before: where that is not
there any more, rows have gone, and we step back until we see a row that we know. Rows that come in before the position
are read again and left out. New rows get higher ids, and are met at the end.

Several pages may be asked for at a time. A page holds every row between its first and its last id, whenever it was
read; so pages whose ids meet or overlap hold every row that was there all the time. Where they do not, those behind the
gap are thrown away and asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from longshore.platforms.protocols import StoreError
from longshore_connector_woo.client.answers import Answer, split_array
from longshore_connector_woo.client.reader import Reader


@dataclass(frozen=True, slots=True)
class Place:
    """Between two pages: the position behind the last row that was read, and that row's id (0: none was). `total`:
    how many there were then."""

    offset: int = 0
    last_id: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """New rows of one page or of several, exact text and parsed; `place` None: these were the last. `total`: of the
    whole list."""

    rows: list[tuple[str, dict[str, Any]]]
    place: Place | None
    total: int | None


async def walk(reader: Reader, path: str, query: Mapping[str, str], place: Place) -> Rows:
    """The rows behind `place`, in the order of their ids: of as many pages as the store gives at a time.

    Raises StoreError if the first of them cannot be read.
    """
    size = reader.size
    start = max(0, place.offset - 1)
    # One row of each page is the one before's.
    ahead = max(1, -(-(place.total - start) // max(1, size - 1)))
    starts = [start + n * (size - 1) for n in range(min(reader.at_a_time, ahead))]

    def read(at: int) -> Callable[[], Any]:
        return partial(_ask, reader, path, query, at, size)

    answers: list[Answer | StoreError] = await reader.together([read(at) for at in starts])
    if isinstance(answers[0], StoreError):
        raise answers[0]
    answer = answers[0]
    found = rows_of(answer)
    while start > 0 and place.last_id and not (found and found[0][1]["id"] <= place.last_id):
        # Rows before us have gone; nobody knows how many.
        start = max(0, start - (size - 1))
        answers = []
        answer = await _ask(reader, path, query, start, size)
        found = rows_of(answer)
    joined = _behind(answer, place, start, size)
    for at, following in zip(starts[1:], answers[1:], strict=False):
        if joined.place is None or isinstance(following, StoreError):
            break
        rows = rows_of(following)
        if not rows or rows[0][1]["id"] > joined.place.last_id:
            break
        more = _behind(following, joined.place, at, size)
        joined = Rows(joined.rows + more.rows, more.place, more.total)
    return joined


def _behind(answer: Answer, place: Place, start: int, size: int) -> Rows:
    """What of a page that begins at `start` lies behind `place`."""
    rows = [each for each in rows_of(answer) if each[1]["id"] > place.last_id]
    count, total = len(answer.objects()), _total(answer)
    if count < size and (total is None or start + size >= total):
        return Rows(rows, None, total)
    # A row that WooCommerce counts and cannot show makes a page shorter.
    if rows:
        return Rows(rows, Place(start + count, rows[-1][1]["id"], total or 0), total)
    if count == size:
        # So many have come in before us.
        return Rows(rows, Place(start + count, place.last_id, total or 0), total)
    # Hardly any but such rows: go on behind them.
    return Rows(rows, Place(start + size, 0, total or 0), total)


def write_place(place: Place, **more: Any) -> str:
    """A place, and what else a run has to know, as a run's cursor."""
    return json.dumps(asdict(place) | more, separators=(",", ":"))


def read_place(cursor: str | None) -> tuple[Place, dict[str, Any]]:
    """The place in a cursor, and what else it holds."""
    held: dict[str, Any] = json.loads(cursor) if cursor else {}
    return Place(held.pop("offset", 0), held.pop("last_id", 0), held.pop("total", 0)), held


async def _ask(reader: Reader, path: str, query: Mapping[str, str], start: int, size: int) -> Answer:
    return await reader.get(
        path, {**query, "orderby": "id", "order": "asc", "per_page": str(size), "offset": str(start)}
    )


def rows_of(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a list that have an id, exact text and parsed."""
    return [
        (exact, parsed)
        for exact, parsed in zip(split_array(answer.body), answer.data, strict=True)
        if isinstance(parsed, dict) and isinstance(parsed.get("id"), int)
    ]


def _total(answer: Answer) -> int | None:
    total = answer.headers.get("x-wp-total", "")
    return int(total) if total.isdigit() else None
