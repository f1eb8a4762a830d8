"""Lists of a store, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from longshore_connector_woo.client.answers import Answer
from longshore_connector_woo.client.http import StoreHttp

PAGE = 100  # the most that WooCommerce gives


async def pages(http: StoreHttp, path: str, query: Mapping[str, str]) -> AsyncIterator[Answer]:
    """All pages that hold something. Past the end WooCommerce answers an empty list."""
    page = 1
    while True:
        answer = await http.get(path, {**query, "per_page": str(PAGE), "page": str(page)})
        if answer.objects():
            yield answer
        total = answer.headers.get("x-wp-totalpages", "")
        if len(answer.objects()) < PAGE and not (total.isdigit() and page < int(total)):
            return
        page += 1
