"""The digest of an order, which a webhook tells less of than a fetch."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from longshore.contracts import OrderSnapshot, content_digest, sealed

# What of an order only a look at its refunds tells (see refunds.py).
REFUND_DETAIL: dict[str, Any] = {
    "lines": {"__all__": {"refunded_quantity": True}},
    "refunds": {"__all__": {"lines": True, "created_at": True}},
}


def sealed_order(order: OrderSnapshot, *, detailed: bool) -> bytes:
    """Give an order its digest; answers its JSON (contracts.sealed).

    The digest is `<content>`, or `<content>+<refund detail>` for an order whose refunds were read too (`detailed`).

    A webhook names an order's refunds without their lines. Its digest is the beginning of the fetched snapshot's when
    they tell of the same content: a consumer that has `X+Y` learns nothing from `X` and keeps its detail; one that has
    `X` takes `X+Y`, whichever of the two was observed later.
    """
    if not order.refunds:
        return sealed(order)
    order.digest = content_digest(order, REFUND_DETAIL)
    if detailed:
        order.digest += f"+{_detail_digest(order)}"
    return order.to_json()


def _detail_digest(order: OrderSnapshot) -> str:
    detail = "|".join(
        [
            *(f"{line.external_id}:{line.refunded_quantity}" for line in order.lines),
            *(each.to_json().decode() for each in order.refunds),
        ]
    )
    return blake2b(detail.encode(), digest_size=8).hexdigest()
