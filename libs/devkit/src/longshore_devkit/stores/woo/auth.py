"""Who calls: Basic and query keys over TLS, OAuth 1.0a over either, checked as WooCommerce checks them.

Over plain HTTP anything but OAuth is as if nothing had been sent (measured: the same 401). The signature base is the
method, the URL without its query, and all parameters of query, form and Authorization header sorted by name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from longshore_devkit.stores.woo.errors import RestError, authentication_error

WINDOW_S = 15 * 60
_NEEDED = ("oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method")
_HEADER_PART = re.compile(r'(oauth_[a-z_-]*)=(?:"([^"]*)"|([^,]*))')
_HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


@dataclass
class ApiKey:
    """A key pair of the shop; `permission` as in the shop's settings."""

    consumer_key: str
    consumer_secret: str
    permission: Literal["read", "write", "read_write"] = "read_write"
    nonces: dict[str, int] = field(default_factory=dict)

    def check_permission(self, method: str) -> None:
        """RestError 401 (not 403, measured) when the key may not do that."""
        reads = method in ("GET", "HEAD")
        if reads and self.permission == "write":
            raise authentication_error("The API key provided does not have read permissions.")
        if not reads and method != "OPTIONS" and self.permission == "read":
            raise authentication_error("The API key provided does not have write permissions.")


@dataclass(frozen=True)
class Call:
    """What of a request matters here; `url` is without query, `query` is raw."""

    method: str
    scheme: str
    url: str
    query: str
    authorization: str
    form: str = ""


class Authenticator:
    """Finds the key of a request. `clock` gives Unix seconds."""

    def __init__(self, keys: Mapping[str, ApiKey], clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock

    def identify(self, call: Call) -> ApiKey | None:
        """The key that signed; None when nobody is logged in; RestError 401 when what was sent is wrong."""
        key = self._basic(call) if call.scheme == "https" else None
        if key is None:
            key = self._oauth(call)
        if key is not None:
            key.check_permission(call.method)
        return key

    def _basic(self, call: Call) -> ApiKey | None:
        name, secret = self._credentials(call)
        if not name or not secret:
            return None
        key = self._keys.get(name)
        if key is not None and not hmac.compare_digest(key.consumer_secret, secret):
            raise authentication_error("Consumer secret is invalid.")
        return key

    @staticmethod
    def _credentials(call: Call) -> tuple[str, str]:
        query = dict(parse_qsl(call.query))
        if query.get("consumer_key") and query.get("consumer_secret"):
            return query["consumer_key"], query["consumer_secret"]
        scheme, _, token = call.authorization.partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            name, _, secret = base64.b64decode(token).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, secret

    def _oauth(self, call: Call) -> ApiKey | None:
        params = php_parameters(call.query) | php_parameters(call.form) | _header_parameters(call.authorization)
        missing = [name for name in _NEEDED if not params.get(name)]
        if len(missing) == len(_NEEDED):
            return None
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise RestError(
                401,
                "woocommerce_rest_authentication_missing_parameter",
                f"Missing OAuth parameter{plural} {', '.join(missing)}",
            )
        key = self._keys.get(params["oauth_consumer_key"])
        if key is None:
            raise authentication_error("Consumer key is invalid.")
        _check_signature(key, call, params)
        self._check_freshness(key, params["oauth_timestamp"], params["oauth_nonce"])
        return key

    def _check_freshness(self, key: ApiKey, timestamp: str, nonce: str) -> None:
        now = self._clock()
        sent = int(timestamp) if timestamp.isdigit() else 0
        if abs(now - sent) > WINDOW_S:
            raise authentication_error("Invalid timestamp.")
        if nonce in key.nonces:
            raise authentication_error("Invalid nonce - nonce has already been used.")
        key.nonces[nonce] = sent
        while key.nonces and next(iter(key.nonces.values())) < now - WINDOW_S:
            del key.nonces[next(iter(key.nonces))]


def php_parameters(text: str) -> dict[str, str]:
    """A query as PHP keeps it: the last of equal names wins, `a[]` counts up."""
    found: dict[str, str] = {}
    counters: dict[str, int] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        base = name.removesuffix("[]")
        if base == name:
            found[name] = value
        else:
            found[f"{base}[{counters.get(base, 0)}]"] = value
            counters[base] = counters.get(base, 0) + 1
    return found


def signature(method: str, url: str, params: Mapping[str, str], secret: str, algorithm: str = "HMAC-SHA256") -> str:
    """The base64 signature of a one-legged request: the signing key is the secret and a lone ampersand."""
    pairs = sorted((_quote(name), _quote(value)) for name, value in params.items())
    text = "&".join(f"{name}={value}" for name, value in pairs)
    base = "&".join((method.upper(), _quote(url), _quote(text)))
    digest = hmac.new(f"{secret}&".encode(), base.encode(), _HASHES[algorithm]).digest()
    return base64.b64encode(digest).decode()


def _check_signature(key: ApiKey, call: Call, params: Mapping[str, str]) -> None:
    algorithm = params["oauth_signature_method"]
    if algorithm not in _HASHES:
        raise authentication_error("Invalid signature - signature method is invalid.")
    given = unquote(params["oauth_signature"].replace(" ", "+"))
    signed = {name: value for name, value in params.items() if name != "oauth_signature"}
    expected = signature(call.method, call.url, signed, key.consumer_secret, algorithm)
    if not hmac.compare_digest(expected, given):
        raise authentication_error("Invalid signature - provided signature does not match.")


def _header_parameters(header: str) -> dict[str, str]:
    if not header.strip().startswith("OAuth "):
        return {}
    return {name: unquote_plus(quoted or bare) for name, quoted, bare in _HEADER_PART.findall(header)}


def _quote(text: str) -> str:
    return quote(text, safe="~")
