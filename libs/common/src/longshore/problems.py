"""Problem details for HTTP APIs (RFC 9457): one error shape for every route of every service."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

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


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem document, those of the frameworks too."""

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Problem)  # noqa: S101  (registered for this type only)
        return error.response()

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101
        headers = dict(error.headers) if error.headers else None
        return Problem(error.status_code, str(error.detail), headers=headers).response()

    async def on_invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        # The input itself is left out: it may hold a secret.
        errors = [
            {"pointer": "/" + "/".join(str(part) for part in each["loc"]), "detail": each["msg"]}
            for each in error.errors()
        ]
        first = errors[0] if errors else {"pointer": "", "detail": "invalid"}
        return Problem(422, f"{first['pointer']}: {first['detail']}", type="invalid-input", errors=errors).response()

    async def on_bug(_: Request, error: Exception) -> JSONResponse:
        return Problem(500, "Something went wrong on our side; the log has the reason.").response()

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_bug)
