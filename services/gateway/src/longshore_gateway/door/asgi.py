"""Small things that ASGI middleware needs."""

from __future__ import annotations

import json

from fastapi.encoders import jsonable_encoder
from starlette.types import Message, Receive, Scope, Send

from longshore.problems import MEDIA_TYPE, Problem
from longshore_gateway.accounts.rules import Caller

API = "/api/v1/"
_CALLER = "caller"


def is_api(scope: Scope) -> bool:
    """Whether it is a request to the API."""
    path: str = scope.get("path", "")
    return scope["type"] == "http" and path.startswith(API)


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that name, in small letters."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None


def set_caller(scope: Scope, caller: Caller | Problem) -> None:
    """Who is asking, for all that comes after; or why that is not known."""
    scope.setdefault("state", {})[_CALLER] = caller


def caller_of(scope: Scope) -> Caller | Problem | None:
    """Who is asking, or why that is not known; None where nobody has looked."""
    found: Caller | Problem | None = scope.get("state", {}).get(_CALLER)
    return found


async def send_problem(send: Send, problem: Problem) -> None:
    """Answer with a problem document."""
    body = json.dumps(jsonable_encoder(problem.body())).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in (problem.headers or {}).items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises Problem 400 when the client has gone before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The connection was closed before the end of the body.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives a body that was read already, and then what really comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
