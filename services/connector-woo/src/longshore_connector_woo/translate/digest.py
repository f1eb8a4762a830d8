"""The digest of a snapshot: same digest, same content, whichever way the snapshot came."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from longshore.contracts import OrderSnapshot, Snapshot

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

# What of an order only a look at its refunds tells (see refunds.py).
REFUND_DETAIL: dict[str, Any] = {
    "lines": {"__all__": {"refunded_quantity": True}},
    "refunds": {"__all__": {"lines": True, "created_at": True}},
}


def content_digest(snapshot: Snapshot, beside: dict[str, Any] | None = None) -> str:
    """Hash of the canonical JSON of a snapshot's content (fields in the contract's order).

    `beside`: further fields to leave out, as Pydantic's `exclude` has them.
    """
    exclude: Any = NOT_CONTENT if beside is None else dict.fromkeys(NOT_CONTENT, True) | beside
    content = snapshot.__pydantic_serializer__.to_json(snapshot, exclude=exclude)
    return blake2b(content, digest_size=16).hexdigest()


def order_digest(order: OrderSnapshot, *, detailed: bool) -> str:
    """`<content>`, or `<content>+<refund detail>` for an order whose refunds were read too (`detailed`).

    A webhook names an order's refunds without their lines. Its digest is the beginning of the fetched snapshot's when
    they tell of the same content: a consumer that has `X+Y` learns nothing from `X` and keeps its detail; one that has
    `X` takes `X+Y`, whichever of the two was observed later.
    """
    if not order.refunds:
        return content_digest(order)
    content = content_digest(order, REFUND_DETAIL)
    if not detailed:
        return content
    detail = "|".join(
        [
            *(f"{line.external_id}:{line.refunded_quantity}" for line in order.lines),
            *(each.to_json().decode() for each in order.refunds),
        ]
    )
    return f"{content}+{blake2b(detail.encode(), digest_size=8).hexdigest()}"
