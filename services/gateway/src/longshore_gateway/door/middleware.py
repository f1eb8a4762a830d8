"""Says who is asking, and how much, how long and how fast they may: requests per second, size of a body, time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longshore.problems import Problem
from longshore_gateway.accounts.rules import Caller
from longshore_gateway.accounts.service import Accounts
from longshore_gateway.door.asgi import header, is_api, send_problem, set_caller
from longshore_gateway.limits.addresses import Network, client_address
from longshore_gateway.limits.buckets import Buckets, Taken

MIB = 1024 * 1024
CONSENT = "/oauth/"
REFUSING_S = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a body (more for some paths, by how they begin), seconds for it to arrive, seconds for the rest until
    the answer begins; an answer that has begun may go on for as long as it likes (server-sent events)."""

    body: int = MIB
    bodies: Mapping[str, int] | None = None
    arrival_s: float = 30.0
    answer_s: float = 60.0

    def body_of(self, path: str) -> int:
        """The longest body that a path takes."""
        for prefix, limit in (self.bodies or {}).items():
            if path.startswith(prefix):
                return limit
        return self.body


class DoorMiddleware:
    """In front of everything but deliveries. Sizes and times are for all; who is asking is looked for below /api/v1.

    Requests are counted there, and below `CONSENT`, where browsers and stores come to connect: strangers, all of them.
    """

    def __init__(
        self,
        app: ASGIApp,
        accounts: Accounts,
        known: Buckets,
        strangers: Buckets,
        limits: Limits,
        trusted_proxies: Sequence[Network] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._accounts = accounts
        self._known = known
        self._strangers = strangers
        self._limits = limits
        self._trusted = trusted_proxies
        self._monotonic = monotonic
        self._refusing_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        taken: Taken | None = None
        if is_api(scope):
            flooding = self._is_flooding(scope)
            caller = _unasked() if flooding else await self._identify(scope)
            taken = self._take(scope, caller)
        elif scope["path"].startswith(CONSENT):
            taken = self._take(scope, _unasked())
        if taken is not None:
            send = _with_headers(send, taken)
            if not taken.allowed:
                await send_problem(send, _too_many(taken))
                return
        await self._bounded(scope, receive, send)

    async def _identify(self, scope: Scope) -> Caller | Problem:
        """A caller who is not known may still be at a route for everybody: that is the route's to say."""
        try:
            found: Caller | Problem = await self._accounts.authenticate(header(scope, b"authorization"))
        except Problem as problem:
            found = problem
        set_caller(scope, found)
        return found

    def _is_flooding(self, scope: Scope) -> bool:
        """Whether this is one more of the many strangers of an address that is refused now: then nobody looks for its
        key in the database. Costs something only while strangers are refused."""
        now = self._monotonic()
        if now >= self._refusing_until or self._accounts.remembers(header(scope, b"authorization")):
            return False
        return self._strangers.is_empty(self._address(scope), now)

    def _address(self, scope: Scope) -> str:
        peer = scope["client"][0] if scope.get("client") else None
        return client_address(peer, header(scope, b"x-forwarded-for"), self._trusted)

    def _take(self, scope: Scope, caller: Caller | Problem) -> Taken | None:
        if isinstance(caller, Caller):
            return self._known.take(caller.id, self._monotonic()) if self._known.limited else None
        if not self._strangers.limited:
            return None
        now = self._monotonic()
        taken = self._strangers.take(self._address(scope), now)
        if not taken.allowed:
            self._refusing_until = now + REFUSING_S
        return taken

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        longest = self._limits.body_of(scope["path"])
        declared = header(scope, b"content-length")
        if declared is not None and declared.isdigit() and int(declared) > longest:
            await send_problem(send, _too_large(longest))
            return
        loop = asyncio.get_running_loop()
        has_body = bool(declared and declared != "0") or header(scope, b"transfer-encoding") is not None
        arrived, started, size = not has_body, False, 0

        async def counted() -> Message:
            nonlocal arrived, size
            message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                if size > longest:
                    raise TooLarge(longest)
                if not arrived and not message.get("more_body", False):
                    arrived = True
                    time_limit.reschedule(loop.time() + self._limits.answer_s)
            return message

        async def begun(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                time_limit.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(self._limits.arrival_s if has_body else self._limits.answer_s) as time_limit:
                await self._app(scope, counted, begun)
        except TooLarge:
            if started:
                raise
            await send_problem(send, _too_large(longest))
        except TimeoutError:
            if started or not time_limit.expired():
                raise
            await send_problem(send, _too_slow() if not arrived else _too_long())


class TooLarge(HTTPException):
    """A body went beyond its limit. FastAPI lets an HTTPException pass where it reads the body."""

    def __init__(self, longest: int) -> None:
        problem = _too_large(longest)
        super().__init__(problem.status, problem.detail, problem.headers)


def _with_headers(send: Send, taken: Taken) -> Send:
    """The headers of draft-ietf-httpapi-ratelimit-headers, as most clients know them."""
    headers = [
        (b"ratelimit-limit", str(taken.limit).encode()),
        (b"ratelimit-remaining", str(taken.remaining).encode()),
        (b"ratelimit-reset", str(taken.reset_s).encode()),
    ]

    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *headers]}
        await send(message)

    return with_headers


def _unasked() -> Problem:
    return Problem(401, "Nobody has looked who this is.", type="not-authenticated")


def _too_many(taken: Taken) -> Problem:
    return Problem(
        429,
        f"Too many requests; the next one may come in {taken.retry_s} s.",
        type="too-many-requests",
        headers={"Retry-After": str(taken.retry_s)},
    )


def _too_large(longest: int) -> Problem:
    # The rest of the body is not read: the connection cannot be used again.
    return Problem(
        413, f"A request here has at most {longest // 1024} KiB.", type="too-large", headers={"Connection": "close"}
    )


def _too_slow() -> Problem:
    return Problem(
        408, "The request did not arrive in time.", type="too-slow", title="Request timeout",
        headers={"Connection": "close"},
    )  # fmt: skip


def _too_long() -> Problem:
    return Problem(
        503, "It took too long; nothing is known to have been done.", type="try-again", headers={"Retry-After": "5"}
    )
