"""Of several snapshots of a customer the newest counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from longshore.contracts import CustomerSnapshot, Origin

Given = tuple[CustomerSnapshot, bytes]


def rank(snapshot: CustomerSnapshot) -> tuple[datetime, datetime, int, str]:
    """How new a snapshot is; its digest decides only between two translations of one raw record."""
    return (*snapshot.version.key(), snapshot.digest)


def newest_of_each(snapshots: Iterable[Given]) -> list[Given]:
    """One for each customer."""
    newest: dict[tuple[UUID, str], Given] = {}
    for each in snapshots:
        name = (each[0].integration_id, each[0].external_id)
        known = newest.get(name)
        if known is None or rank(each[0]) > rank(known[0]):
            newest[name] = each
    return list(newest.values())


def outlives(snapshot: CustomerSnapshot, gone_at: datetime | None) -> bool:
    """Whether a snapshot shows a customer in spite of the store's word that it was gone by then.

    A delivery of a change from before may come hours later; what was read later shows that it is there again.
    """
    if gone_at is None:
        return True
    read = snapshot.raw.origin is Origin.FETCH
    return snapshot.version.observed_at > gone_at and (read or snapshot.version.updated_at > gone_at)
