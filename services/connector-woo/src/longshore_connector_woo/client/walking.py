"""Walking through a list by id, so that no row is skipped however rows change meanwhile.

WooCommerce pages by position alone. When a row before the position goes (into the trash, say), all behind it move up by
one, and the next page begins one too far. So each page begins with the last row of the page before: where that is not
there any more, rows have gone, and we step back until we see a row that we know. Rows that come in before the position
are read again and left out. New rows get higher ids, and are met at the end.

Several pages are asked for at a time, and before they are wanted. A page holds every row between its first and its last
id, whenever it was read; so pages whose ids meet or overlap hold every row that was there all the time. Where they do
not, those behind the gap are thrown away and asked for again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any

from longshore.platforms.protocols import StoreError
from longshore_connector_woo.client.answers import Answer, split_array
from longshore_connector_woo.client.reader import Reader

Row = tuple[str, dict[str, Any]]

# One step of a run: so many pages, but no more than have come by then. The refunds of a step are few requests, and a
# slow store's run is checkpointed as often as a page comes.
STEP_PAGES = 4
STEP_S = 2.0


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

    rows: list[Row]
    place: Place | None
    total: int | None


async def walk(reader: Reader, path: str, query: Mapping[str, str], place: Place, *, further: bool = True) -> Rows:
    """The rows behind `place`, in the order of their ids: of a few pages, as they come. `further`: those behind them
    are asked for meanwhile. Raises StoreError if the first page cannot be read.
    """
    began = monotonic()
    size = reader.size
    starts = _starts(place, size, STEP_PAGES)
    _want(reader, path, query, place, size, STEP_PAGES + (_ahead(reader) if further else 0))
    answer = await _taken(reader, starts[0])
    start, rows = starts[0], rows_of(answer)
    while start > 0 and place.last_id and not (rows and rows[0][1]["id"] <= place.last_id):
        # Rows before us have gone; nobody knows how many.
        start = max(0, start - (size - 1))
        reader.ahead.forget()
        starts = []
        answer = await _ask(reader, path, query, start, size)
        rows = rows_of(answer)
    joined = _behind(answer, rows, place, start, size)
    if starts and further and joined.place is not None:
        # How many there are is known now.
        starts[1:] = _starts(joined.place, size, STEP_PAGES - 1)
        _want(reader, path, query, joined.place, size, STEP_PAGES - 1 + _ahead(reader))
    for at in starts[1:]:
        if joined.place is None or (monotonic() - began > STEP_S and not reader.ahead.is_here(at)):
            break
        following = await reader.ahead.take(at)
        rows = [] if isinstance(following, StoreError) else rows_of(following)
        if isinstance(following, StoreError) or not rows or rows[0][1]["id"] > joined.place.last_id:
            break
        more = _behind(following, rows, joined.place, at, size)
        joined = Rows(joined.rows + more.rows, more.place, more.total)
    if further and joined.place is not None:
        begin(reader, path, query, joined.place)
    return joined


def begin(reader: Reader, path: str, query: Mapping[str, str], place: Place) -> None:
    """Ask for the pages behind `place` that will be wanted next, and do not wait for them."""
    _want(reader, path, query, place, reader.size, _ahead(reader))


def _ahead(reader: Reader) -> int:
    """How many pages are asked for before they are wanted: all that the store bears, and one that waits its turn."""
    return reader.at_a_time + 1


def _want(reader: Reader, path: str, query: Mapping[str, str], place: Place, size: int, most: int) -> None:
    def ask(start: int) -> Awaitable[Answer]:
        return _ask(reader, path, query, start, size)

    which = (path, tuple(sorted(query.items())), size)
    reader.ahead.want(which, _starts(place, size, most), ask, step=size - 1)


def _starts(place: Place, size: int, most: int) -> list[int]:
    """Where the next pages begin; one row of each is the one before's. No further than there are rows."""
    start = max(0, place.offset - 1)
    there = max(1, -(-(place.total - start) // (size - 1)))
    return [start + n * (size - 1) for n in range(min(most, there))]


async def _taken(reader: Reader, start: int) -> Answer:
    answer = await reader.ahead.take(start)
    if isinstance(answer, StoreError):
        # The others would most likely fare alike.
        reader.ahead.forget()
        raise answer
    return answer


def _behind(answer: Answer, found: Sequence[Row], place: Place, start: int, size: int) -> Rows:
    """What of a page that begins at `start` lies behind `place`; `found` are its rows."""
    rows = [each for each in found if each[1]["id"] > place.last_id]
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
    return await reader.page(
        path, {**query, "orderby": "id", "order": "asc", "per_page": str(size), "offset": str(start)}
    )


def rows_of(answer: Answer) -> list[Row]:
    """The objects of a list that have an id, exact text and parsed."""
    return [
        (exact, parsed)
        for exact, parsed in zip(split_array(answer.body), answer.data, strict=True)
        if isinstance(parsed, dict) and isinstance(parsed.get("id"), int)
    ]


def _total(answer: Answer) -> int | None:
    total = answer.headers.get("x-wp-total", "")
    return int(total) if total.isdigit() else None
