"""Reading entities as raw records: the store's exact text, nothing parsed and written again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from longshore.platforms.protocols import FetchedEntity, FetchRequest, StoreRefused
from longshore_connector_woo.client.answers import split_array
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.paging import Gets, pages
from longshore_connector_woo.client.refunds import order_body
from longshore_connector_woo.client.walking import rows_of

_PATHS = {"product": "/products", "stock": "/products", "customer": "/customers"}


async def fetch(http: StoreHttp, request: FetchRequest) -> list[FetchedEntity]:
    """One entity; `gone` when the store does not have it. What is in the trash is not gone: it can be read."""
    if not request.external_id.isdigit():
        return [FetchedEntity(request.resource, request.external_id, b"{}", gone=True)]
    try:
        if request.resource == "order":
            body = await _order(http, request.external_id)
        else:
            answer = await http.get(f"{_PATHS[request.resource]}/{request.external_id}")
            answer.entity(request.external_id)
            body = answer.body.encode()
    except StoreRefused as error:
        if error.code != "not-found":
            raise
        return [FetchedEntity(request.resource, request.external_id, b"{}", gone=True)]
    return [FetchedEntity(request.resource, request.external_id, body)]


async def _order(http: StoreHttp, order_id: str) -> bytes:
    order = await http.get(f"/orders/{order_id}")
    refunds: list[str] = []
    if order.entity(order_id).get("refunds"):
        async for page in pages(http, f"/orders/{order_id}/refunds", {}):
            refunds += split_array(page.body)
    return order_body(order.body, refunds)


async def catalogue(http: StoreHttp) -> AsyncIterator[Sequence[FetchedEntity]]:
    """All products, a page at a time, each page followed by the variations of its variable products."""
    async for page in pages(http, "/products", {"orderby": "id", "order": "asc"}):
        yield [product_entity(exact, parsed) for exact, parsed in rows_of(page)]
        for product in page.objects():
            if product.get("variations") and isinstance(product.get("id"), int):
                async for found in variations(http, product):
                    yield found


async def variations(
    http: Gets, product: Mapping[str, Any], since: Mapping[str, str] | None = None
) -> AsyncIterator[list[FetchedEntity]]:
    """The variations of a product, a page at a time; with `since` (see syncing) those that have changed."""
    name = str(product.get("name") or "")
    async for page in pages(http, f"/products/{product['id']}/variations", since or {}):
        yield [variation_entity(exact, parsed, name) for exact, parsed in rows_of(page)]


def variation_entity(exact: str, parsed: Mapping[str, Any], product_name: str) -> FetchedEntity:
    """A variation of a list, where it lacks its product's name."""
    body = f'{{"parent_name":{json.dumps(product_name)},"variation":{exact}}}'
    return FetchedEntity("product", str(parsed["id"]), body.encode())


def product_entity(exact: str, parsed: Mapping[str, Any]) -> FetchedEntity:
    """A product of a list."""
    return FetchedEntity("product", str(parsed["id"]), exact.encode())
