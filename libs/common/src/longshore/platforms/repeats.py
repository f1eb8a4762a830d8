"""Deliveries that say again, byte for byte, what the one before them said: stores send pairs (created and updated).

Only among topics whose body is the whole entity: there the topic's word adds nothing, and the second changes nothing
but when it was observed. Half of all translating is spared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from longshore.broker import Record
from longshore.platforms.raw import TOPIC_HEADER

# Of each partition so many of the last bodies are remembered: the second of a pair follows within a second or two.
MOST_REMEMBERED = 256
LARGEST_REMEMBERED = 64 * 1024

_NOTHING: dict[str, bytes | None] = {}


class Repeats:
    """Knows the last body of each entity, through batches.

    What is known of a partition is forgotten when a batch does not go on where the last one ended: the partition was
    with somebody else meanwhile, or is read again from earlier.
    """

    def __init__(self, snapshot_topics: frozenset[str]) -> None:
        self._snapshot_topics = snapshot_topics
        self._known: dict[int, dict[str, bytes | None]] = {}
        self._next: dict[int, int] = {}

    def without(self, records: Sequence[Record]) -> list[Record]:
        """Those that do not repeat the record before them of their entity; changes nothing here (see `remember`)."""
        fresh: list[Record] = []
        seen: dict[tuple[int, str], bytes | None] = {}
        begun: dict[int, dict[str, bytes | None]] = {}
        for record in records:
            partition, key = record.partition, record.key
            known = begun.get(partition)
            if known is None:
                goes_on = record.offset == self._next.get(partition)
                known = begun[partition] = self._known.get(partition, _NOTHING) if goes_on else _NOTHING
            if key is None:
                fresh.append(record)
                continue
            whole = record.headers.get(TOPIC_HEADER) in self._snapshot_topics
            name = partition, key
            if whole and (seen[name] if name in seen else known.get(key)) == record.value:
                continue
            seen[name] = record.value if whole else None
            fresh.append(record)
        return fresh

    def remember(self, records: Sequence[Record], rejected: Iterable[Record] = ()) -> None:
        """All of `records` have been dealt with; those that could not be translated are to be tried when they come
        again."""
        for record in records:
            if self._next.get(record.partition) != record.offset:
                self._known.pop(record.partition, None)
            self._next[record.partition] = record.offset + 1
            if record.key is None:
                continue
            known = self._known.setdefault(record.partition, {})
            known.pop(record.key, None)
            whole = record.headers.get(TOPIC_HEADER) in self._snapshot_topics
            if whole and len(record.value) <= LARGEST_REMEMBERED:
                known[record.key] = record.value
        for record in rejected:
            if record.key is not None:
                self._known.get(record.partition, {}).pop(record.key, None)
        for known in self._known.values():
            for key in list(known)[: max(0, len(known) - MOST_REMEMBERED)]:
                del known[key]
