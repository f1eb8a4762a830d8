"""Problem details for HTTP APIs (RFC 9457): one error shape for every route of every service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import structlog
from aiokafka.errors import KafkaError
from fastapi import APIRouter, FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from longshore.broker.errors import Transient, describe, is_transient, is_unkept_text

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    502: "Bad answer from another service",
    503: "Temporarily unavailable",
}


class Problem(Exception):
    """An error to show to the caller.

    `type` is the last part of the problem's URI reference (`/problems/<type>`); `extra` are further
    members. Never put a secret or a buyer's data into `detail`.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        type: str | None = None,
        title: str | None = None,
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title or TITLES.get(status, "Error")
        self.type = f"/problems/{type}" if type else "about:blank"
        self.headers = headers
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }

    def response(self) -> JSONResponse:
        """The answer to send."""
        return JSONResponse(jsonable_encoder(self.body()), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def not_found(what: str) -> Problem:
    """A 404 that says what is not there. The same for another organisation's things: existence is not told."""
    return Problem(404, f"{what} does not exist.", type="not-found")


def try_again(detail: str, after_s: int = RETRY_AFTER_S) -> Problem:
    """A 503 that says when to ask again."""
    return Problem(503, detail, type="try-again", headers={"Retry-After": str(after_s)})


def methods_of(routes: Iterable[BaseRoute], scope: Scope) -> list[str]:
    """What a path takes. Starlette's own 405 names the methods of the first of its routes alone, and knows no better
    than that `/letters/replay` is a `/letters/{id}`, too."""
    found: dict[str, set[str]] = {}
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            found.setdefault(route.path, set()).update(route.methods or ())
    fewest = min(found, key=lambda path: path.count("{"), default=None)
    # HEAD comes with GET by itself, and is documented by nobody.
    return [] if fewest is None else sorted(found[fewest] - {"HEAD"})


def install_problem_handlers(app: FastAPI, routers: Sequence[APIRouter] = ()) -> None:
    """Make every error of `app` a problem document, those of the frameworks too. What passes by itself (PostgreSQL or
    Kafka away, no connection left) is 503 with Retry-After, a text that PostgreSQL does not keep 422. `routers`: those
    that are included, so that a 405 names all methods of its path."""
    routes = [route for router in routers for route in router.routes]

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)  # noqa: S101  (registered for this type only)
        return error.response()

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        headers = dict(error.headers) if error.headers else None
        if error.status_code == 405 and (allowed := methods_of(routes, request.scope)):
            headers = {**(headers or {}), "Allow": ", ".join(allowed)}
        return Problem(error.status_code, str(error.detail), headers=headers).response()

    async def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        allowed = methods_of(routes, request.scope)
        if allowed and request.method not in allowed:
            # `GET /letters/replay` came to `/letters/{id}`, of which it is none.
            return await on_http(request, HTTPException(405))
        # The input itself is left out: it may hold a secret.
        errors = [
            {"pointer": "/" + "/".join(str(part) for part in each["loc"]), "detail": each["msg"]}
            for each in error.errors()
        ]
        first = errors[0] if errors else {"pointer": "", "detail": "invalid"}
        return Problem(422, f"{first['pointer']}: {first['detail']}", type="invalid-input", errors=errors).response()

    async def on_failure(request: Request, error: Exception) -> JSONResponse:
        if is_unkept_text(error):
            detail = "A text of it holds a character that cannot be kept: NUL, or half of a surrogate pair."
            return Problem(422, detail, type="invalid-input").response()
        if not is_transient(error):
            raise error  # a bug, then
        log.warning("a request cannot be answered now", path=request.url.path, error=describe(error))
        return try_again("It cannot be answered now: a part that it needs is away. Ask again.").response()

    async def on_bug(request: Request, error: Exception) -> JSONResponse:
        # What a middleware raises comes here alone: it may have asked a database that is away.
        if is_transient(error) or is_unkept_text(error):
            return await on_failure(request, error)
        return Problem(500, "Something went wrong on our side; the log has the reason.").response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    database = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, UnicodeEncodeError)
    for kind in (*database, KafkaError, Transient, OSError):
        app.add_exception_handler(kind, on_failure)
    app.add_exception_handler(Exception, on_bug)
