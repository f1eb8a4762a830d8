"""What a delivery must be, and whose it is. Pure.

Sources: PLATFORMS.md (measured on WooCommerce 11; Shopify's documentation).
"""

from __future__ import annotations

import hmac
import html
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from longshore.contracts import Platform

MAX_BODY = 8 * 1024 * 1024
OLD_SECRET_FOR = timedelta(hours=1)

_BEFORE = "webhook_secret_before"
_BEFORE_UNTIL = "webhook_secret_before_until"

PING = re.compile(rb"webhook_id=\d{1,20}")

_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"?(\d{1,25})')
_NAMED_ID = {
    name: re.compile(rb'"' + name.encode() + rb'"\s*:\s*"?(\d{1,25})') for name in ("order_id", "inventory_item_id")
}
# Shopify's topics whose entity is not the thing in the body but what it belongs to.
_BELONGS_TO = {
    b"refunds": "order_id",
    b"fulfillments": "order_id",
    b"order_transactions": "order_id",
    b"inventory_levels": "inventory_item_id",
}
_JSON_ENDS = {ord("{"): ord("}"), ord("["): ord("]")}
_SPACE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Wording:
    """How a platform names its headers (lower case)."""

    prefix: bytes
    topic: str
    signature: str
    delivery: str


WORDING = {
    Platform.SHOPIFY: Wording(b"x-shopify-", "x-shopify-topic", "x-shopify-hmac-sha256", "x-shopify-webhook-id"),
    Platform.WOOCOMMERCE: Wording(b"x-wc-", "x-wc-webhook-topic", "x-wc-webhook-signature", "x-wc-webhook-id"),
}
KEPT_HEADERS = frozenset((b"user-agent", b"content-type"))
SHOP_DOMAIN = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com")


def signature_of(secret: bytes, body: bytes) -> bytes:
    """Base64 of HMAC-SHA256 over the raw bytes: both platforms sign deliveries so."""
    return b64encode(hmac.digest(secret, body, "sha256"))


def signed_by(secrets: Iterable[bytes], body: bytes, signature: bytes) -> bool:
    """Whether one of `secrets` signed `body`; each comparison takes constant time."""
    given = signature.strip()
    return any([hmac.compare_digest(signature_of(secret, body), given) for secret in secrets])  # noqa: C419  (all of them)


def woocommerce_keys(secret: str) -> tuple[bytes, ...]:
    """The keys that a WooCommerce store may sign with: it decodes HTML entities of its secret first."""
    decoded = html.unescape(secret)
    return (decoded.encode(),) if decoded == secret else (decoded.encode(), secret.encode())


def with_old_secret(after: Mapping[str, str], before: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Credentials that take the place of others: what was signed with the old secret is still good for a while.

    The store learns of a new one a moment later than we, and WooCommerce sends nothing a second time.
    """
    old = before.get("webhook_secret")
    if old is None or after.get("webhook_secret") in (None, old):
        return dict(after)
    return {**after, _BEFORE: old, _BEFORE_UNTIL: (now + OLD_SECRET_FOR).isoformat()}


def woocommerce_secrets(credentials: Mapping[str, str], now: datetime) -> tuple[bytes, ...]:
    """The keys that a WooCommerce store's deliveries may be signed with: the newest secret's first."""
    keys = woocommerce_keys(credentials.get("webhook_secret", ""))
    until = credentials.get(_BEFORE_UNTIL)
    if until is not None and now < datetime.fromisoformat(until):
        keys += woocommerce_keys(credentials.get(_BEFORE, ""))
    return keys


def looks_like_json(body: bytes) -> bool:
    """Whether the ends of `body` are those of a JSON object or array. Cheap: the translator reads the rest."""
    stripped = body.strip(_SPACE)
    return bool(stripped) and _JSON_ENDS.get(stripped[0]) == stripped[-1]


def entity_of(topic: bytes, body: bytes) -> bytes | None:
    """The external id that a delivery is about, read off its first bytes without parsing the whole; the partition key.

    None when it cannot be told; then the order of that delivery among others does not matter to us.
    """
    if owner := _BELONGS_TO.get(topic.partition(b"/")[0]):
        found = _NAMED_ID[owner].search(body)
    else:
        found = _ID.match(body)
    return found.group(1) if found else None


def platform_headers(headers: Sequence[tuple[bytes, bytes]], wording: Wording) -> dict[str, bytes]:
    """All of the platform's own headers, and what names the sender's software and type. Values as they came: most of
    them only pass through."""
    prefix = wording.prefix
    return {name.decode("latin-1"): value for name, value in headers if name.startswith(prefix) or name in KEPT_HEADERS}


def shopify_secrets(credentials: Mapping[str, str], app_secrets: Sequence[str]) -> tuple[bytes, ...]:
    """The keys that a shop's deliveries may be signed with: its custom app's, else those of the public app."""
    own = credentials.get("api_secret")
    return (own.encode(),) if own else tuple(secret.encode() for secret in app_secrets)
