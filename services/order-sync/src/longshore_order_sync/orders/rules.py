"""Which snapshot of an order is the newest, whether the order is deleted, and when deliveries contradict each other.

Everything here is commutative, associative and idempotent: any order, repetition and batching of the same deliveries
gives the same history (ARCHITECTURE, the stream, rule 3). The store's SQL does what `earlier` says, row by row.

Which snapshot is the newest and whose content is the order's are two questions: one that holds a detail (digest `X+Y`,
see contracts.Snapshot) stands for all that say the same without it, so the newest may have its content from another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from longshore.contracts import (
    OrderSnapshot,
    Origin,
    Platform,
    content_digest,
    digest_base,
    has_detail,
    knows_more,
    same_content,
)

# What makes two deliveries the same revision: the store's word on when, and the content.
RevisionKey = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """One delivery of a snapshot: how new it is, what it holds (digest), and whether we fetched it ourselves."""

    updated_at: datetime
    observed_at: datetime
    offset: int
    digest: str
    fetched: bool

    @property
    def rank(self) -> tuple[datetime, datetime, int, str]:
        """To compare by. The digest decides only between two translations of one raw record."""
        return (self.updated_at, self.observed_at, self.offset, digest_base(self.digest))

    @property
    def revision(self) -> RevisionKey:
        """The revision that it belongs to."""
        return (self.updated_at, self.digest)


def seen(snapshot: OrderSnapshot) -> Seen:
    """What a snapshot says of itself."""
    version = snapshot.version
    return Seen(
        version.updated_at,
        version.observed_at,
        version.offset,
        snapshot.digest,
        snapshot.raw.origin is Origin.FETCH,
    )


def with_digest(snapshot: OrderSnapshot) -> OrderSnapshot:
    """The snapshot itself, or, when its producer gave no digest, one with a digest of its content."""
    if not snapshot.digest:
        snapshot.digest = content_digest(snapshot)
    return snapshot


def newer(a: Seen | None, b: Seen | None) -> Seen | None:
    """The one that tells how the order is now."""
    if a is None or b is None:
        return a or b
    return b if b.rank > a.rank else a


def content_of(newest: Seen, known: Iterable[RevisionKey]) -> RevisionKey:
    """The revision whose content is the order's: the last `known` one that says what `newest` says, in detail."""
    detailed = [key for key in known if has_detail(key[1]) and same_content(key[1], newest.digest)]
    return max(detailed, default=newest.revision)


def earlier(a: Seen, b: Seen) -> Seen:
    """Of two deliveries of one revision, the one that the revision is recorded with."""
    return b if b.rank < a.rank else a


def later(a: datetime | None, b: datetime | None) -> datetime | None:
    """The later of two tombstones."""
    if a is None or b is None:
        return a or b
    return max(a, b)


def is_deleted(newest: Seen | None, tombstone: datetime | None) -> bool:
    """A tombstone holds against all that was observed before it; what was observed later brings the order back."""
    return tombstone is not None and (newest is None or tombstone >= newest.observed_at)


def contradicts(newest: Seen, others: Iterable[Seen]) -> bool:
    """Whether the store has to be asked: deliveries of one store time differ, and the newest is not what we fetched.

    The clock of both platforms ticks in seconds, so two changes within one cannot be told apart by it.
    """
    if newest.fetched:
        return False
    return any(
        other.updated_at == newest.updated_at and not same_content(other.digest, newest.digest) for other in others
    )


def asks_store(
    platform: Platform, newest: Seen, others: Iterable[Seen], asked_for: datetime | None
) -> tuple[bool, datetime | None]:
    """Whether to fetch the order now, and for which store time a fetch is on its way afterwards.

    Asked once for each contradiction: not again before an answer came. The custom channel has no store to ask.
    """
    others = list(others)
    if asked_for is not None and any(each.fetched and each.updated_at >= asked_for for each in (newest, *others)):
        asked_for = None
    if platform is Platform.API or asked_for == newest.updated_at or not contradicts(newest, others):
        return False, asked_for
    return True, newest.updated_at


def fetch_id(order: UUID, newest: Seen) -> UUID:
    """Id of the command that fetches an order: the same when the same deliveries are replayed."""
    name = f"fetch:{newest.updated_at.isoformat()}:{newest.observed_at.isoformat()}:{newest.offset}"
    return uuid5(order, name)


@dataclass(frozen=True, slots=True)
class History:
    """All that deliveries tell of one order: its newest snapshot, its tombstone, its revisions."""

    newest: Seen | None = None
    tombstone: datetime | None = None
    revisions: Mapping[RevisionKey, Seen] = field(default_factory=dict)

    @property
    def deleted(self) -> bool:
        """Whether the order is gone from its store."""
        return is_deleted(self.newest, self.tombstone)

    @property
    def content(self) -> RevisionKey | None:
        """The revision that holds the order's content."""
        return None if self.newest is None else content_of(self.newest, self.revisions)

    def merge(self, other: History) -> History:
        """What both tell together."""
        revisions = dict(self.revisions)
        for key, each in other.revisions.items():
            known = revisions.get(key)
            revisions[key] = each if known is None else earlier(known, each)
        return History(newer(self.newest, other.newest), later(self.tombstone, other.tombstone), revisions)

    @classmethod
    def of_snapshot(cls, delivery: Seen) -> History:
        """What one delivered snapshot tells."""
        return cls(delivery, None, {delivery.revision: delivery})

    @classmethod
    def of_tombstone(cls, observed_at: datetime) -> History:
        """What one report of a deletion tells."""
        return cls(None, observed_at, {})


def place(each: Seen, newest: Seen | None) -> tuple[datetime, bool, datetime, int, str]:
    """Where a revision stands among those of its order, to sort by.

    By store time, then by delivery; but the current one is the last of its store time, however early it was first seen.
    """
    current = newest is not None and each.updated_at == newest.updated_at and same_content(each.digest, newest.digest)
    return (each.updated_at, current, each.observed_at, each.offset, each.digest)


def revision_order(revisions: Iterable[Seen], newest: Seen | None) -> list[Seen]:
    """Revisions from first to last, as people are shown them.

    One with the content of the one before it (the store touched the order and changed nothing) is left out; one that
    adds the detail stands for both.
    """
    shown: list[Seen] = []
    for each in sorted(revisions, key=lambda each: place(each, newest)):
        if not shown or not same_content(shown[-1].digest, each.digest):
            shown.append(each)
        elif knows_more(each.digest, shown[-1].digest):
            shown[-1] = each
    return shown
