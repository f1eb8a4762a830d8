"""Keeping secrets and buyers' data out of what is logged."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

REDACTED = "[redacted]"
MAX_TEXT = 10_000
_MAX_DEPTH = 6
_SHORTEST_SECRET = 6
_SHORTEST_PIECE = 12

# Parts of a key's name. Whatever lies under such a key is dropped whole.
_SECRET_NAMES = (
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "cookie",
    "credential",
    "api_key",
    "apikey",
    "consumer_key",
    "encryption_key",
    "private_key",
    "signature",
    "hmac",
    "database_url",
    "dsn",
)
_BUYER_NAMES = ("email", "phone", "address", "first_name", "last_name", "full_name", "postcode", "zip_code")
# These are common parts of other names, so only the whole name counts.
_BUYER_EXACT = {"name", "zip", "city", "company", "customer", "buyer", "billing", "shipping", "note", "body", "payload"}
_NAMES = re.compile("|".join((*_SECRET_NAMES, *_BUYER_NAMES)))

_TOKENS: tuple[tuple[re.Pattern[str], str], ...] = (
    # WooCommerce, Shopify and our own keys and tokens.
    (re.compile(r"\b(?:ck|cs|lsk|shp[a-z]{2}|whsec)_[A-Za-z0-9_\-]{6,}"), REDACTED),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{6,}"), rf"\1 {REDACTED}"),
    # JSON web tokens and Fernet tokens.
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"), REDACTED),
    (re.compile(r"\bgAAAA[A-Za-z0-9_\-=]{20,}"), REDACTED),
    (re.compile(r"://[^/\s:@]*:[^/\s@]+@"), f"://{REDACTED}@"),
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    *_TOKENS,
    (
        re.compile(
            r"(?i)\b((?:[a-z_]*(?:token|secret|password|signature|hmac|api_?key|consumer_key))|code)"
            r"(\"?\s*[=:]\s*\"?)[^\s&\"',}]+"
        ),
        rf"\1\2{REDACTED}",
    ),
    (re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}"), "[email]"),
    (re.compile(r"(?<![\w.])\+\d[\d \-()]{6,}\d"), "[phone]"),
)


def redact(event: Mapping[str, Any]) -> dict[str, Any]:
    """`event` without secrets and buyers' data, by the names of its keys and by the look of its texts."""
    return {key: _value(key, value, 0) for key, value in event.items()}


def scrub(text: str) -> str:
    """`text` with whatever looks like a secret, an address or a number taken out; shortened when very long."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "..."
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def hide(text: str, secrets: Iterable[str]) -> str:
    """`text` without these secrets and without what looks like a key or token: for what a store has said, which may
    repeat what it was sent (a plugin's debug page, a proxy's). Texts for people stay readable otherwise.

    Also in base64, and cut off: who shortens a text may have cut through a secret. Shorter ones than 6 characters are
    no secrets.
    """
    pieces = {
        spelling[:end]
        for secret in secrets
        if len(secret) >= _SHORTEST_SECRET
        for spelling in _spellings(secret)
        for end in range(min(len(spelling), _SHORTEST_PIECE), len(spelling) + 1)
    }
    # The longest first: secrets that begin alike would leave the rest of each other behind.
    for piece in sorted(pieces, key=len, reverse=True):
        text = text.replace(piece, REDACTED)
    for pattern, replacement in _TOKENS:
        text = pattern.sub(replacement, text)
    return text


def _spellings(secret: str) -> Iterator[str]:
    """As it is, and as it looks inside of base64 (Basic authorization), wherever in it it begins."""
    yield secret
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + secret.encode()).decode()
        # The first and the last characters depend on what stands beside it.
        yield encoded[4 if before else 0 : -4]


def is_sensitive(key: str) -> bool:
    """Whether what lies under `key` must never be logged."""
    name = key.lower().replace("-", "_")
    return name in _BUYER_EXACT or _NAMES.search(name) is not None


def _value(key: str, value: Any, depth: int) -> Any:
    if is_sensitive(key) and not isinstance(value, bool | None):
        return REDACTED
    if isinstance(value, str):
        return scrub(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if depth >= _MAX_DEPTH:
        return "[...]"
    if isinstance(value, Mapping):
        return {str(inner): _value(str(inner), each, depth + 1) for inner, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value("", each, depth + 1) for each in value]
    return scrub(str(value))
