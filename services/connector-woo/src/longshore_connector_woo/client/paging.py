"""Lists of a store, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from longshore_connector_woo.client.answers import Answer

PAGE = 100  # the most that WooCommerce gives


class Gets(Protocol):
    """What reading needs of StoreHttp."""

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Read `path` of the API. Raises StoreError."""


async def pages(http: Gets, path: str, query: Mapping[str, str]) -> AsyncIterator[Answer]:
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
