"""What a batch of deliveries changes, order by order: rows to write and things to say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from longshore.contracts import OrderChanged, OrderDeleted, OrderStatus, Platform
from longshore_order_sync.orders.canonical import HubFulfillment, canonical
from longshore_order_sync.orders.rules import RevisionKey, Seen, asks_store, earlier, is_deleted, later
from longshore_order_sync.orders.state import Delivery, Head, Known, Revision, Summary, facts_of


@dataclass(slots=True)
class Delivered:
    """What one batch brings of one order."""

    order_id: UUID
    snapshots: list[Delivery] = field(default_factory=list)
    tombstone: OrderDeleted | None = None

    def delete(self, deleted: OrderDeleted) -> None:
        """One more report that the order is gone."""
        if self.tombstone is None or deleted.observed_at > self.tombstone.observed_at:
            self.tombstone = deleted


@dataclass(slots=True)
class Change:
    """What becomes of one order. None and empty: nothing to write, nothing to say."""

    outcomes: list[str]
    head: Head | None = None
    revisions: Sequence[Revision] = ()
    # Set when the content is new: the texts by which it shall be found.
    texts: tuple[str, ...] | None = None
    tombstone: OrderDeleted | None = None
    event: OrderChanged | None = None
    # The newest snapshot, when the store is to be asked for the truth; then with its platform.
    fetch: Seen | None = None
    platform: Platform | None = None


def decide(
    delivered: Delivered,
    known: Known,
    current: Delivery | None,
    fulfillments: Sequence[HubFulfillment],
) -> Change:
    """What `delivered` changes in what is `known`.

    `current` is the newest delivery that is stored; needed only when a tombstone changes an order without bringing a
    snapshot that is newer.
    """
    before = known.head
    stored = before.newest if before is not None else None
    newest, content = _newest(delivered, stored, current)
    tombstone = delivered.tombstone
    deleted_at = later(known.tombstone, tombstone.observed_at if tombstone else None)
    change = Change(_outcomes(delivered, stored, newest))
    if tombstone is not None and (known.tombstone is None or tombstone.observed_at > known.tombstone):
        change.tombstone = tombstone
    if newest is None:
        return change
    change.revisions = _revisions(delivered, stored)
    others = [each.seen for each in delivered.snapshots] + ([stored] if stored is not None else [])
    platform = delivered.snapshots[0].summary.platform if delivered.snapshots else None
    asks, asked_for = (
        asks_store(platform, newest, others, before.fetch_asked_for if before else None)
        if platform is not None
        else (False, before.fetch_asked_for if before else None)
    )
    if asks:
        change.fetch, change.platform = newest, platform
    deleted = is_deleted(newest, deleted_at)
    if before is not None and (newest, deleted, asked_for) == (stored, before.deleted, before.fetch_asked_for):
        return change
    if before is not None and newest == stored and deleted == before.deleted:
        change.head = replace(before, fetch_asked_for=asked_for, row_version=before.row_version + 1)
        return change
    if content is None:
        raise LookupError("the newest snapshot is needed to say what changed")
    status = OrderStatus.CANCELLED if deleted else content.summary.status
    if fulfillments and not deleted:
        facts = facts_of(replace(known, tombstone=deleted_at), newest, fulfillments)
        status = canonical(content.read(), facts).status
    change.head = _head(delivered.order_id, before, content.summary, newest, status, deleted, asked_for)
    new_content = stored is None or newest.digest != stored.digest
    if new_content:
        change.texts = content.summary.texts
    if new_content or (before is not None and (before.status != status or before.deleted != deleted)):
        change.event = changed(content.summary, delivered.order_id, status, before)
    return change


def needs_current(delivered: Delivered, known: Known) -> RevisionKey | None:
    """The stored revision that `decide` needs: of an order that a tombstone deletes and no newer snapshot shows."""
    if known.head is None or known.head.deleted or delivered.tombstone is None:
        return None
    stored = known.head.newest
    news = [each.seen for each in delivered.snapshots]
    if any(each.revision == stored.revision or each.rank > stored.rank for each in news):
        return None
    return stored.revision


def changed(content: Summary, order_id: UUID, status: OrderStatus, before: Head | None) -> OrderChanged:
    """The event that tells of a new or changed order."""
    # Built of values that have been validated.
    return OrderChanged.model_construct(
        order_id=order_id,
        org_id=content.org_id,
        integration_id=content.integration_id,
        platform=content.platform,
        external_id=content.external_id,
        number=content.number,
        created=before is None,
        status=status,
        previous_status=OrderStatus(before.status) if before is not None else None,
        total=content.total,
        reconciled=content.reconciled,
        updated_at=content.updated_at,
    )


def _newest(delivered: Delivered, stored: Seen | None, current: Delivery | None) -> tuple[Seen | None, Delivery | None]:
    newest, content = stored, current
    for each in delivered.snapshots:
        if newest is None or each.seen.rank > newest.rank:
            newest, content = each.seen, each
        elif content is None and each.seen.revision == newest.revision:
            content = each
    return newest, content


def _head(
    order_id: UUID,
    before: Head | None,
    content: Summary,
    newest: Seen,
    status: OrderStatus,
    deleted: bool,
    asked_for: datetime | None,
) -> Head:
    return Head(
        id=order_id,
        org_id=content.org_id,
        integration_id=content.integration_id,
        external_id=content.external_id,
        status=status.value,
        placed_at=content.placed_at,
        newest=newest,
        deleted=deleted,
        fetch_asked_for=asked_for,
        row_version=before.row_version + 1 if before is not None else 1,
    )


def _revisions(delivered: Delivered, stored: Seen | None) -> list[Revision]:
    """One for each distinct content and store time, recorded with its earliest delivery of this batch."""
    found: dict[RevisionKey, Revision] = {}
    for delivery in delivered.snapshots:
        each = delivery.seen
        # The usual repetition of what is stored already, delivered later: no need to ask the database.
        if stored is not None and each.revision == stored.revision and each.rank >= stored.rank:
            continue
        known = found.get(each.revision)
        if known is None or earlier(known.delivery.seen, each) is each:
            found[each.revision] = Revision(delivered.order_id, delivery)
    return list(found.values())


def _outcomes(delivered: Delivered, stored: Seen | None, newest: Seen | None) -> list[str]:
    outcomes: list[str] = []
    told = False
    for delivery in delivered.snapshots:
        each = delivery.seen
        if each == newest and each != stored and not told:
            told = True
            same = stored is not None and stored.digest == each.digest
            outcomes.append("created" if stored is None else "unchanged" if same else "updated")
        elif newest is not None and each.digest == newest.digest:
            outcomes.append("unchanged")
        else:
            outcomes.append("stale")
    return outcomes


def by_order(changes: Mapping[UUID, Change]) -> list[Change]:
    """In the order in which rows are written."""
    return [changes[each] for each in sorted(changes)]
