"""Answers that are no success, as types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from longshore_client import (
    ApiError,
    Conflict,
    InvalidInput,
    Mistake,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    ServerFailure,
    Unavailable,
    UnexpectedAnswer,
)
from longshore_client.errors import error_of


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, NotAuthenticated),
        (403, NotAllowed),
        (404, NotFound),
        (409, Conflict),
        (413, InvalidInput),
        (415, InvalidInput),
        (422, InvalidInput),
        (429, RateLimited),
        (500, ServerFailure),
        (502, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
        (418, ApiError),
    ],
)
def test_each_status_has_its_type(status: int, kind: type[ApiError]) -> None:
    error = error_of(httpx.Response(status, json={"type": "/problems/x", "title": "T", "detail": "D"}))
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.status, error.type, error.title, error.detail) == (status, "/problems/x", "T", "D")
    assert str(error) == f"{status} T: D"


def test_wrong_parts_are_named() -> None:
    body = {"title": "Invalid input", "detail": "x", "errors": [{"pointer": "/body/sku", "detail": "too long"}, 7]}
    error = error_of(httpx.Response(422, json=body))
    assert isinstance(error, InvalidInput)
    assert error.errors == (Mistake("/body/sku", "too long"),)


@pytest.mark.parametrize("content", [b"<html>Bad gateway</html>", b"[1]", b"", b"\xff"])
def test_what_a_proxy_says_is_an_error_too(content: bytes) -> None:
    error = error_of(httpx.Response(502, content=content))
    assert isinstance(error, Unavailable)
    assert error.title == "Bad Gateway"


def test_a_redirect_is_named_and_not_followed() -> None:
    error = error_of(httpx.Response(308, headers={"Location": "https://hub.example/"}))
    assert isinstance(error, UnexpectedAnswer)
    assert "https://hub.example/" in str(error)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("0", 0.0), ("soon", None), ("-3", None)])
def test_retry_after_in_seconds(value: str, seconds: float | None) -> None:
    error = error_of(httpx.Response(503, headers={"Retry-After": value}))
    assert isinstance(error, ApiError)
    assert error.retry_after == seconds


def test_retry_after_as_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    error = error_of(httpx.Response(429, headers={"Retry-After": at}))
    assert isinstance(error, ApiError)
    assert error.retry_after is not None
    assert 25 < error.retry_after <= 30
    past = error_of(httpx.Response(429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    assert isinstance(past, ApiError)
    assert past.retry_after == 0
