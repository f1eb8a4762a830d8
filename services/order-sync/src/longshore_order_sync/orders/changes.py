"""What a batch of deliveries changes, order by order: rows to write and things to say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from longshore.contracts import (
    OrderChanged,
    OrderDeleted,
    OrderStatus,
    Platform,
    digest_base,
    has_detail,
    knows_more,
    same_content,
)
from longshore_order_sync.orders.canonical import HubFulfillment, canonical
from longshore_order_sync.orders.rules import (
    RevisionKey,
    Seen,
    asks_store,
    content_of,
    earlier,
    is_deleted,
    later,
    newer,
)
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
    kept: Delivery | None,
    fulfillments: Sequence[HubFulfillment],
) -> Change:
    """What `delivered` changes in what is `known`; `kept` is the stored snapshot that `needs` asks for."""
    before = known.head
    stored = before.newest if before is not None else None
    newest = _newest(delivered, stored)
    tombstone = delivered.tombstone
    deleted_at = later(known.tombstone, tombstone.observed_at if tombstone else None)
    change = Change(_outcomes(delivered, before, newest))
    if tombstone is not None and (known.tombstone is None or tombstone.observed_at > known.tombstone):
        change.tombstone = tombstone
    if newest is None:
        return change
    change.revisions = _revisions(delivered, before)
    asked_for = _ask(change, delivered, before, newest)
    content = content_of(newest, _revision_keys(delivered, before, kept))
    deleted = is_deleted(newest, deleted_at)
    if (
        before is not None
        and newest.rank == before.newest.rank
        and (content, deleted) == (before.content, before.deleted)
    ):
        # A detail that came late may be wanted by who is writing a newer snapshot at this moment: let that one see it.
        late_detail = any(has_detail(each.delivery.seen.digest) for each in change.revisions)
        if asked_for != before.fetch_asked_for or late_detail:
            change.head = replace(before, fetch_asked_for=asked_for, row_version=before.row_version + 1)
        return change
    shown = _find(content, delivered, kept) or _find_same(newest, delivered)
    if shown is None:
        raise LookupError("the stored snapshot is needed to say what changed")
    status = OrderStatus.CANCELLED if deleted else shown.summary.status
    if fulfillments and not deleted:
        facts = facts_of(replace(known, tombstone=deleted_at), newest, fulfillments)
        status = canonical(shown.read(), facts).status
    change.head = _head(delivered.order_id, before, shown.summary, newest, content, status, deleted, asked_for)
    new_content = before is None or content[1] != before.content[1]
    if new_content:
        change.texts = shown.summary.texts
    if new_content or (before is not None and (before.status != status or before.deleted != deleted)):
        change.event = changed(shown.summary, delivered.order_id, status, newest, before)
    return change


@dataclass(frozen=True, slots=True)
class Needed:
    """A stored snapshot that `decide` needs: of this revision, or the last one with a detail to this digest."""

    revision: RevisionKey | None = None
    detail_of: str | None = None


def needs(delivered: Delivered, known: Known) -> Needed | None:
    """The stored snapshot that `decide` needs; nearly always none: the batch holds the content."""
    head = known.head
    newest = _newest(delivered, head.newest if head is not None else None)
    if head is None or newest is None:
        return None
    if not same_content(newest.digest, head.content[1]):
        # Back to an earlier content? The detail that was known of it holds again.
        refunded = any(each.summary.refunded for each in delivered.snapshots if each.seen == newest)
        return Needed(detail_of=digest_base(newest.digest)) if refunded else None
    content = content_of(newest, _revision_keys(delivered, head, None))
    if content != head.content or _find(content, delivered, None) is not None:
        return None
    moved = newest.rank != head.newest.rank
    if known.has_fulfillments and (moved or delivered.tombstone is not None):
        return Needed(content)
    if delivered.tombstone is None or head.deleted or _find_same(newest, delivered) is not None:
        return None
    return Needed(content)


def changed(content: Summary, order_id: UUID, status: OrderStatus, newest: Seen, before: Head | None) -> OrderChanged:
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
        updated_at=newest.updated_at,
    )


def _newest(delivered: Delivered, stored: Seen | None) -> Seen | None:
    newest = stored
    for each in delivered.snapshots:
        newest = newer(newest, each.seen)
    return newest


def _ask(change: Change, delivered: Delivered, before: Head | None, newest: Seen) -> datetime | None:
    """Decide whether to ask the store; answers for which store time a fetch is on its way then."""
    asked_for = before.fetch_asked_for if before is not None else None
    if not delivered.snapshots:
        return asked_for
    others = [each.seen for each in delivered.snapshots] + ([before.newest] if before is not None else [])
    platform = delivered.snapshots[0].summary.platform
    asks, asked_for = asks_store(platform, newest, others, asked_for)
    if asks:
        change.fetch, change.platform = newest, platform
    return asked_for


def _revision_keys(delivered: Delivered, before: Head | None, kept: Delivery | None) -> list[RevisionKey]:
    keys = [each.seen.revision for each in delivered.snapshots]
    if before is not None:
        keys.append(before.content)
    if kept is not None:
        keys.append(kept.seen.revision)
    return keys


def _find(content: RevisionKey, delivered: Delivered, kept: Delivery | None) -> Delivery | None:
    given = delivered.snapshots if kept is None else [*delivered.snapshots, kept]
    return next((each for each in given if each.seen.revision == content), None)


def _find_same(newest: Seen, delivered: Delivered) -> Delivery | None:
    """One that says what the newest does, if not in all detail: enough for rows and events."""
    return next((each for each in delivered.snapshots if same_content(each.seen.digest, newest.digest)), None)


def _head(
    order_id: UUID,
    before: Head | None,
    content: Summary,
    newest: Seen,
    revision: RevisionKey,
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
        content=revision,
        deleted=deleted,
        fetch_asked_for=asked_for,
        row_version=before.row_version + 1 if before is not None else 1,
    )


def _revisions(delivered: Delivered, before: Head | None) -> list[Revision]:
    """One for each distinct content and store time, recorded with its earliest delivery of this batch."""
    found: dict[RevisionKey, Revision] = {}
    for delivery in delivered.snapshots:
        each = delivery.seen
        # The usual repetition of what is stored already, delivered later: no need to ask the database.
        if before is not None and each.revision == before.content and each.rank >= before.newest.rank:
            continue
        known = found.get(each.revision)
        if known is None or earlier(known.delivery.seen, each) is each:
            found[each.revision] = Revision(delivered.order_id, delivery)
    return list(found.values())


def _outcomes(delivered: Delivered, before: Head | None, newest: Seen | None) -> list[str]:
    outcomes: list[str] = []
    known = before.content[1] if before is not None else ""
    told = before is not None and newest is not None and newest.rank == before.newest.rank
    for delivery in delivered.snapshots:
        each = delivery.seen
        if newest is None or not same_content(each.digest, newest.digest):
            outcomes.append("stale")
        elif knows_more(each.digest, known):
            outcomes.append("updated")
            told, known = True, each.digest
        elif not told and each.rank == newest.rank:
            outcomes.append(
                "created" if before is None else "unchanged" if same_content(each.digest, known) else "updated"
            )
            told = True
        else:
            outcomes.append("unchanged")
    return outcomes


def by_order(changes: Mapping[UUID, Change]) -> list[Change]:
    """In the order in which rows are written."""
    return [changes[each] for each in sorted(changes)]
