"""The steps of sync runs: a few thousand by pages, more of them by a bulk operation (see bulk.py).

Pages come in the order of ids, each asked for by "behind this id": no cursor, whose paging Shopify refuses past 25,000
objects, and no position, which would move when rows come and go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from longshore.contracts import SyncResource
from longshore.platforms.protocols import StoreUnauthorized, SyncPage, SyncRequest
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.alone import left_of, with_alone
from longshore_connector_shopify.client.bulk import Files, Place, bulk_page, cancel_bulk, place_of
from longshore_connector_shopify.client.bulk_entities import SHAPES
from longshore_connector_shopify.client.importing import number_of, page_entity, read_products, read_stocks
from longshore_connector_shopify.client.paging import nodes_of
from longshore_connector_shopify.client.searching import count, search
from longshore_connector_shopify.client.setup import granted

# From how many on a bulk operation is worth its start: about a quarter of an hour of pages on the smallest plan. An
# order is read by a request of its own, the others come by the dozen.
BULK_FROM: Mapping[SyncResource, int] = {"orders": 1_000, "products": 5_000, "customers": 10_000, "inventory": 5_000}


SCOPES: Mapping[SyncResource, str] = {
    "orders": "read_orders",
    "products": "read_products",
    "customers": "read_customers",
    "inventory": "read_inventory",
}


async def sync_page(
    api: AdminApi,
    request: SyncRequest,
    cursor: str | None,
    files: Files,
    bulk_from: Mapping[SyncResource, int] = BULK_FROM,
) -> SyncPage:
    """See StoreClient; the cursor is a place in a bulk operation's file, or the id of the last that was read."""
    try:
        page = await _step(api, request, cursor, files, bulk_from)
    except StoreUnauthorized as error:
        if error.partial:
            raise _lacks(request.resource) from None
        raise
    empty = cursor is None and page.cursor is None and not page.count and not page.failed
    # Nothing to read, or nothing that we may see: some of Shopify's lists are empty without their scope.
    if empty and SCOPES[request.resource] not in await granted(api):
        raise _lacks(request.resource)
    return page


async def end_sync(api: AdminApi, request: SyncRequest, cursor: str | None) -> None:
    """See StoreClient: a bulk operation that is under way is cancelled."""
    # Before its first checkpoint a run may have begun one all the same.
    left = left_of(cursor)
    place = Place() if cursor is None else place_of(cursor if left is None else left.then)
    if place is not None:
        await cancel_bulk(api, request, place)


async def _step(
    api: AdminApi, request: SyncRequest, cursor: str | None, files: Files, bulk_from: Mapping[SyncResource, int]
) -> SyncPage:
    left = left_of(cursor)
    if left is not None:
        page = SyncPage([], len(left.alone), left.then)
        return await with_alone(api, SHAPES[request.resource].resource, left.alone, page)
    place = place_of(cursor)
    if place is not None:
        return await bulk_page(api, request, place, files)
    total = None
    if cursor is None:
        total = await count(api, request)
        if total is not None and total >= bulk_from[request.resource]:
            return await bulk_page(api, request, Place(), files, total)
    page = await _by_pages(api, request, cursor)
    return replace(page, total=total)


async def _by_pages(api: AdminApi, request: SyncRequest, after_id: str | None) -> SyncPage:
    variables = {"query": search(request.since, after_id)}
    if request.resource == "orders":
        nodes, more = nodes_of((await api.query("orders", variables)).data.get("orders"))
        ids = [number_of(node) for node in nodes]
        page = SyncPage([], len(ids), ids[-1] if more is not None and ids else None)
        return await with_alone(api, "order", ids, page)
    if request.resource == "customers":
        nodes, more = nodes_of((await api.query("customers", variables)).data.get("customers"))
        entities = [page_entity("customer", node, {"customer": node}) for node in nodes]
    elif request.resource == "products":
        entities, more = await read_products(api, variables)
    else:
        entities, more = await read_stocks(api, variables)
    return SyncPage(entities, len(entities), entities[-1].external_id if more is not None and entities else None)


def _lacks(resource: SyncResource) -> StoreUnauthorized:
    return StoreUnauthorized(
        "missing-scope",
        f"The store does not let us read its {resource}: the app needs the scope {SCOPES[resource]}. Grant it, then "
        f"send the new token, or ask for a run of {resource}.",
        partial=True,
    )
