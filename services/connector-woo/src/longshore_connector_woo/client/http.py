"""Requests to one store: signed, paced, never redirected, their errors named."""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from yarl import URL

from longshore.platforms.outbound import Lookup, connection_error, store_session, store_url
from longshore.platforms.protocols import StoreRefused, StoreThrottled, StoreUnavailable
from longshore.platforms.store_clock import clock_ahead_s
from longshore_connector_woo.client.answers import NO_REST_API, Answer, read_answer, retry_after
from longshore_connector_woo.client.oauth import encode, signed_query
from longshore_connector_woo.client.pace import Pace

API = "/wp-json/wc/v3"
BEHIND = "/index.php"
# Four for reading lists (see reader), the others for what must not wait: pushes, shipments, single orders.
CONNECTIONS = 6
# WooCommerce answers in 0.1 to 1 s; a batch of 100 products on a small host takes a minute.
TIMEOUT = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=90)
LARGEST_ANSWER = 64 * 1024 * 1024
_CHUNK = 256 * 1024


class StoreHttp:
    """https: Basic. http (development only): OAuth 1.0a, so that no secret travels in clear."""

    def __init__(
        self,
        store_url: str,
        key: str,
        secret: str,
        *,
        allow_private: bool = False,
        tls_ca_file: str | None = None,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
        lookup: Lookup | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._store_url = store_url
        self._key = key
        self._secret = secret
        self._allow_private = allow_private
        self._tls_ca_file = tls_ca_file
        self._timeout = timeout
        self._lookup = lookup
        self._pace = pace or Pace()
        self._session: aiohttp.ClientSession | None = None
        # What stands before /wp-json: where a host has no pretty permalinks, it is behind index.php. None: not known.
        self._front: str | None = None
        self.clock_ahead_s = 0.0

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Read `path` of the API."""
        return await self._request("GET", API + path, query or {}, None)

    async def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Write. WooCommerce takes a POST for a change too; unlike a PUT it is never repeated below us."""
        return await self._request("POST", API + path, {}, body)

    async def delete(self, path: str) -> Answer:
        """Delete for good."""
        return await self._request("DELETE", API + path, {"force": "true"}, None)

    async def index(self) -> Answer:
        """What the site says about itself; no key is sent."""
        return await self._request("GET", "/wp-json/", {"_fields": "name,namespaces"}, None, with_key=False)

    async def close(self) -> None:
        """Close connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        *,
        with_key: bool = True,
    ) -> Answer:
        """Where the REST API is found behind index.php only, the first answer shows it."""
        if self._front is not None:
            return await self._request_at(self._front, method, path, query, body, with_key=with_key)
        try:
            answer = await self._request_at("", method, path, query, body, with_key=with_key)
        except StoreUnavailable as error:
            if error.code != NO_REST_API:
                raise
            try:
                answer = await self._request_at(BEHIND, method, path, query, body, with_key=with_key)
            except StoreUnavailable:
                raise error from None
            except StoreRefused:
                self._front = BEHIND
                raise
            self._front = BEHIND
            return answer
        self._front = ""
        return answer

    async def _request_at(
        self,
        front: str,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        *,
        with_key: bool,
    ) -> Answer:
        address = f"{store_url(self._store_url, allow_private=self._allow_private)}{front}{path}"
        await self._pace.turn()
        headers = {"Accept": "application/json", "User-Agent": "Longshore"}
        text = encode(query)
        if with_key and address.startswith("https:"):
            headers["Authorization"] = f"Basic {b64encode(f'{self._key}:{self._secret}'.encode()).decode()}"
        elif with_key:
            now = int(datetime.now(UTC).timestamp())
            nonce = secrets.token_hex(16)
            text = signed_query(method, address, query, key=self._key, secret=self._secret, nonce=nonce, timestamp=now)
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False).encode()
        url = URL(f"{address}?{text}" if text else address, encoded=True)
        status, answered, received = await self._send(method, url, headers, content)
        now_utc = datetime.now(UTC)
        ahead = clock_ahead_s(answered.get("date"), now_utc)
        self.clock_ahead_s = self.clock_ahead_s if ahead is None else ahead
        if status == 429:
            pause = self._pace.throttled(retry_after(answered, now_utc))
            raise StoreThrottled("throttled", "The store asked us to slow down (HTTP 429).", pause)
        answer = read_answer(status, answered, received, now_utc)
        self._pace.good()
        return answer

    async def _send(
        self, method: str, url: URL, headers: Mapping[str, str], content: bytes | None
    ) -> tuple[int, dict[str, str], bytes]:
        """One exchange. Raises StoreError for what the network does."""
        try:
            async with self._open().request(
                method, url, headers=headers, data=content, allow_redirects=False
            ) as response:
                received = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    received += chunk
                    if len(received) > LARGEST_ANSWER:
                        raise StoreRefused("answer-too-large", "The store's answer is larger than 64 MiB.")
                answered = {name.lower(): value for name, value in response.headers.items()}
                return response.status, answered, bytes(received)
        except aiohttp.ClientPayloadError as error:
            if isinstance(error.__cause__, ContentEncodingError):
                detail = "The store's answer is not compressed as it says: look at its cache and compression plugins."
                raise StoreUnavailable("broken-encoding", detail) from None
            raise connection_error(error) from None
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise connection_error(error) from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = store_session(
                allow_private=self._allow_private,
                tls_ca_file=self._tls_ca_file,
                limit=CONNECTIONS,
                timeout=self._timeout,
                lookup=self._lookup,
            )
        return self._session
