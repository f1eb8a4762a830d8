"""An order as this service keeps it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from longshore.contracts import OrderSnapshot
from longshore_order_sync.orders.canonical import NO_FACTS, Facts, HubFulfillment
from longshore_order_sync.orders.rules import Seen, is_deleted


@dataclass(frozen=True, slots=True)
class Head:
    """The row of an order: where its newest snapshot is, and what lists filter by."""

    id: UUID
    org_id: UUID
    integration_id: UUID
    external_id: str
    status: str
    placed_at: datetime
    newest: Seen
    deleted: bool
    fetch_asked_for: datetime | None
    row_version: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds of an order; without a head, facts that came before it."""

    head: Head | None = None
    tombstone: datetime | None = None
    oversold: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    has_fulfillments: bool = False


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Revision:
    """One state that an order was in, as it is written."""

    order_id: UUID
    seen: Seen
    snapshot: OrderSnapshot
    body: str


def facts_of(
    known: Known, newest: Seen, fulfillments: Sequence[HubFulfillment] = (), as_of: datetime | None = None
) -> Facts:
    """What the hub adds to a snapshot, now or as of a time."""
    tombstone = known.tombstone
    if as_of is not None:
        tombstone = tombstone if tombstone is not None and tombstone <= as_of else None
        fulfillments = [each.as_of(as_of) for each in fulfillments if each.created_at <= as_of]
    deleted = is_deleted(newest, tombstone)
    if not (deleted or known.oversold or fulfillments):
        return NO_FACTS
    oversold = {
        UUID(line): short
        for line, (short, at) in known.oversold.items()
        if short > 0 and (as_of is None or datetime.fromisoformat(at).astimezone(UTC) <= as_of)
    }
    return Facts(deleted, oversold, fulfillments)
