"""Of several snapshots of a customer the newest counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from longshore.contracts import CustomerSnapshot

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
