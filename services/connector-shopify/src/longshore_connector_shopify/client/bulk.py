"""Reading all of a resource by one bulk operation: the store writes a file, which is then read part by part.

A step of a sync run is one part, and its cursor says where in which file the next begins: so a run goes on after a
crash, and memory holds one part, however large the shop. An operation is started once, though its answer may be lost:
it is found again by its name. Where bulk operations do not do, the rest is read page by page (see syncing.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import structlog

from longshore.contracts import SyncResource
from longshore.platforms.protocols import StoreRefused, SyncPage, SyncRequest
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.alone import with_alone
from longshore_connector_shopify.client.bulk_entities import SHAPES, Read, Shape, entity_of, read_groups
from longshore_connector_shopify.client.bulk_file import read_part
from longshore_connector_shopify.client.searching import search
from longshore_connector_shopify.client.setup import granted
from longshore_connector_shopify.documents import bulk_document

log = structlog.get_logger(__name__)

# A hundred orders or so; an entity that is larger is read in one piece all the same.
PART = 512 * 1024
LARGEST_ENTITY = 64 * 1024 * 1024
# Operations that may fail before the rest is read page by page.
TRIES = 3
# The pause between two looks at an operation (a point each): as long as it will take by what it has done so far, if it
# tells; else each a half longer than the one before.
POLL_GROWTH = 1.5
LONGEST_POLL_S = 30.0
# Another operation of this app has to end first.
BUSY_S = 30.0
_BUSY = {"OPERATION_IN_PROGRESS", "LIMIT_REACHED"}
_UNDER_WAY = {"CREATED", "RUNNING", "CANCELING"}


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor: byte `offset` of the file of `operation` (gid; None: to be started), `roots` entities into it.

    `last` is the highest id read, `rising` whether ids came in order; `after`: the operation reads what is behind
    this id. `tries`: operations that failed. `polls`: how often this one was not done yet, `waited` how many seconds.
    `total`: how many the run will read, as far as the store says.
    """

    operation: str | None = None
    offset: int = 0
    roots: int = 0
    last: int = 0
    rising: bool = True
    after: str | None = None
    tries: int = 0
    polls: int = 0
    waited: float = 0.0
    total: int | None = None

    def to_cursor(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def place_of(cursor: str | None) -> Place | None:
    """The place that a cursor names; None if it is one of the pages'."""
    return Place(**json.loads(cursor)) if cursor is not None and cursor.startswith("{") else None


@dataclass(frozen=True, slots=True)
class File:
    """What a finished operation has written. `told`: how many entities it holds; None: it is what a failed one had."""

    operation: str
    url: str
    told: int | None


Files = dict[SyncResource, File]
"""The files that runs of a store read now: known from the step before, they need not be asked for at each part."""


async def bulk_page(
    api: AdminApi, request: SyncRequest, place: Place, files: Files, total: int | None = None
) -> SyncPage:
    """One step from `place`: the operation started, waited for, or a part of its file."""
    if place.operation is None:
        page = await _start(api, request, replace(place, total=place.total if total is None else total))
        return replace(page, total=total)
    # Whatever goes wrong, the next try asks anew: addresses end.
    file = files.pop(request.resource, None)
    if file is None or file.operation != place.operation:
        found = await _finished(api, place.operation, place)
        if isinstance(found, SyncPage):
            return found
        file = found
    page = await _read(api, request, place, file)
    files[request.resource] = file
    return page


async def _finished(api: AdminApi, operation: str, place: Place) -> File | SyncPage:
    """The file of an operation; what to do instead if there is none (yet)."""
    found = (await api.query("bulk_look", {"id": operation})).data.get("bulkOperation") or {}
    status = str(found.get("status") or "GONE")
    if status in _UNDER_WAY:
        wait = pause_s(place, int(found.get("rootObjectCount") or 0))
        return _nothing(replace(place, polls=place.polls + 1, waited=place.waited + wait), again_in_s=wait)
    if status == "COMPLETED":
        if found.get("url") is None:
            return _nothing(None)
        return File(operation, str(found["url"]), int(found.get("rootObjectCount") or 0))
    log.warning("a bulk operation failed", shop=api.domain, status=status, code=found.get("errorCode"))
    if found.get("errorCode") == "ACCESS_DENIED":
        return _by_pages(place)
    if status == "FAILED" and found.get("partialDataUrl"):
        return File(operation, str(found["partialDataUrl"]), None)
    return _again(place)


def pause_s(place: Place, done: int) -> float:
    """How long to wait for an operation that has written `done` entities so far."""
    wait = POLL_GROWTH**place.polls
    if done and place.total and place.waited:
        left = place.waited * max(0, place.total - done) / done
        wait = max(0.5, left)
    return min(wait, LONGEST_POLL_S)


async def cancel_bulk(api: AdminApi, request: SyncRequest, place: Place) -> None:
    """The run ends at `place`: the store need not go on. One that is done, or was never begun, is left as it is."""
    operation = place.operation or await _begun(api, _label(request, place), _UNDER_WAY)
    if operation is not None:
        await api.query("bulk_cancel", {"id": operation})


def _label(request: SyncRequest, place: Place) -> str:
    """An operation's name is its run's and its try's own."""
    return f"{request.key.replace('-', '')}_{place.tries}"


async def _begun(api: AdminApi, label: str, states: set[str]) -> str | None:
    """The operation of this name in one of these states, if there is one."""
    recent = ((await api.query("bulk_recent")).data.get("bulkOperations") or {}).get("nodes") or []
    for each in recent:
        if f"_{label} " in str(each.get("query")) and each.get("status") in states:
            return str(each["id"])
    return None


async def _start(api: AdminApi, request: SyncRequest, place: Place) -> SyncPage:
    """Start the operation, unless an earlier try has."""
    label = _label(request, place)
    begun = await _begun(api, label, _UNDER_WAY | {"COMPLETED", "FAILED"})
    if begun is not None:
        return _nothing(replace(place, operation=begun))
    # A field that may not be read fails a whole operation; in a single answer it would be null.
    buyers_hidden = request.resource == "orders" and "read_customers" not in await granted(api)
    query = bulk_document(
        f"bulk_{request.resource}",
        query=search(request.since, place.after),
        label=label,
        without="OrderCustomer" if buyers_hidden else None,
    )
    made = (await api.query("bulk_run", {"query": query})).data.get("bulkOperationRunQuery") or {}
    errors = made.get("userErrors") or []
    if any(each.get("code") in _BUSY for each in errors):
        return _nothing(place, again_in_s=BUSY_S)
    operation = (made.get("bulkOperation") or {}).get("id")
    if errors or operation is None:
        messages = "; ".join(str(each.get("message"))[:200] for each in errors[:3])
        log.error("the store refuses a bulk operation", shop=api.domain, resource=request.resource, messages=messages)
        return _by_pages(place)
    return _nothing(replace(place, operation=str(operation)), again_in_s=1.0)


async def _read(api: AdminApi, request: SyncRequest, place: Place, file: File) -> SyncPage:
    """The next part of the file."""
    shape = SHAPES[request.resource]
    read, last = await _part(api, shape, place.offset, file.url, partial=file.told is None)
    ids = [int(group.number) for group in read.groups]
    rising = place.rising and all(a < b for a, b in zip([place.last, *ids], ids, strict=False))
    reached = replace(
        place,
        offset=place.offset + read.used,
        roots=place.roots + len(ids),
        last=max([place.last, *ids]),
        rising=rising,
        polls=0,
        waited=0.0,
    )
    page, alone = await _entities(api, shape, read)
    then = _next(api, place, reached, last, file.told)
    return await with_alone(api, shape.resource, alone, replace(page, cursor=then))


def _next(api: AdminApi, place: Place, reached: Place, last: bool, told: int | None) -> str | None:
    """Where the run goes on behind a part that began at `place` and ended at `reached`."""
    if not last:
        return reached.to_cursor()
    if told is None:
        # What comes next in order of ids is still to be read; without any order that is everything.
        after = str(reached.last) if reached.rising and reached.last else place.after
        return _again(replace(reached, after=after)).cursor
    if told != reached.roots:
        log.error("a bulk operation's file holds less than it said", shop=api.domain, told=told, held=reached.roots)
        return _again(reached).cursor
    return None


async def _part(api: AdminApi, shape: Shape, offset: int, url: str, *, partial: bool) -> tuple[Read, bool]:
    """At least one whole entity from `offset` on, and whether the file is at its end."""
    size = PART
    while True:
        part = await read_part(api, url, offset, size)
        # What a failed operation wrote last may lack children.
        read = read_groups(part.data, shape, whole=part.last and not partial)
        if part.last or read.used:
            return read, part.last
        size *= 4
        if size > LARGEST_ENTITY:
            raise StoreRefused("entity-too-large", "The store's file holds an entity larger than 64 MiB.")


async def _entities(api: AdminApi, shape: Shape, read: Read) -> tuple[SyncPage, list[str]]:
    """The entities of a part, and the numbers of those that it holds in part only."""
    beside = await _beside(api, shape)
    found = {group.number: entity_of(group, shape, beside) for group in read.groups}
    alone = list(dict.fromkeys([*(number for number, each in found.items() if each is None), *read.late]))
    whole = [each for number, each in found.items() if each is not None and number not in set(read.late)]
    return SyncPage(whole, len(found), None), alone


async def _beside(api: AdminApi, shape: Shape) -> bytes:
    """A product's prices are in the shop's currency, which its answer tells beside it."""
    if shape.resource != "product":
        return b""
    shop: Any = (await api.query("shop")).data.get("shop") or {}
    return b'"shop":%s,' % json.dumps({"currencyCode": shop.get("currencyCode")}).encode()


def _nothing(place: Place | None, again_in_s: float = 0.0) -> SyncPage:
    cursor = None if place is None else place.to_cursor()
    return SyncPage([], 0, cursor, again_in_s=again_in_s)


def _again(place: Place) -> SyncPage:
    """Another operation, or the rest by pages."""
    tries = place.tries + 1
    again = Place(after=place.after, tries=tries, total=place.total)
    return _by_pages(place) if tries >= TRIES else _nothing(again)


def _by_pages(place: Place) -> SyncPage:
    return SyncPage([], 0, place.after or "0")
