"""Answers of a token endpoint: pairs, refusals, and what is neither."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from longshore.platforms.protocols import StoreError, StoreRefused, StoreThrottled, StoreUnauthorized, StoreUnavailable
from longshore.platforms.token_endpoint import GrantRefused, TokenEndpoint, read_answer

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "access_token": "shpat_a",
    "scope": "write_orders,read_products",
    "expires_in": 3600,
    "refresh_token": "shprt_r",
    "refresh_token_expires_in": 7_776_000,
}


def test_a_pair() -> None:
    pair = read_answer(200, json.dumps(GOOD).encode(), NOW)
    assert (pair.access_token, pair.refresh_token) == ("shpat_a", "shprt_r")
    assert (pair.expires_at, pair.refresh_expires_at) == (NOW + timedelta(hours=1), NOW + timedelta(days=90))
    assert pair.scopes == ("read_products", "write_orders")
    assert "shpat" not in repr(pair)
    assert "shprt" not in repr(pair)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, b'{"error":"invalid_grant"}', GrantRefused, "invalid-grant"),
        (400, b'{"error":"invalid_request"}', GrantRefused, "invalid-request"),
        (401, b'{"error":"invalid_client"}', StoreUnauthorized, "app-credentials"),
        (400, b'{"error":"application_cannot_be_found"}', StoreUnauthorized, "app-credentials"),
        # A page of a proxy's, a frozen shop, a shop that is gone: no word on the grant.
        (400, b"<html>", StoreRefused, "refused"),
        (402, b"{}", StoreRefused, "refused"),
        (404, b"Not Found", StoreRefused, "refused"),
        (302, b"", StoreRefused, "refused"),
        (429, b"", StoreThrottled, "throttled"),
        (500, b'{"error":"invalid_grant"}', StoreUnavailable, "store-error"),
        (503, b"", StoreUnavailable, "store-error"),
        (200, b"<html>", StoreUnavailable, "no-token"),
        (200, b"[1]", StoreUnavailable, "no-token"),
        (200, b'{"access_token":"shpat_forever","scope":""}', StoreRefused, "not-expiring"),
        (200, json.dumps(GOOD | {"expires_in": 0}).encode(), StoreRefused, "not-expiring"),
    ],
)
def test_what_is_no_pair(status: int, body: bytes, kind: type[StoreError], code: str) -> None:
    with pytest.raises(StoreError) as error:
        read_answer(status, body, NOW)
    assert (type(error.value), error.value.code) == (kind, code)


def test_no_part_of_an_answer_is_told() -> None:
    body = json.dumps({"error": "shprt_secret and <more>", "error_description": "shprt_secret"}).encode()
    with pytest.raises(StoreError) as error:
        read_answer(400, body, NOW)
    assert "shprt" not in str(error.value)


async def test_nobody_is_there(unused_tcp_port: int) -> None:
    endpoint = TokenEndpoint(f"http://127.0.0.1:{unused_tcp_port}/token", "id", "secret", allow_private=True)
    with pytest.raises(StoreUnavailable):
        await endpoint.refresh("shprt_r")


async def test_it_is_asked_at_public_addresses_only() -> None:
    with pytest.raises(StoreRefused) as error:
        await TokenEndpoint("http://localhost:9/token", "id", "secret").refresh("shprt_r")
    assert error.value.code == "private-address"
