"""Pages of sync runs, in the order of ids, each asked for by "behind this id": no cursor, whose paging Shopify refuses
past 25,000 objects, and no position, which would move when rows come and go.

Bulk operations are not used yet.
"""

from __future__ import annotations

import asyncio
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
from longshore_connector_shopify.client import fetching
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.importing import number_of, page_entity, read_products, read_stocks
from longshore_connector_shopify.client.paging import nodes_of

# Orders of a page that are read at a time; what they may cost is the bucket's to say.
ORDERS_AT_ONCE = 4


async def sync_page(api: AdminApi, request: SyncRequest, cursor: str | None) -> SyncPage:
    """See StoreClient; the cursor is the id of the last that was read."""
    variables = {"query": search(request.since, cursor)}
    if request.resource == "orders":
        return await _orders(api, variables)
    if request.resource == "customers":
        nodes, more = nodes_of((await api.query("customers", variables)).data.get("customers"))
        entities = [page_entity("customer", node, {"customer": node}) for node in nodes]
    elif request.resource == "products":
        entities, more = await read_products(api, variables)
    else:
        entities, more = await read_stocks(api, variables)
    return SyncPage(entities, len(entities), entities[-1].external_id if more is not None and entities else None)


def search(since: datetime | None, after_id: str | None) -> str | None:
    """Shopify's search for what is behind an id and has changed since; None: everything."""
    parts = []
    if after_id is not None:
        parts.append(f"id:>{after_id}")
    if since is not None:
        parts.append(f"updated_at:>='{since.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}'")
    return " ".join(parts) or None


async def _orders(api: AdminApi, variables: dict[str, Any]) -> SyncPage:
    nodes, more = nodes_of((await api.query("orders", variables)).data.get("orders"))
    ids = [number_of(node) for node in nodes]
    free = asyncio.Semaphore(ORDERS_AT_ONCE)

    async def read(id: str) -> list[FetchedEntity] | SyncFailure:
        request = FetchRequest("order", id)
        async with free:
            try:
                return await fetching.fetch(api, request)
            except StoreUnauthorized:
                raise
            except StoreRefused as error:
                return SyncFailure(request, error.code, error.detail)

    read_all = await asyncio.gather(*(read(id) for id in ids))
    entities = [entity for each in read_all if isinstance(each, list) for entity in each]
    failed = [each for each in read_all if isinstance(each, SyncFailure)]
    return SyncPage(entities, len(ids) - len(failed), ids[-1] if more is not None else None, failed=failed)
