"""What can go wrong with a call, as types: one per kind of problem that the hub answers with (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx


class LongshoreError(Exception):
    """Base of all that this client raises; its text says what to do."""


class NoAnswer(LongshoreError):
    """The hub could not be reached, also after retries: refused, timed out, or no valid TLS."""


class UnexpectedAnswer(LongshoreError):
    """Something answered that is not a hub that this client understands."""


@dataclass(frozen=True)
class Mistake:
    """One wrong part of what was sent. `pointer` says where (`/body/sku`)."""

    pointer: str
    detail: str


class ApiError(LongshoreError):
    """The hub refused. `type` names the kind (`/problems/not-found`), `retry_after` is in seconds."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.type = str(problem.get("type") or "about:blank")
        self.title = str(problem.get("title") or "Error")
        self.detail = str(problem.get("detail") or "")
        self.errors = tuple(_mistakes(problem.get("errors")))
        self.retry_after = retry_after
        self.problem = dict(problem)
        super().__init__(f"{status} {self.title}: {self.detail}" if self.detail else f"{status} {self.title}")


class InvalidInput(ApiError):
    """400, 413, 415, 422: what was sent is wrong; `errors` says where."""


class NotAuthenticated(ApiError):
    """401: no key, or one that is not known or no longer valid."""


class NotAllowed(ApiError):
    """403: the key is good, but its role or scopes do not allow this."""


class NotFound(ApiError):
    """404: there is no such thing in this organisation."""


class Conflict(ApiError):
    """409: it does not fit what is there: already connected, more than is open to ship."""


class RateLimited(ApiError):
    """429, also after retries."""


class Unavailable(ApiError):
    """502, 503 or 504, also after retries: the hub or a part of it is away."""


class ServerFailure(ApiError):
    """500: a fault of the hub; its log has the reason."""


_KINDS: dict[int, type[ApiError]] = {
    400: InvalidInput,
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    429: RateLimited,
    500: ServerFailure,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def error_of(response: httpx.Response) -> LongshoreError:
    """The error that an answer which is no success stands for."""
    if response.is_redirect:
        place = response.headers.get("location", "elsewhere")
        return UnexpectedAnswer(f"The address redirects to {place}: use the hub's own address.")
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):  # a proxy on the way, say
        problem = {"title": response.reason_phrase or "Error"}
    kind = _KINDS.get(response.status_code, ApiError)
    return kind(response.status_code, problem, retry_after=_retry_after(response.headers.get("retry-after")))


def _retry_after(value: str | None) -> float | None:
    """Retry-After in seconds from now; it is a number or a date."""
    if value is None:
        return None
    if value.isascii() and value.strip().isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _mistakes(errors: object) -> Sequence[Mistake]:
    if not isinstance(errors, list):
        return []
    return [
        Mistake(str(each.get("pointer", "")), str(each.get("detail", ""))) for each in errors if isinstance(each, dict)
    ]
