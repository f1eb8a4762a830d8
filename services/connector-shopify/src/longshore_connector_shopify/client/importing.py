"""The catalogue of a new store: all products, then the stock of all inventory items.

Paged reads: Shopify refuses to page past 25,000 objects, so a catalogue of more products is read by
sync runs, which do not page (see syncing.py).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from longshore.platforms.protocols import FetchedEntity
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.fetching import fetch_product, fetch_stock
from longshore_connector_shopify.client.paging import is_cut, nodes_of


async def import_catalogue(api: AdminApi) -> AsyncIterator[Sequence[FetchedEntity]]:
    """Page by page, each entity in the shape in which it is fetched alone."""
    for read in (read_products, read_stocks):
        after: str | None = None
        while True:
            entities, after = await read(api, {"after": after})
            yield entities
            if after is None:
                break


async def read_products(api: AdminApi, variables: dict[str, Any]) -> tuple[list[FetchedEntity], str | None]:
    """One page of products, and the cursor of the next."""
    data = (await api.query("products", variables)).data
    products, after = nodes_of(data.get("products"))
    entities = [
        await fetch_product(api, number_of(node))
        if is_cut(node.get("variants"))
        else page_entity("product", node, {"shop": data.get("shop"), "product": node})
        for node in products
    ]
    return entities, after


async def read_stocks(api: AdminApi, variables: dict[str, Any]) -> tuple[list[FetchedEntity], str | None]:
    """One page of inventory items with their levels, and the cursor of the next."""
    data = (await api.query("stocks", variables)).data
    items, after = nodes_of(data.get("inventoryItems"))
    entities = [
        await fetch_stock(api, number_of(node))
        if is_cut(node.get("inventoryLevels"))
        else page_entity("stock", node, {"inventoryItem": node})
        for node in items
    ]
    return entities, after


def page_entity(resource: Any, node: dict[str, Any], data: dict[str, Any]) -> FetchedEntity:
    """One entity out of a page. Its amounts are texts and its numbers whole, so writing it anew loses nothing."""
    body = json.dumps({"data": data}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return FetchedEntity(resource, number_of(node), body)


def number_of(node: dict[str, Any]) -> str:
    """The store's own number of a node."""
    return str(node["id"]).rpartition("/")[2]
