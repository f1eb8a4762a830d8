"""What deliveries brought, against what polling sees: webhooks stop, and no store says so.

A delivery is missed when polling brings a change that is old enough to have been delivered, and was not. Only what this
process would have heard counts: changes since it began to follow the partition. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from longshore.broker import Record
from longshore.contracts import OrderSnapshot, ProductSnapshot
from longshore.platforms.protocols import NormalizedEvent, RawRecord
from longshore.platforms.raw import POLLED_HEADER

HeardOf = Literal["orders", "products"]

# From a change until its delivery must have come. A little less than what two runs read both (sync.rules.OVERLAP), so
# that each change is looked at when it is old enough.
GRACE = timedelta(seconds=100)
# Between the store's clock and ours, and for deliveries that were under way when we began.
SLACK = timedelta(seconds=60)
# Of each partition so many entities are remembered.
MOST_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class Voice:
    """One kind of entity of one store."""

    org_id: UUID
    integration_id: UUID
    resource: HeardOf


@dataclass(slots=True)
class Heard:
    """Of one voice in one batch: when it was last delivered from, and how many deliveries were missed."""

    heard_at: datetime | None = None
    missed: int = 0


@dataclass(slots=True)
class _Partition:
    # When its first record came that was heard here.
    began: datetime | None = None
    # The newest version that was delivered, or found missing, of each entity; the longest unheard first.
    known: OrderedDict[tuple[UUID, str, str], datetime] = field(default_factory=OrderedDict)
    next_offset: int = 0


# A change that a record told of: of what, its id at the store, the store's time of it.
Said = tuple[HeardOf, str, datetime]


def said_by(events: Iterable[NormalizedEvent]) -> list[Said]:
    """What is kept of a record's events while their batch is worked on: whole snapshots would be thousands of small
    objects, which the memory of the next ones is not made of then (2 % of a batch, measured)."""
    said: list[Said] = []
    for event in events:
        if isinstance(event, OrderSnapshot):
            said.append(("orders", event.external_id, event.updated_at))
        elif isinstance(event, ProductSnapshot):
            said.append(("products", event.external_id, event.updated_at))
    return said


class Hearing:
    """Follows the raw records of a platform through batches."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}

    def listen(
        self, batch: Iterable[tuple[Record, RawRecord, Sequence[Said]]], all_of_it: Sequence[Record]
    ) -> dict[Voice, Heard]:
        """What a batch tells; `all_of_it`: its records in their order, with those that tell nothing."""
        for record in all_of_it:
            known = self._partitions.get(record.partition)
            if known is None or record.offset != known.next_offset:
                # Somebody else had the partition meanwhile, or it is read again from earlier.
                known = self._partitions[record.partition] = _Partition()
            known.next_offset = record.offset + 1
        found: dict[Voice, Heard] = {}
        for record, raw, said in batch:
            partition = self._partitions[record.partition]
            partition.began = partition.began or raw.received_at
            for resource, external_id, updated_at in said:
                _hear(partition, found, raw, resource, external_id, updated_at)
        return found


def _hear(
    partition: _Partition,
    found: dict[Voice, Heard],
    raw: RawRecord,
    resource: HeardOf,
    external_id: str,
    updated_at: datetime,
) -> None:
    key = raw.integration_id, resource, external_id
    before = partition.known.get(key)
    voice = Voice(raw.org_id, raw.integration_id, resource)
    if POLLED_HEADER not in raw.headers:
        heard = found.setdefault(voice, Heard())
        heard.heard_at = max(heard.heard_at or raw.received_at, raw.received_at)
    elif (before is not None and before >= updated_at) or not _judged(partition, raw, updated_at):
        return
    else:
        found.setdefault(voice, Heard()).missed += 1
    partition.known[key] = max(before or updated_at, updated_at)
    partition.known.move_to_end(key)
    while len(partition.known) > MOST_REMEMBERED:
        _, forgotten = partition.known.popitem(last=False)
        partition.began = max(partition.began or forgotten, forgotten)


def _judged(partition: _Partition, raw: RawRecord, updated_at: datetime) -> bool:
    """Whether the delivery of a change would have been heard by now."""
    began = partition.began
    return began is not None and began + SLACK <= updated_at <= raw.received_at - GRACE
