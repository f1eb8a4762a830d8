"""Reading entities as raw records: the store's exact text, nothing parsed and written again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence

from longshore.platforms.protocols import FetchedEntity, FetchRequest, StoreRefused
from longshore_connector_woo.client.answers import Answer, split_array
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.paging import pages

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
        yield _entities(page, page.body)
        for product in page.objects():
            if product.get("variations") and isinstance(product.get("id"), int):
                async for variations in pages(http, f"/products/{product['id']}/variations", {}):
                    yield _entities(variations, variations.body, str(product.get("name") or ""))


def _entities(page: Answer, text: str, parent_name: str | None = None) -> list[FetchedEntity]:
    """A variation in its product's list lacks the product's name: `{"parent_name": ..., "variation": <variation>}`."""
    entities = []
    for exact, parsed in zip(split_array(text), page.data, strict=True):
        if not isinstance(parsed, dict) or not isinstance(parsed.get("id"), int):
            continue
        body = exact
        if parent_name is not None:
            body = f'{{"parent_name":{json.dumps(parent_name)},"variation":{exact}}}'
        entities.append(FetchedEntity("product", str(parsed["id"]), body.encode()))
    return entities
