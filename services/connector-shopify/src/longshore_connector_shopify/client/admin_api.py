"""One store's GraphQL Admin API over HTTP: requests, pacing, and what its refusals mean."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog

from longshore.platforms.access import AccessToken, FixedToken
from longshore.platforms.outbound import connection_error, store_session
from longshore.platforms.protocols import StoreRefused, StoreThrottled, StoreUnauthorized, StoreUnavailable
from longshore.platforms.store_clock import clock_ahead_s
from longshore.platforms.usage import StoreUsage
from longshore_connector_shopify.client.pacing import FIRST_GUESS, CostBucket, Rank
from longshore_connector_shopify.documents import document, keys_of_answer

log = structlog.get_logger(__name__)

API_VERSION = "2026-07"

_DOMAIN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.(com|io)")

_RANKS = dict.fromkeys(("stock_set", "stock_activate", "levels_now", "locations"), Rank.STOCK) | dict.fromkeys(
    (
        "fulfillment_cancel",
        "fulfillment_create",
        "fulfillment_order",
        "job",
        "order_cancel",
        "order_mark_paid",
        "order_note",
        "order_now",
        "parcel",
        "price_now",
        "price_set",
        "product_now",
        "product_status",
        "refund_create",
        "refund_now",
        "tags_add",
        "tags_remove",
        "to_ship",
        "tracking_update",
        "unshipped",
    ),
    Rank.SHIPMENT,
)
_IN_BACKGROUND: ContextVar[bool] = ContextVar("_IN_BACKGROUND", default=False)

# How often a throttled request is repeated here before the job is put back.
_THROTTLED_TRIES = 4
_LONGEST_WAIT_S = 10.0
_LARGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` holds the exact bytes; `data` their parsed `data`. `denied`: fields that the token may not read."""

    body: bytes
    data: dict[str, Any]
    denied: tuple[str, ...] = ()


@contextmanager
def in_background() -> Iterator[None]:
    """What is read inside leaves the store's limit to everything else first; so do tasks that are begun inside."""
    token = _IN_BACKGROUND.set(True)
    try:
        yield
    finally:
        _IN_BACKGROUND.reset(token)


class _TokenRefused(StoreUnauthorized):
    """The token itself is not good (any more): another may be."""


def shop_domain(store_url: str) -> str:
    """The shop's domain in what was given as its address. Raises StoreRefused for anything else (PLATFORMS.md)."""
    domain = store_url.strip().removeprefix("https://").removeprefix("http://").rstrip("/").lower()
    if not _DOMAIN.fullmatch(domain):
        raise StoreRefused("bad-shop-domain", "The store's address must look like your-shop.myshopify.com.")
    return domain


def shop_base(domain: str, origin: str | None) -> str:
    """Where a shop's admin is: at its domain, or (development only) below `origin`."""
    return f"{origin.rstrip('/')}/{domain}" if origin else f"https://{domain}"


def gid(kind: str, number: str) -> str:
    """`gid://shopify/Order/1`. Raises StoreRefused for what is no number."""
    if not (number.isascii() and number.isdigit()):
        raise StoreRefused("bad-id", f"The id of a Shopify {kind} is a number.")
    return f"gid://shopify/{kind}/{number}"


class AdminApi:
    """Sends our documents. One per store; used by many tasks at a time.

    `origin`: development only, where https://{shop}/... is served as <origin>/{shop}/...
    """

    def __init__(
        self,
        domain: str,
        access_token: str | AccessToken,
        *,
        origin: str | None = None,
        tls_ca_file: str | None = None,
        timeout_s: float = 30.0,
        bucket: CostBucket | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = f"{shop_base(domain, origin)}/admin/api/{API_VERSION}/graphql.json"
        self._token: AccessToken = FixedToken(access_token) if isinstance(access_token, str) else access_token
        self._tls_ca_file = tls_ca_file
        # What stands in for all shops in development stands where it likes.
        self.allows_private = origin is not None
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=10)
        self._bucket = bucket or CostBucket()
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self._costs: dict[str, float] = {}
        self.domain = domain
        self.version: str | None = None
        self.usage = StoreUsage()
        # The store's clock less ours, in seconds, as of its last answer (headers are exact to 1 s).
        self.clock_ahead_s = 0.0

    async def query(self, name: str, variables: Mapping[str, Any] | None = None) -> Answer:
        """Run a document of ours. Raises StoreError; throttling is waited out here for a while."""
        tries = 0
        while True:
            answer = await self._once(name, variables or {})
            if isinstance(answer, Answer):
                return answer
            tries += 1
            if tries >= _THROTTLED_TRIES or answer > _LONGEST_WAIT_S:
                raise StoreThrottled("throttled", "The store asks us to slow down.", retry_after=max(answer, 1.0))
            self.usage.waited_s += answer
            await self._sleep(answer)

    async def close(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _once(self, name: str, variables: Mapping[str, Any]) -> Answer | float:
        """The answer, or how long the store wants us to wait."""
        guess = self._costs.get(name, FIRST_GUESS)
        rank = _RANKS.get(name, Rank.BACKFILL if _IN_BACKGROUND.get() else Rank.READ)
        wait = self._bucket.wait_s(guess, rank)
        if wait > _LONGEST_WAIT_S:
            return wait
        began = time.monotonic()
        taken = await self._bucket.take(guess, rank)
        self.usage.waited_s += time.monotonic() - began
        self.usage.calls += 1
        cost: dict[str, Any] = {}
        try:
            body = await self._post(name, variables)
            parsed = _parse(body)
            cost = _dict(_dict(parsed.get("extensions")).get("cost"))
        finally:
            status = cost.get("throttleStatus")
            told = status if isinstance(status, dict) else None
            self._bucket.settle(taken, told, spent=_spent(cost), rank=rank)
        requested = cost.get("requestedQueryCost")
        if isinstance(requested, int | float) and requested > 0:
            self._costs[name] = float(requested)
        spent = cost.get("actualQueryCost")
        if isinstance(spent, int | float):
            self.usage.points += spent
        # With the trace in which it was asked for (longshore.observability).
        log.debug("a store was called", shop=self.domain, document=name, points=spent)
        codes = _codes(parsed)
        if "THROTTLED" in codes:
            self.usage.throttled += 1
            # At least a little: the store's figures are rounded.
            return max(0.1, self._bucket.wait_s(self._costs.get(name, guess), rank))
        answer = _answer(body, parsed, codes)
        if not keys_of_answer(name) <= answer.data.keys():
            # JSON of somebody else, a proxy perhaps: without this it would say that there is no such order.
            raise StoreUnavailable("no-data", "The store's answer holds no data.")
        return answer

    async def _post(self, name: str, variables: Mapping[str, Any]) -> bytes:
        text = json.dumps({"query": document(name), "variables": dict(variables)}, separators=(",", ":"))
        payload = text.encode()
        token = await self._token.current()
        try:
            return await self._post_with(token, payload)
        except _TokenRefused:
            # Nothing was done. Of one app and shop only the newest token is good: another process may have refreshed.
            newer = await self._token.renew(token)
            if newer is None:
                raise
        return await self._post_with(newer, payload)

    async def _post_with(self, token: str, payload: bytes) -> bytes:
        headers = {"X-Shopify-Access-Token": token, "Content-Type": "application/json"}
        try:
            async with self.session().post(self._url, data=payload, headers=headers, allow_redirects=False) as response:
                body = await response.content.read(_LARGEST_ANSWER + 1)
                while not response.content.at_eof() and len(body) <= _LARGEST_ANSWER:
                    body += await response.content.read(_LARGEST_ANSWER + 1 - len(body))
                self._note(response.headers)
                self.usage.throttled += response.status == 429
                _check_status(response)
                if len(body) > _LARGEST_ANSWER:
                    raise StoreRefused("answer-too-large", "The store's answer is larger than 64 MiB.")
                return body
        except aiohttp.InvalidURL:
            raise StoreRefused("bad-shop-domain", "The store's address is no address.") from None
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            raise connection_error(error) from None

    def session(self) -> aiohttp.ClientSession:
        """The connections to this store; whoever uses them sends no token that the address is not the store's for."""
        if self._session is None:
            self._session = store_session(
                allow_private=self.allows_private, tls_ca_file=self._tls_ca_file, limit=8, timeout=self._timeout
            )
        return self._session

    def _note(self, headers: Mapping[str, str]) -> None:
        """The store's clock, and the version that it answered with: an expired one falls forward silently."""
        ahead = clock_ahead_s(headers.get("Date"), datetime.now(UTC))
        self.clock_ahead_s = self.clock_ahead_s if ahead is None else ahead
        version = headers.get("X-Shopify-Api-Version")
        if version is None or version == self.version:
            return
        self.version = version
        self.usage.other_version = version != API_VERSION
        if version != API_VERSION:
            log.error("the store answers with another API version", shop=self.domain, asked=API_VERSION, got=version)


def _spent(cost: Mapping[str, Any]) -> float | None:
    """What a call has cost: nothing if it was throttled, None if the store did not tell."""
    if "actualQueryCost" not in cost:
        return None
    spent = cost["actualQueryCost"]
    return float(spent) if isinstance(spent, int | float) else 0.0


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise StoreUnavailable("not-json", "The store answered something that is not JSON.")
    return parsed


def _check_status(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if status == 200:
        return
    if status in (401, 403):
        kind = _TokenRefused if status == 401 else StoreUnauthorized
        raise kind("unauthorized", "The store does not accept our access token (any more).")
    if status == 429:
        raise StoreThrottled("throttled", "The store asks us to slow down.", retry_after=_retry_after(response))
    if status >= 500 or status in (408, 425):
        raise StoreUnavailable("store-error", f"The store answered with status {status}.", _retry_after(response))
    reasons = {
        402: ("shop-frozen", "The shop is frozen: its plan is unpaid."),
        404: ("shop-not-found", "There is no such shop."),
        423: ("shop-locked", "The shop is locked."),
    }
    raise StoreRefused(*reasons.get(status, ("refused", f"The store refused the request with status {status}.")))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    try:
        seconds = float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < 86_400 else None


def _codes(parsed: Mapping[str, Any]) -> list[str]:
    """The codes of an answer's errors; "" for one without."""
    errors = parsed.get("errors")
    if errors is None:
        return []
    if not isinstance(errors, list):
        return [""]
    return [str(_dict(_dict(error).get("extensions")).get("code") or "") for error in errors]


def _answer(body: bytes, parsed: Mapping[str, Any], codes: list[str]) -> Answer:
    data = parsed.get("data")
    if not codes:
        if not isinstance(data, dict):
            raise StoreUnavailable("no-data", "The store's answer holds no data.")
        return Answer(body, data)
    denied = codes.count("ACCESS_DENIED")
    if denied == len(codes) and isinstance(data, dict) and any(value is not None for value in data.values()):
        # Fields of an entity that we can otherwise read (a buyer's protected data): they are null.
        return Answer(body, data, _paths(parsed))
    if denied:
        fields = ", ".join(_paths(parsed)) or "something"
        detail = f"The access token may not read or write: {fields}."
        raise StoreUnauthorized("access-denied", detail, partial=True)
    if any(code in {"INTERNAL_SERVER_ERROR", "TIMEOUT", "BUSY"} for code in codes):
        raise StoreUnavailable("store-error", "The store failed inside.")
    if "SHOP_INACTIVE" in codes:
        raise StoreRefused("shop-inactive", "The shop is not active.")
    raise StoreRefused("graphql", f"The store refused the request: {_messages(parsed)}")


def _paths(parsed: Mapping[str, Any]) -> tuple[str, ...]:
    found = []
    for error in parsed.get("errors") or ():
        path = _dict(error).get("path")
        if isinstance(path, list):
            found.append(".".join(str(part) for part in path))
    return tuple(dict.fromkeys(found))


def _messages(parsed: Mapping[str, Any]) -> str:
    errors = parsed.get("errors")
    if not isinstance(errors, list):
        return str(errors)[:200]
    return "; ".join(str(_dict(error).get("message"))[:200] for error in errors[:3])


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
