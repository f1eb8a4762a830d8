"""Headers that tell browsers to be careful with what we answer. Plain ASGI."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longshore_gateway.door.asgi import is_api

# What an answer says itself counts: a page with scripts has a policy of its own.
_DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
# Answers of the API are somebody's own.
_API = (*_DEFAULTS, (b"cache-control", b"no-store"))
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeadersMiddleware:
    """Around everything but deliveries. `https`: whether the public address is."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        extra = (_HSTS,) if https else ()
        self._api = (*_API, *extra)
        self._other = (*_DEFAULTS, *extra)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        defaults = self._api if is_api(scope) else self._other

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", [])
                names = {name.lower() for name, _ in given}
                headers = [*given, *(each for each in defaults if each[0] not in names)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, careful)
