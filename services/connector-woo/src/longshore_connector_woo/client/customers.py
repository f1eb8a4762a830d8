"""Pages of customers.

WooCommerce neither filters nor sorts them by time of change: it ignores `modified_after` and says nothing (measured).
So an incremental run reads those that are new, by id, and the next window of the others: all are read anew in turn, and
no run reads all of a large shop.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from longshore.platforms.protocols import FetchedEntity, SyncPage, SyncRequest
from longshore_connector_woo.client.paging import PAGE
from longshore_connector_woo.client.reader import Reader
from longshore_connector_woo.client.walking import Place, read_place, rows_of, walk, write_place

_PATH = "/customers"
_ALL = {"role": "all"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What a run leaves for the next: the highest id that was seen, and where the next window begins.

    `offset` -1: no windows, the merchant did not want what was there before.
    """

    highest: int
    offset: int = 0
    last_id: int = 0


async def sync_page(reader: Reader, request: SyncRequest, cursor: str | None) -> SyncPage:
    """See StoreClient."""
    if request.mark is not None:
        return await _changed(reader, Mark(**json.loads(request.mark)), cursor)
    if request.since is not None:
        newest = rows_of(await reader.get(_PATH, {**_ALL, "orderby": "id", "order": "desc", "per_page": "1"}))
        return SyncPage([], 0, None, mark=_write(Mark(newest[0][1]["id"] if newest else 0, offset=-1)))
    place, _ = read_place(cursor)
    found = await walk(reader, _PATH, _ALL, place)
    if found.place is not None:
        return SyncPage(_entities(found.rows), len(found.rows), write_place(found.place), found.total)
    highest = found.rows[-1][1]["id"] if found.rows else place.last_id
    return SyncPage(_entities(found.rows), len(found.rows), None, found.total, mark=_write(Mark(highest)))


async def _changed(reader: Reader, mark: Mark, cursor: str | None) -> SyncPage:
    """First those that are new, the newest first; then a window of the others."""
    held: dict[str, int] = json.loads(cursor) if cursor else {"new": 0, "highest": mark.highest}
    if "new" not in held:
        return await _window(reader, replace(mark, highest=held["highest"]))
    offset = held["new"]
    query = {**_ALL, "orderby": "id", "order": "desc", "per_page": str(PAGE), "offset": str(offset)}
    rows = rows_of(await reader.get(_PATH, query))
    new = [each for each in rows if each[1]["id"] > mark.highest]
    highest = max([held["highest"], *(each[1]["id"] for each in new)])
    following: str | None = None if mark.offset < 0 else json.dumps({"highest": highest})
    if len(new) == len(rows) > 1:
        # From the last one on: a customer that is deleted meanwhile moves the others up.
        following = json.dumps({"new": offset + len(rows) - 1, "highest": highest})
    done = None if following is not None else _write(replace(mark, highest=highest))
    return SyncPage(_entities(new), len(new), following, mark=done)


async def _window(reader: Reader, mark: Mark) -> SyncPage:
    found = await walk(reader, _PATH, _ALL, Place(mark.offset, mark.last_id), further=False)
    place = found.place or Place()
    following = _write(Mark(mark.highest, place.offset, place.last_id))
    return SyncPage(_entities(found.rows), len(found.rows), None, mark=following)


def _entities(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[FetchedEntity]:
    return [FetchedEntity("customer", str(parsed["id"]), exact.encode()) for exact, parsed in rows]


def _write(mark: Mark) -> str:
    return json.dumps(asdict(mark), separators=(",", ":"))
