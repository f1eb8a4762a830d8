"""Gives the answer of before to a POST that comes again. Plain ASGI, inside of what says who is asking."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longshore.problems import Problem
from longshore_gateway.accounts.rules import Caller
from longshore_gateway.door.asgi import caller_of, header, read_body, replay, send_problem
from longshore_gateway.idempotency.rules import Answer, hands_out, is_kept, is_key, kept_headers, request_digests
from longshore_gateway.idempotency.service import Claim, Repeats
from longshore_gateway.idempotency.store import Place

HEADER = b"idempotency-key"


class IdempotencyMiddleware:
    """Every POST below /api/v1 by somebody known, if it has an Idempotency-Key; `keys` are the encryption keys."""

    def __init__(self, app: ASGIApp, repeats: Repeats, keys: Sequence[str]) -> None:
        self._app = app
        self._repeats = repeats
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        key, caller = header(scope, HEADER), caller_of(scope)
        if key is None or not isinstance(caller, Caller):
            await self._app(scope, receive, send)
            return
        try:
            if not is_key(key):
                raise Problem(422, "An Idempotency-Key has 1 to 255 printable characters.", type="invalid-input")
            body = await read_body(receive)
            requests = request_digests(
                self._keys, scope["method"], _target(scope), header(scope, b"content-type") or "", body
            )
            begun = await self._repeats.begin(Place(caller.org_id, caller.actor, key), requests)
        except Problem as problem:
            await send_problem(send, problem)
            return
        if isinstance(begun, Answer):
            await _give_again(send, begun)
        else:
            await self._do(begun, scope, replay(body, receive), send)

    async def _do(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, hold)
        except BaseException:
            await self._repeats.release(claim)
            raise
        answer = _answer(messages)
        # Before it is given: whoever has the answer can rely on getting it again.
        if is_kept(answer.status) and not hands_out(scope["path"]):
            await self._repeats.keep(claim, answer)
        else:
            await self._repeats.release(claim)
        for message in messages:
            await send(message)


def _answer(messages: Sequence[Message]) -> Answer:
    start = messages[0]
    body = b"".join(message.get("body", b"") for message in messages[1:] if message["type"] == "http.response.body")
    return Answer(start["status"], kept_headers(start.get("headers", [])), body)


async def _give_again(send: Send, answer: Answer) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != 204:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    headers.append((b"idempotency-replayed", b"true"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _target(scope: Scope) -> str:
    query: bytes = scope.get("query_string", b"")
    return f"{scope['path']}?{query.decode('latin-1')}"
