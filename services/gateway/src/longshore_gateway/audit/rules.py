"""What the audit log tells of a request that the gateway hands on. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from longshore.redaction import REDACTED, redact

# Longer bodies are data that the raw log keeps, not a decision of somebody.
LONGEST_BODY = 16 * 1024

# What shops of custom channels send: buyers' data, which the raw log keeps and this log must not.
DATA = "/api/v1/ingest/"

READS = frozenset({"GET", "HEAD", "OPTIONS"})


# What people say of orders and their buyers: it would outlive an erasure.
_ORDERS = "/api/v1/orders/"
_WORDS = frozenset({"text", "reason"})


def told_of(body: bytes | None, path: str = "") -> dict[str, Any] | None:
    """A request's body without secrets and buyers' data; None for what is no JSON object, or too long."""
    if not body or len(body) > LONGEST_BODY:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    # What a service ignores may be anything, also what PostgreSQL's JSON cannot hold.
    if not isinstance(found, dict):
        return None
    told: dict[str, Any] = _storable(redact(found))
    words = _WORDS & told.keys() if path.startswith(_ORDERS) else ()
    return told | dict.fromkeys(words, REDACTED)


def subject_of(names: Mapping[str, Any], answer: bytes | None) -> str:
    """What a request was about: the ids in its path, or the id that it was answered."""
    if names:
        return _text("/".join(str(value) for value in names.values()))
    try:
        found = json.loads(answer or b"null")
    except (ValueError, RecursionError):
        return ""
    return str(found["id"]) if isinstance(found, dict) and isinstance(found.get("id"), str) else ""


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only what has changed, on both sides."""
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return (
        {name: value for name, value in before.items() if name in changed},
        {name: value for name, value in after.items() if name in changed},
    )


def _text(text: str) -> str:
    """A text as PostgreSQL takes it: without NUL, and without halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _storable(value: Any) -> Any:
    match value:
        case str():
            return _text(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {_text(name): _storable(each) for name, each in value.items()}
        case list():
            return [_storable(each) for each in value]
        case _:
            return value
