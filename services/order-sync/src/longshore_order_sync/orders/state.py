"""An order as this service keeps it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from longshore.contracts import OrderSnapshot, OrderStatus, Platform, RawRef
from longshore.money import Money
from longshore_order_sync.orders.canonical import NO_FACTS, Facts, HubFulfillment
from longshore_order_sync.orders.rules import RevisionKey, Seen, is_deleted, seen
from longshore_order_sync.orders.search import texts_of


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
    # The revision that holds the content: that of `newest`, or one that says the same in detail.
    content: RevisionKey
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
class Summary:
    """What rows and events need of a snapshot.

    Whole snapshots are not kept while a batch is worked on: hundreds of thousands of small objects would keep the
    garbage collector busier than all the rest (measured: 147 us per order instead of 60).
    """

    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    number: str
    status: OrderStatus
    placed_at: datetime
    updated_at: datetime
    total: Money
    reconciled: bool
    refunded: bool
    raw: RawRef
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered snapshot: how new it is, what it says in short, and its JSON."""

    seen: Seen
    summary: Summary
    body: bytes

    def read(self) -> OrderSnapshot:
        """The whole of it."""
        return OrderSnapshot.from_json(self.body)


@dataclass(frozen=True, slots=True)
class Revision:
    """One state that an order was in, as it is written."""

    order_id: UUID
    delivery: Delivery


def delivery_of(snapshot: OrderSnapshot, body: bytes) -> Delivery:
    """Take from a snapshot what is needed; `body` is its JSON."""
    return Delivery(seen(snapshot), summary_of(snapshot), body)


def summary_of(snapshot: OrderSnapshot) -> Summary:
    """A snapshot in short."""
    return Summary(
        snapshot.org_id,
        snapshot.integration_id,
        snapshot.platform,
        snapshot.external_id,
        snapshot.number,
        snapshot.status,
        snapshot.placed_at,
        snapshot.updated_at,
        snapshot.totals.total,
        snapshot.reconciled,
        bool(snapshot.refunds),
        snapshot.raw,
        texts_of(snapshot),
    )


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
