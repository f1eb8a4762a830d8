"""Where the tested stores deliver: the gateway's own route, before which deliveries can be lost and sent again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longshore_devkit.stores.common import LocalServer


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery as it came; headers with lower case names."""

    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def with_body(self, body: bytes, **headers: str) -> Taken:
        """The same with another body, and other values of these headers (`_` for `-`)."""
        new = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        new[b"content-length"] = str(len(body)).encode()
        kept = tuple(pair for pair in self.headers if pair[0] not in new)
        return Taken(self.path, (*kept, *new.items()), body)


class Door:
    """An HTTP server on loopback. `behind` takes the deliveries; `losing`: they are answered 200 and thrown away."""

    def __init__(self) -> None:
        self.behind: ASGIApp | None = None
        self.losing = False
        self.taken: list[Taken] = []
        self.lost: list[Taken] = []
        self._server = LocalServer(self)

    @property
    def url(self) -> str:
        """What the connector is told to be LONGSHORE_PUBLIC_URL."""
        return self._server.url

    async def start(self) -> None:
        """Listen."""
        await self._server.start()

    async def stop(self) -> None:
        """Close."""
        await self._server.stop()

    def forget(self) -> None:
        """As if nothing had come yet."""
        self.losing = False
        self.taken.clear()
        self.lost.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        taken = Taken(scope["path"], tuple(scope["headers"]), bytes(body))
        if self.losing:
            self.lost.append(taken)
            status = 200
        else:
            self.taken.append(taken)
            status = await self.deliver(taken)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def deliver(self, delivery: Taken) -> int:
        """Hand a delivery in; the status that it was answered with."""
        assert self.behind is not None, "the connector is not up yet"
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": delivery.path,
            "query_string": b"",
            "headers": list(delivery.headers),
        }
        status = asyncio.get_running_loop().create_future()

        async def receive() -> Message:
            return {"type": "http.request", "body": delivery.body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                status.set_result(message["status"])

        await self.behind(scope, receive, send)
        return int(await status)


async def nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI application for what is no delivery: 404."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})
