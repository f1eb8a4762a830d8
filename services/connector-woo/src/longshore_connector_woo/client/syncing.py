"""Pages of sync runs: orders (the trash too), products with their variations; customers see customers.py."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from longshore.platforms.protocols import (
    FetchedEntity,
    FetchRequest,
    StoreRefused,
    StoreUnauthorized,
    SyncFailure,
    SyncPage,
    SyncRequest,
)
from longshore_connector_woo.client import customers
from longshore_connector_woo.client.answers import split_array
from longshore_connector_woo.client.entities import product_entity, variations
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.paging import pages
from longshore_connector_woo.client.walking import Place, read_place, walk, write_place

# `any` leaves out the trash, and so does `any,trash`: it has to be asked for by itself (measured).
_ORDER_STATUSES = ("any", "trash")


async def sync_page(http: StoreHttp, request: SyncRequest, cursor: str | None) -> SyncPage:
    """See StoreClient."""
    if request.resource == "orders":
        return await _orders(http, request, cursor)
    if request.resource == "customers":
        return await customers.sync_page(http, request, cursor)
    # Stock stands in the products, and a product's reading tells both.
    return await _products(http, request, cursor)


async def _orders(http: StoreHttp, request: SyncRequest, cursor: str | None) -> SyncPage:
    place, held = read_place(cursor)
    phase = held.get("phase", 0)
    query = {"status": _ORDER_STATUSES[phase], **_since(request.since)}
    found = await walk(http, "/orders", query, place)
    # `rest`: of the other phase, what it has or is known to have.
    rest = held.get("rest")
    if rest is None:
        rest = await _count(http, "/orders", {**query, "status": _ORDER_STATUSES[1]})
    entities: list[FetchedEntity] = []
    failed: list[SyncFailure] = []
    for exact, parsed in found.rows:
        id = str(parsed["id"])
        try:
            refunds = await _refunds(http, id) if parsed.get("refunds") else []
        except StoreUnauthorized:
            raise
        except StoreRefused as error:
            failed.append(SyncFailure(FetchRequest("order", id), error.code, error.detail))
            continue
        body = f'{{"order":{exact},"refunds":[{",".join(refunds)}]}}'
        entities.append(FetchedEntity("order", id, body.encode()))
    total = None if found.total is None else found.total + rest
    following: str | None = None
    if found.place is not None:
        following = write_place(found.place, phase=phase, rest=rest)
    elif phase + 1 < len(_ORDER_STATUSES):
        following = write_place(Place(), phase=phase + 1, rest=found.total or 0)
    return SyncPage(entities, len(entities), following, total, failed)


async def _products(http: StoreHttp, request: SyncRequest, cursor: str | None) -> SyncPage:
    place, _ = read_place(cursor)
    found = await walk(http, "/products", _since(request.since), place)
    entities: list[FetchedEntity] = []
    failed: list[SyncFailure] = []
    for exact, parsed in found.rows:
        id = str(parsed["id"])
        own = [product_entity(exact, parsed)]
        try:
            if parsed.get("variations"):
                async for page in variations(http, parsed):
                    own += page
        except StoreUnauthorized:
            raise
        except StoreRefused as error:
            failed.append(SyncFailure(FetchRequest("product", id), error.code, error.detail))
        entities += own
    following = None if found.place is None else write_place(found.place)
    return SyncPage(entities, len(found.rows), following, found.total, failed)


async def _refunds(http: StoreHttp, order_id: str) -> list[str]:
    """The exact texts of an order's refunds: the order names them without their lines."""
    return [text async for page in pages(http, f"/orders/{order_id}/refunds", {}) for text in split_array(page.body)]


async def _count(http: StoreHttp, path: str, query: dict[str, str]) -> int:
    answer = await http.get(path, {**query, "per_page": "1", "_fields": "id"})
    total = answer.headers.get("x-wp-total", "")
    return int(total) if total.isdigit() else 0


def _since(since: datetime | None) -> dict[str, Any]:
    """Naive UTC and `dates_are_gmt`: with a Z, WooCommerce shifts by the shop's offset and drops rows (measured)."""
    if since is None:
        return {}
    return {"modified_after": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "dates_are_gmt": "true"}
