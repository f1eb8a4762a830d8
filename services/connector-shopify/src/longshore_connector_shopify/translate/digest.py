"""The digest of a snapshot: same digest, same content, whichever way the snapshot came."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from longshore.contracts import Snapshot

# Ids of ours, where and when the snapshot was taken, and what is derived from the rest.
NOT_CONTENT = frozenset(
    {
        "org_id",
        "integration_id",
        "version",
        "raw",
        "digest",
        "problems",
        "updated_at",
        "reconciled",
        "discrepancies",
    }
)


def content_digest(snapshot: Snapshot, beside: dict[str, Any] | None = None) -> str:
    """Hash of the canonical JSON of a snapshot's content (fields in the contract's order).

    `beside`: further fields to leave out, as Pydantic's `exclude` has them: what only one way of reading knows.
    """
    exclude: Any = NOT_CONTENT if beside is None else dict.fromkeys(NOT_CONTENT, True) | beside
    content = snapshot.__pydantic_serializer__.to_json(snapshot, exclude=exclude)
    return blake2b(content, digest_size=16).hexdigest()
