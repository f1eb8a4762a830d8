"""Pages of sync runs: orders (the trash too), products and their variations; customers see customers.py."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from longshore.platforms.protocols import (
    SyncPage,
    SyncRequest,
)
from longshore_connector_woo.client import customers
from longshore_connector_woo.client.entities import product_entity
from longshore_connector_woo.client.products import products_with_variations, variations_page
from longshore_connector_woo.client.reader import Reader
from longshore_connector_woo.client.refunds import with_refunds
from longshore_connector_woo.client.walking import Place, begin, read_place, walk, write_place

# `any` leaves out the trash, and so does `any,trash`: it has to be asked for by itself (measured).
_ORDER_STATUSES = ("any", "trash")
_TRASH = {"status": "trash"}


async def sync_page(reader: Reader, request: SyncRequest, cursor: str | None) -> SyncPage:
    """See StoreClient. One step may read several of the store's pages at a time."""
    if request.resource == "orders":
        return await _orders(reader, request, cursor)
    if request.resource == "customers":
        return await customers.sync_page(reader, request, cursor)
    # Stock stands in the products, and a product's reading tells both.
    return await _products(reader, request, cursor)


async def _orders(reader: Reader, request: SyncRequest, cursor: str | None) -> SyncPage:
    place, held = read_place(cursor)
    phase = held.get("phase", 0)
    query = {"status": _ORDER_STATUSES[phase], **_since(request.since)}
    # `rest`: of the other phase, what it has or is known to have.
    if "rest" in held:
        rest = held["rest"]
        found = await walk(reader, "/orders", query, place)
    else:
        if request.since is None:
            # A guess: a shop that is read for the first time has more than one page.
            place = Place(total=reader.at_a_time * reader.size)
        found, rest = await asyncio.gather(
            walk(reader, "/orders", query, place), _count(reader, "/orders", {**query, **_TRASH})
        )
    following: str | None = None
    if found.place is not None:
        following = write_place(found.place, phase=phase, rest=rest)
    elif phase + 1 < len(_ORDER_STATUSES):
        trash = Place(total=rest)
        begin(reader, "/orders", {**query, **_TRASH}, trash)
        following = write_place(trash, phase=phase + 1, rest=found.total or 0)
    entities, failed = await with_refunds(reader, found.rows)
    total = None if found.total is None else found.total + rest
    return SyncPage(entities, len(entities), following, total, failed)


async def _products(reader: Reader, request: SyncRequest, cursor: str | None) -> SyncPage:
    """First products, then variations by a list of their own: some change although their product does not (imports
    and plugins write them so). An incremental run reads those of changed products besides: they have its name."""
    place, held = read_place(cursor)
    since = _since(request.since)
    if held.get("phase"):
        return await variations_page(reader, since, place, held)
    found = await walk(reader, "/products", since, place)
    if since:
        entities, failed = await products_with_variations(reader, found.rows)
    else:
        entities, failed = [product_entity(exact, parsed) for exact, parsed in found.rows], []
    following = write_place(Place(), phase=1) if found.place is None else write_place(found.place)
    return SyncPage(entities, len(found.rows), following, found.total, failed)


async def _count(reader: Reader, path: str, query: dict[str, str]) -> int:
    answer = await reader.get(path, {**query, "per_page": "1", "_fields": "id"})
    total = answer.headers.get("x-wp-total", "")
    return int(total) if total.isdigit() else 0


def _since(since: datetime | None) -> dict[str, Any]:
    """Naive UTC and `dates_are_gmt`: with a Z, WooCommerce shifts by the shop's offset and drops rows (measured)."""
    if since is None:
        return {}
    return {"modified_after": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true"}
