"""An OAuth 2 token endpoint (RFC 6749) whose tokens expire: codes and refresh tokens in, pairs out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from longshore.clock import Clock, utc_now
from longshore.platforms.outbound import connection_error, store_session
from longshore.platforms.protocols import StoreError, StoreRefused, StoreThrottled, StoreUnauthorized, StoreUnavailable
from longshore.vault import TokenPair

# Below PostgreSQL's lock_timeout (db.py): whoever waits for a refresh gets its result and not an error.
TIMEOUT_S = 8.0
LARGEST_ANSWER = 64 * 1024

# The app is at fault, not the grant: what was granted may still be good.
_OUR_FAULT = frozenset({"invalid_client", "application_cannot_be_found", "unauthorized_client"})


class GrantRefused(StoreRefused):
    """The platform does not take this code or refresh token, and never will."""


class TokenEndpoint:
    """One store's token endpoint, for one app. Nothing is remembered between calls."""

    def __init__(
        self,
        url: str,
        client_id: str,
        client_secret: str,
        *,
        allow_private: bool = False,
        tls_ca_file: str | None = None,
        timeout_s: float = TIMEOUT_S,
        clock: Clock = utc_now,
    ) -> None:
        self._url = url
        self._app = {"client_id": client_id, "client_secret": client_secret}
        self._allow_private = allow_private
        self._tls_ca_file = tls_ca_file
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._clock = clock

    async def exchange(self, code: str, **more: str) -> TokenPair:
        """What was granted with a code. Raises GrantRefused, or another StoreError."""
        return await self._ask({"code": code, **more})

    async def refresh(self, refresh_token: str) -> TokenPair:
        """The next pair. Raises GrantRefused, or another StoreError."""
        return await self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def _ask(self, form: Mapping[str, str]) -> TokenPair:
        # Counted from before the question, so that no token is held to be good for longer than it is.
        asked_at = self._clock()
        session = store_session(
            allow_private=self._allow_private, tls_ca_file=self._tls_ca_file, limit=1, timeout=self._timeout
        )
        try:
            async with (
                session,
                session.post(
                    self._url,
                    data={**self._app, **form},
                    headers={"Accept": "application/json"},
                    allow_redirects=False,
                ) as answer,
            ):
                status, body = answer.status, await answer.content.read(LARGEST_ANSWER)
                while not answer.content.at_eof() and len(body) < LARGEST_ANSWER:
                    body += await answer.content.read(LARGEST_ANSWER - len(body))
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise connection_error(error) from None
        return read_answer(status, body, asked_at)


def read_answer(status: int, body: bytes, asked_at: datetime) -> TokenPair:
    """The pair in an answer. Raises GrantRefused, or another StoreError; no error holds a part of the answer but its
    OAuth error code."""
    parsed = _parsed(body)
    if status == 200:
        return _pair(parsed, asked_at)
    raise _refusal(status, str(parsed.get("error", "")))


def _refusal(status: int, error: str) -> StoreError:
    code = error if error.isascii() and error.replace("_", "").isalnum() and len(error) < 50 else ""
    if code in _OUR_FAULT:
        return StoreUnauthorized("app-credentials", "The store does not accept the app's own client id and secret.")
    if status == 429:
        return StoreThrottled("throttled", "The store asks us to slow down.", 5.0)
    if status >= 500 or status in (408, 425):
        return StoreUnavailable("store-error", f"The store's token endpoint answered with status {status}.")
    if status in (400, 401, 403) and code:
        return GrantRefused(code.replace("_", "-"), f"The store does not accept the grant ({code}).")
    return StoreRefused("refused", f"The store's token endpoint refused the request with status {status}.")


def _pair(parsed: Mapping[str, Any], asked_at: datetime) -> TokenPair:
    access, refresh = parsed.get("access_token"), parsed.get("refresh_token")
    expires_in, refresh_in = parsed.get("expires_in"), parsed.get("refresh_token_expires_in")
    if not (isinstance(access, str) and access):
        raise StoreUnavailable("no-token", "The store's token endpoint answered without a token.")
    if not (isinstance(refresh, str) and refresh and isinstance(expires_in, int) and expires_in > 0):
        raise StoreRefused(
            "not-expiring", "The store gave a token that does not expire; the app must use those that do."
        )
    scopes = str(parsed.get("scope") or "").replace(",", " ").split()
    return TokenPair(
        access_token=access,
        refresh_token=refresh,
        expires_at=asked_at + timedelta(seconds=expires_in),
        refresh_expires_at=asked_at + timedelta(seconds=refresh_in) if isinstance(refresh_in, int) else None,
        scopes=tuple(sorted(scopes)),
    )


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
