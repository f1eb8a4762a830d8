"""What a store answered: JSON, if it can be found, or the error that it means."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from longshore.platforms.protocols import StoreError, StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_woo.client import pages

LONGEST_RETRY_AFTER_S = 3600.0
NO_REST_API = "no-rest-api"

# What plugins say that let people who are logged in use the REST API, and nobody else.
_CLOSED = frozenset(
    ("rest_cannot_access", "rest_not_logged_in", "rest_login_required", "rest_disabled", "rest_api_disabled")
)

# Of a refund that it does not make, WooCommerce says so with HTTP 500 (measured).
_NO_REFUND = "woocommerce_rest_cannot_create_order_refund"

_decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=lambda _: None)
_START = re.compile(r'\{\s*"|\{\s*\}|\[\s*[\{\]]')
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. `body` is the JSON's exact text: without what PHP printed around it."""

    status: int
    headers: Mapping[str, str]
    body: str
    data: Any

    def objects(self, key: str | None = None) -> list[dict[str, Any]]:
        """The objects of a list, or of the list under `key`. Raises StoreUnavailable if it is none."""
        data = self.data.get(key) if key is not None and isinstance(self.data, dict) else self.data
        if data is None and key is not None:
            return []
        if not isinstance(data, list):
            raise StoreUnavailable("unexpected-json", "The store's answer is no list.")
        return [each for each in data if isinstance(each, dict)]

    def object(self) -> dict[str, Any]:
        """The object that it is. Raises StoreUnavailable if it is none."""
        if not isinstance(self.data, dict):
            raise StoreUnavailable("unexpected-json", "The store's answer is no object.")
        return self.data

    def entity(self, id: str) -> dict[str, Any]:
        """The object with this id. Raises StoreUnavailable for anything else: a cache, a page with some JSON in it, a
        plugin's own words with status 200."""
        found = self.object()
        if str(found.get("id")) != id:
            raise StoreUnavailable("unexpected-json", "The store answered with something else than was asked for.")
        return found


def find_json(text: str) -> tuple[str, Any] | None:
    """The JSON in `text`, as text and parsed. Plugins let PHP print warnings before it, and after it."""
    text = text.lstrip("\ufeff \t\r\n")
    if text[:9].lower() == "<!doctype" or text[:5].lower() == "<html":
        return None  # a page; what looks like JSON in it is its own
    starts = [0] if text[:1] in ("{", "[") else []
    starts += [match.start() for match, _ in zip(_START.finditer(text), range(20), strict=False)]
    for start in starts:
        try:
            data, end = _decoder.raw_decode(text, start)
        except (ValueError, RecursionError, ArithmeticError):
            continue
        rest = text[end:].lstrip()
        if (not rest or rest.startswith("<")) and isinstance(data, dict | list):
            return text[start:end], data
    return None


def read_answer(status: int, headers: Mapping[str, str], content: bytes, now: datetime) -> Answer:
    """The answer, or the StoreError that it is. `headers` by lower-case name."""
    found = find_json(content.decode("utf-8", "replace"))
    if found is None and not 300 <= status < 400:
        raise _without_json(status, headers, content, now)
    if found is not None and 200 <= status < 300:
        return Answer(status, headers, found[0], found[1])
    error = found[1] if found is not None and isinstance(found[1], dict) else {}
    raise store_error(status, headers, error, now)


def store_error(status: int, headers: Mapping[str, str], error: Mapping[str, Any], now: datetime) -> StoreError:
    """What an answer that is no success means. `error` is WooCommerce's {"code", "message", "data"}, or empty."""
    code = str(error.get("code", ""))
    message = plain(error.get("message"))
    if 300 <= status < 400:
        return _redirect(status, headers)
    if code == _NO_REFUND:
        return StoreRefused("refund-refused", f"The store does not pay back: {message}")
    if status >= 500 or status in (408, 425):
        wait = retry_after(headers, now)
        return StoreUnavailable(f"http-{status}", f"The store failed (HTTP {status}). {message}".strip(), wait)
    if status == 401 or (status == 403 and code):
        return _unauthorized(code, message)
    if status == 403:
        return StoreUnavailable(
            "blocked", "Something before the store (a firewall?) refuses us: HTTP 403 without JSON."
        )
    if not code or code == "rest_no_route":
        # While WooCommerce is updated, or another theme's cache is cold, its routes are gone for a while.
        return StoreUnavailable(NO_REST_API, f"WooCommerce's REST API does not answer at this address (HTTP {status}).")
    if "invalid" in code and code.endswith("id") and status in (400, 404):
        return StoreRefused("not-found", f"The store does not have it: {message}")
    return StoreRefused(code[:80].replace("_", "-"), message or f"The store refused (HTTP {status}).")


def _without_json(status: int, headers: Mapping[str, str], content: bytes, now: datetime) -> StoreError:
    """What it means that there is no JSON in an answer."""
    if status == 401 and headers.get("www-authenticate", "").lower().startswith("basic"):
        return StoreUnauthorized(
            "site-password",
            "The site itself asks for a password before WordPress sees us, as staging sites do: let /wp-json/wc/v3 "
            "pass without it.",
        )
    cause = pages.cause_of(status, headers, content)
    if cause is not None:
        return StoreUnavailable(cause.code, cause.detail, retry_after(headers, now))
    if not 200 <= status < 300:
        return store_error(status, headers, {}, now)
    if pages.is_page(content):
        return StoreUnavailable(
            "not-json",
            "The store answered with a page instead of JSON: look at /wp-json/ of it in a browser (a cache? a plugin "
            "that closes the REST API?).",
        )
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return StoreUnavailable(
            "broken-json", "The store's answer ends in the middle of its JSON: PHP ran out of memory or of time there."
        )
    if not content.strip():
        return StoreUnavailable(
            "empty", "The store answered with nothing: PHP died there, or a cache keeps an empty page."
        )
    return StoreUnavailable("not-json", "The store answered with something that is not JSON.")


def _redirect(status: int, headers: Mapping[str, str]) -> StoreError:
    target = urlsplit(headers.get("location", ""))
    if "wp-login.php" in target.path:
        return StoreUnavailable(
            "login-page", "The store sends us to its login page: let /wp-json/wc/v3 pass without login."
        )
    if "captcha" in target.path:
        return StoreUnavailable("blocked", "The store's host sends us to a captcha: ask it to let /wp-json/wc/v3 pass.")
    # Without what stands before an @.
    where = f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.hostname else "another page"
    detail = (
        f"The store redirects to {where}; requests with a key are not repeated there. Connect it by the address that "
        "it redirects to."
    )
    return StoreRefused("redirect", detail) if status in (301, 308) else StoreUnavailable("redirect", detail)


def _unauthorized(code: str, message: str) -> StoreError:
    if "nonce" in message:
        # A request that was repeated below us. Signed anew it is a new one.
        return StoreUnavailable("nonce", "The store has seen this request before.")
    if "permissions" in message:
        kind = "read-only-key" if "write permissions" in message else "write-only-key"
        remedy = "Set it to Read/Write under WooCommerce > Settings > Advanced > REST API."
        return StoreUnauthorized(kind, f"The store's key lacks a permission: {message} {remedy}")
    if "timestamp" in message.lower():
        return StoreUnauthorized("clock", "The store's clock and ours are more than 15 minutes apart.")
    if code == "woocommerce_rest_authentication_error":
        return StoreUnauthorized("bad-key", f"The store does not accept the key: {message}")
    if code in _CLOSED:
        return StoreUnauthorized("rest-api-closed", f"A plugin closes the store's REST API to strangers: {message}")
    detail = message or "The store does not let us in."
    return StoreUnauthorized(
        "not-allowed",
        f"{detail} (Is the key's owner an administrator or shop manager? "
        "Does the host pass the Authorization header on?)",
    )


def plain(message: object) -> str:
    """A store's message for people: no markup, one line, not long."""
    if not isinstance(message, str):
        return ""
    return " ".join(html.unescape(_TAG.sub(" ", message)).split())[:300]


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the store asks us to stay away; it may name a time instead."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit() and len(value) < 10:
        seconds = float(value)
    else:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def split_array(text: str) -> list[str]:
    """The exact texts of the elements of a JSON array."""
    parts = []
    at = _skip(text, text.index("[") + 1)
    while at < len(text) and text[at] != "]":
        _, end = _decoder.raw_decode(text, at)
        parts.append(text[at:end])
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
    return parts


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
