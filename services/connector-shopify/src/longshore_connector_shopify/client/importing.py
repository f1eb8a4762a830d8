"""The catalogue of a new store: all products, then the stock of all inventory items.

Paged reads: Shopify refuses to page past 25,000 objects, so a larger catalogue needs bulk operations (not done here).
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
    after: str | None = None
    while True:
        data = (await api.query("products", {"after": after})).data
        products, after = nodes_of(data.get("products"))
        yield [
            await fetch_product(api, _number(node))
            if is_cut(node.get("variants"))
            else _page_entity("product", node, {"shop": data.get("shop"), "product": node})
            for node in products
        ]
        if after is None:
            break
    while True:
        data = (await api.query("stocks", {"after": after})).data
        items, after = nodes_of(data.get("inventoryItems"))
        yield [
            await fetch_stock(api, _number(node))
            if is_cut(node.get("inventoryLevels"))
            else _page_entity("stock", node, {"inventoryItem": node})
            for node in items
        ]
        if after is None:
            return


def _page_entity(resource: Any, node: dict[str, Any], data: dict[str, Any]) -> FetchedEntity:
    """One entity out of a page. Its amounts are texts and its numbers whole, so writing it anew loses nothing."""
    body = json.dumps({"data": data}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return FetchedEntity(resource, _number(node), body)


def _number(node: dict[str, Any]) -> str:
    return str(node["id"]).rpartition("/")[2]
