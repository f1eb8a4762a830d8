"""Walking through a list by id, so that no row is skipped however rows change meanwhile.

WooCommerce pages by position alone. When a row before the position goes (into the trash, say), all behind it move up by
one, and the next page begins one too far. So each page begins with the last row of the page before: where that is not
there any more, rows have gone, and we step back until we see a row that we know. Rows that come in before the position
are read again and left out. New rows get higher ids, and are met at the end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from longshore_connector_woo.client.answers import Answer, split_array
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.paging import PAGE


@dataclass(frozen=True, slots=True)
class Place:
    """Between two pages: the position behind the last row that was read, and that row's id (0: none was)."""

    offset: int = 0
    last_id: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """New rows of a page, exact text and parsed; `place` None: these were the last. `total`: of the whole list."""

    rows: list[tuple[str, dict[str, Any]]]
    place: Place | None
    total: int | None


async def walk(http: StoreHttp, path: str, query: Mapping[str, str], place: Place) -> Rows:
    """The rows behind `place`, in the order of their ids."""
    start = max(0, place.offset - 1)
    while True:
        answer = await _ask(http, path, query, start)
        found = rows_of(answer)
        if start == 0 or not place.last_id or (found and found[0][1]["id"] <= place.last_id):
            break
        # Rows before us have gone; nobody knows how many.
        start = max(0, start - (PAGE - 1))
    rows = [each for each in found if each[1]["id"] > place.last_id]
    count, total = len(answer.objects()), _total(answer)
    if count < PAGE and (total is None or start + PAGE >= total):
        return Rows(rows, None, total)
    # A row that WooCommerce counts and cannot show makes a page shorter. Nothing but such rows: go on behind them.
    behind = Place(start + count, rows[-1][1]["id"]) if rows else Place(start + PAGE)
    return Rows(rows, behind, total)


def write_place(place: Place, **more: Any) -> str:
    """A place, and what else a run has to know, as a run's cursor."""
    return json.dumps(asdict(place) | more, separators=(",", ":"))


def read_place(cursor: str | None) -> tuple[Place, dict[str, Any]]:
    """The place in a cursor, and what else it holds."""
    held: dict[str, Any] = json.loads(cursor) if cursor else {}
    return Place(held.pop("offset", 0), held.pop("last_id", 0)), held


async def _ask(http: StoreHttp, path: str, query: Mapping[str, str], start: int) -> Answer:
    return await http.get(path, {**query, "orderby": "id", "order": "asc", "per_page": str(PAGE), "offset": str(start)})


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
