"""The digest of a snapshot: same digest, same content, whichever way the snapshot came.

It is `X`, or `X+Y` where one way of reading the entity tells more than another: see contracts.Snapshot.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from longshore.contracts.base import Snapshot

# Ids of ours, where and when the snapshot was taken, and what is derived from the rest.
NOT_CONTENT = {
    "org_id",
    "integration_id",
    "version",
    "raw",
    "digest",
    "problems",
    "updated_at",
    "reconciled",
    "discrepancies",
    # A level where nothing is stocked is one of no pieces.
    "stocked",
}


def content_digest(snapshot: Snapshot, beside: dict[str, Any] | None = None) -> str:
    """Hash of the canonical JSON of a snapshot's content (fields in the contract's order).

    `beside`: further fields to leave out, as Pydantic's `exclude` has them: what only one way of reading knows.
    """
    exclude: Any = NOT_CONTENT if beside is None else dict.fromkeys(NOT_CONTENT, True) | beside
    return _hash(snapshot.__pydantic_serializer__.to_json(snapshot, exclude=exclude))


def sealed(snapshot: Snapshot) -> bytes:
    """Give a snapshot the digest of its content; answers its JSON, of which the content is serialized once for both
    (measured: 14 us less for an order). The snapshot may not be changed after."""
    to_json = snapshot.__pydantic_serializer__.to_json
    content: bytes = to_json(snapshot, exclude=NOT_CONTENT)
    snapshot.digest = _hash(content)
    beside: bytes = to_json(snapshot, include=NOT_CONTENT)
    # Two objects, neither of them empty, become one.
    return beside[:-1] + b"," + content[1:]


def _hash(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def digest_base(digest: str) -> str:
    """The part of a digest that every way of reading the entity knows: `X` of `X` and of `X+Y`."""
    return digest.partition("+")[0]


def has_detail(digest: str) -> bool:
    """Whether the snapshot holds what only one way of reading the entity knows: `X+Y`."""
    return "+" in digest


def same_content(one: str, other: str) -> bool:
    """Whether two digests say the same as far as both know. A missing digest says nothing."""
    return bool(one) and digest_base(one) == digest_base(other)


def knows_more(one: str, other: str) -> bool:
    """Whether `one` says the same as `other` and holds the detail that `other` lacks."""
    return has_detail(one) and not has_detail(other) and same_content(one, other)
