"""The catalogue of a new store: all products, then the stock of all inventory items.

Page by page in the order of ids, each asked for by "behind this id": Shopify refuses cursors past 25,000 objects.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from longshore.platforms.protocols import FetchedEntity
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.fetching import fetch_product, fetch_stock
from longshore_connector_shopify.client.paging import is_cut, nodes_of
from longshore_connector_shopify.client.searching import search


async def import_catalogue(api: AdminApi) -> AsyncIterator[Sequence[FetchedEntity]]:
    """Page by page, each entity in the shape in which it is fetched alone."""
    for read in (read_products, read_stocks):
        after_id: str | None = None
        while True:
            entities, more = await read(api, {"query": search(None, after_id)})
            yield entities
            if more is None or not entities:
                break
            after_id = entities[-1].external_id


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
