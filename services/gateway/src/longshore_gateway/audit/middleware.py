"""Lets every change through the API leave a line in the audit log. Plain ASGI, inside of what says who is asking.

A route of the gateway's own records in its transaction what it has changed. Where nothing was recorded, since another
service did it, or its author has not thought of it, the request itself is written down after its answer.
"""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longshore.broker.errors import describe, is_transient
from longshore.clock import Clock, utc_now
from longshore_gateway.accounts.rules import Caller
from longshore_gateway.audit.rules import DATA, LONGEST_BODY, READS, subject_of, told_of
from longshore_gateway.audit.trail import acting_as, record
from longshore_gateway.door.asgi import caller_of

log = structlog.get_logger(__name__)


class AuditMiddleware:
    """Around all that changes something on behalf of somebody."""

    def __init__(self, app: ASGIApp, engine: AsyncEngine, clock: Clock = utc_now) -> None:
        self._app = app
        self._engine = engine
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope) if scope["type"] == "http" and scope["method"] not in READS else None
        if not isinstance(caller, Caller):
            await self._app(scope, receive, send)
            return
        request, answer, status = _Start(), _Start(), 0

        async def heard() -> Message:
            message = await receive()
            request.add(message.get("body", b""))
            return message

        async def said(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            answer.add(message.get("body", b""))
            await send(message)

        with acting_as(caller.actor, caller.name) as acting:
            await self._app(scope, heard, said)
            if status < 400 and not acting.recorded:
                await self._write(scope, caller, request, answer)

    async def _write(self, scope: Scope, caller: Caller, request: _Start, answer: _Start) -> None:
        path = getattr(scope.get("route"), "path", scope["path"])
        subject = subject_of(scope.get("path_params", {}), answer.whole)
        after = None if scope["path"].startswith(DATA) else told_of(request.whole, scope["path"])
        try:
            async with self._engine.begin() as conn:
                action = f"{scope['method']} {path}"
                await record(conn, caller.org_id, action, subject, self._clock(), after=after)
        except Exception as error:
            # It was done and answered: all that is left is to say so where ops look. Nothing is raised, whatever it is:
            # who sent an Idempotency-Key would be told that it failed, and would do it once more.
            log.error(
                "a change is missing in the audit log",
                actor=caller.actor, method=scope["method"], path=scope["path"], error=describe(error),
                exc_info=not is_transient(error),
            )  # fmt: skip


class _Start:
    """What passes by, as long as it is short."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= LONGEST_BODY:
            self._parts.append(part)
        else:
            self._parts.clear()

    @property
    def whole(self) -> bytes | None:
        return b"".join(self._parts) if self._size <= LONGEST_BODY else None
