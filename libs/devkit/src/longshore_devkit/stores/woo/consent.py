"""`/wc-auth/v1/authorize`: an app asks for keys, the owner agrees (here at once), the shop posts them to the app.

As WooCommerce's WC_Auth has it: keys are made for this app, posted as JSON to its `callback_url`, and taken back unless
the answer is 200; then the browser goes to `return_url` with `success` and `user_id`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from longshore_devkit.stores.woo.auth import ApiKey

_NEEDED = ("app_name", "user_id", "return_url", "callback_url", "scope")
_TIMEOUT_S = 60.0

Post = Callable[[str, bytes], Awaitable[int]]
"""Posts JSON to a URL; answers the status."""


class Consent:
    """The page where the shop's owner agrees. `agrees`: or does not; `post`: how keys reach the app."""

    def __init__(self, keys: MutableMapping[str, ApiKey]) -> None:
        self._keys = keys
        self.agrees = True
        self.post: Post = _post
        # Tests and the demo are on plain http; a real shop insists.
        self.insists_on_https = False

    def routes(self) -> list[Route]:
        """For the shop's app."""
        return [Route("/wc-auth/v1/authorize", self._authorize, methods=["GET"])]

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        missing = [name for name in _NEEDED if not query.get(name)]
        if missing:
            return _refused(f"Missing parameter {missing[0]}")
        if query["scope"] not in ("read", "write", "read_write"):
            return _refused(f"Invalid scope {query['scope']}")
        if self.insists_on_https and not query["callback_url"].startswith("https://"):
            return _refused("The callback_url needs to be over SSL")
        if not self.agrees:
            return _back(query["return_url"], success="0", user_id=query["user_id"])
        key = ApiKey("ck_" + secrets.token_hex(20), "cs_" + secrets.token_hex(20), query["scope"])  # type: ignore[arg-type]  # checked above
        self._keys[key.consumer_key] = key
        body = {
            "key_id": len(self._keys),
            "user_id": query["user_id"],
            "consumer_key": key.consumer_key,
            "consumer_secret": key.consumer_secret,
            "key_permissions": key.permission,
        }
        try:
            status = await self.post(query["callback_url"], json.dumps(body).encode())
        except (aiohttp.ClientError, OSError):
            status = 0
        if status != 200:
            del self._keys[key.consumer_key]
            return _refused("An error occurred in the request and at the time were unable to send the consumer data")
        return _back(query["return_url"], success="1", user_id=query["user_id"])


async def _post(url: str, body: bytes) -> int:
    headers = {"Content-Type": "application/json;charset=UTF-8"}
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status


def _back(return_url: str, **more: str) -> Response:
    parts = urlsplit(return_url)
    query = urlencode([*parse_qsl(parts.query), *more.items()])
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302)


def _refused(why: str) -> Response:
    return HTMLResponse(f"<p>Error: {why}.</p>", 401)
