"""The gateway's own HTTP client."""

from __future__ import annotations

from typing import Any

import httpx


class HttpClient(httpx.AsyncClient):
    """A client that has an httpx.HTTPError for every failure to get through."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """See httpx.AsyncClient."""
        try:
            return await super().send(request, **options)
        except AttributeError as error:
            # anyio 4.16 asks a connection for its peer as soon as it stands; uvloop's has no socket any more if the
            # other end has closed it by then, as a process that dies does.
            raise httpx.ConnectError(f"The connection was closed as soon as it stood ({error}).") from error
