"""Reading entities as raw records: the store's exact text, nothing parsed and written again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from longshore.platforms.protocols import FetchedEntity, FetchRequest, StoreRefused
from longshore_connector_woo.client.answers import split_array
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.paging import pages
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
            body = answer.body
    except StoreRefused as error:
        if error.code != "not-found":
            raise
        return [FetchedEntity(request.resource, request.external_id, b"{}", gone=True)]
    return [FetchedEntity(request.resource, request.external_id, body.encode())]


async def _order(http: StoreHttp, order_id: str) -> str:
    """`{"order": <order>, "refunds": [<refund>, ...]}`. The order names its refunds without their lines."""
    order = await http.get(f"/orders/{order_id}")
    refunds: list[str] = []
    if order.entity(order_id).get("refunds"):
        async for page in pages(http, f"/orders/{order_id}/refunds", {}):
            refunds += split_array(page.body)
    return f'{{"order":{order.body},"refunds":[{",".join(refunds)}]}}'


async def catalogue(http: StoreHttp) -> AsyncIterator[Sequence[FetchedEntity]]:
    """All products, a page at a time, each page followed by the variations of its variable products."""
    async for page in pages(http, "/products", {"orderby": "id", "order": "asc"}):
        yield [product_entity(exact, parsed) for exact, parsed in rows_of(page)]
        for product in page.objects():
            if product.get("variations") and isinstance(product.get("id"), int):
                async for found in variations(http, product):
                    yield found


async def variations(http: StoreHttp, product: Mapping[str, Any]) -> AsyncIterator[list[FetchedEntity]]:
    """The variations of a product, a page at a time."""
    name = json.dumps(str(product.get("name") or ""))
    async for page in pages(http, f"/products/{product['id']}/variations", {}):
        yield [
            # In its product's list a variation lacks the product's name.
            FetchedEntity("product", str(parsed["id"]), f'{{"parent_name":{name},"variation":{exact}}}'.encode())
            for exact, parsed in rows_of(page)
        ]


def product_entity(exact: str, parsed: Mapping[str, Any]) -> FetchedEntity:
    """A product of a list."""
    return FetchedEntity("product", str(parsed["id"]), exact.encode())
