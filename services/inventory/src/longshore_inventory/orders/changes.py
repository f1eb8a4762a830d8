"""What a batch changes of an order, and its lines of the stock. Pure: see service.py for the transaction around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from longshore.contracts import FulfillmentState, OrderDeleted
from longshore_inventory.orders.facts import OrderFacts
from longshore_inventory.orders.rules import Claim, Rank, claim_of, is_deleted
from longshore_inventory.stock.book import Book, Line

_VOID = frozenset({FulfillmentState.CANCELLED, FulfillmentState.FAILED})


@dataclass(slots=True)
class OrderRow:
    """An order as this service keeps it; `rank` None while no snapshot of it is known."""

    id: UUID
    org_id: UUID
    integration_id: UUID
    external_id: str
    rank: Rank | None = None
    gone_at: datetime | None = None
    claim: Claim = Claim.NONE
    placed_at: datetime | None = None
    cancelled_at: datetime | None = None
    void: tuple[str, ...] = ()


@dataclass(slots=True)
class Affected:
    """An order whose lines have to be looked at. `facts` None: its lines are those that we have."""

    order: OrderRow
    facts: OrderFacts | None
    is_new: bool
    at: datetime
    caused_at: datetime | None


def row_of(id: UUID, snapshot: tuple[Rank, OrderFacts] | None, gone: OrderDeleted | None) -> OrderRow:
    """A new order of what a batch tells of it: a snapshot, a deletion, or both."""
    about = snapshot[1] if snapshot is not None else gone
    assert about is not None  # noqa: S101  (one of the two names the order)
    row = OrderRow(id, about.org_id, about.integration_id, about.external_id)
    if gone is not None:
        row.gone_at = gone.observed_at
    if snapshot is not None:
        _adopt(row, *snapshot)
    return row


def merge(row: OrderRow, snapshot: tuple[Rank, OrderFacts] | None, gone: OrderDeleted | None) -> Affected | None:
    """Bring `row` up to date; None when nothing is new. Without facts and cause, its lines stay as they are."""
    was_deleted = is_deleted(row.rank and row.rank.observed_at, row.gone_at)
    later = gone is not None and (row.gone_at is None or gone.observed_at > row.gone_at)
    if later and gone is not None:
        row.gone_at = gone.observed_at
    if snapshot is not None and (row.rank is None or snapshot[0] > row.rank):
        before = row.rank
        rank, facts = snapshot
        _adopt(row, rank, facts)
        same = before is not None and bool(rank.digest) and rank.digest == before.digest
        if same and before is not None and before.updated_at == rank.updated_at and was_deleted == _deleted(row):
            return Affected(row, None, False, rank.updated_at, None)
        return Affected(row, facts, False, rank.updated_at, rank.observed_at)
    if not later or gone is None:
        return None
    if row.rank is None or was_deleted or not _deleted(row):
        return Affected(row, None, False, gone.observed_at, None)
    row.claim = Claim.RELEASED
    return Affected(row, None, False, gone.observed_at, gone.observed_at)


def _adopt(row: OrderRow, rank: Rank, facts: OrderFacts) -> None:
    row.rank = rank
    row.placed_at, row.cancelled_at = facts.placed_at, facts.cancelled_at
    row.void = tuple(
        sorted({each.external_id for each in facts.fulfillments if each.external_id and each.status in _VOID})
    )
    row.claim = Claim.RELEASED if _deleted(row) else claim_of(facts.platform, facts.platform_status, facts.status)


def _deleted(row: OrderRow) -> bool:
    return is_deleted(row.rank and row.rank.observed_at, row.gone_at)


def planned(lines: list[Line] | None, known: Mapping[UUID, Line]) -> list[Line]:
    """An order's lines as they are to be; one that an edit dropped stays, with nothing ordered."""
    if lines is None:
        return [replace(line) for line in known.values()]
    if known:
        kept = {line.id for line in lines}
        return lines + [replace(line, quantity=0) for line in known.values() if line.id not in kept]
    return lines


def move_order(
    book: Book, each: Affected, known: Mapping[UUID, Line], lines: Sequence[Line], settled: Mapping[UUID, int]
) -> list[Line]:
    """Move the stock by what changed of an order; answers the lines to save."""
    order = each.order
    updated_at = each.at if order.rank is None else order.rank.updated_at
    changed = []
    for line in lines:
        before = known.get(line.id)
        if before is not None:
            line.moves = before.moves
        book.place(
            line,
            order.claim,
            updated_at=updated_at,
            cancelled_at=order.cancelled_at,
            settled=settled.get(line.id, 0),
        )
        book.move_line(before, line, at=each.at, caused_at=each.caused_at)
        if before != line:
            changed.append(line)
    return changed
