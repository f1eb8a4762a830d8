"""What a batch changes of an order, and its lines of the stock. Pure: see service.py for the transaction around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from longshore.contracts import FulfillmentState, OrderDeleted, digest_base, has_detail
from longshore_inventory.orders.facts import OrderFacts
from longshore_inventory.orders.rules import Claim, Detail, Rank, claim_of, is_deleted
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
    # By the part of the digest that all snapshots of the same content share.
    details: dict[str, Detail] = field(default_factory=dict)


@dataclass(slots=True)
class Told:
    """What a batch tells of an order: its newest snapshot, the details that snapshots brought, its deletion."""

    newest: tuple[Rank, OrderFacts] | None = None
    details: dict[str, tuple[Detail, OrderFacts]] = field(default_factory=dict)
    gone: OrderDeleted | None = None

    def add(self, facts: OrderFacts) -> None:
        """Take in one snapshot."""
        version = facts.version
        base = digest_base(facts.digest)
        rank = Rank(version.updated_at, version.observed_at, version.offset, base)
        if self.newest is None or rank > self.newest[0]:
            self.newest = (rank, facts)
        if has_detail(facts.digest):
            refunded = {str(line.id): line.refunded_quantity for line in facts.lines if line.refunded_quantity}
            detail = Detail(version.updated_at, facts.digest, refunded)
            known = self.details.get(base)
            if known is None or detail[:2] > known[0][:2]:
                self.details[base] = (detail, facts)

    def delete(self, deleted: OrderDeleted) -> None:
        """Take in one report of its deletion."""
        if self.gone is None or deleted.observed_at > self.gone.observed_at:
            self.gone = deleted


@dataclass(slots=True)
class Affected:
    """An order whose lines have to be looked at. `facts` None: its lines are those that we have."""

    order: OrderRow
    facts: OrderFacts | None
    is_new: bool
    at: datetime
    caused_at: datetime | None


def row_of(id: UUID, told: Told) -> OrderRow:
    """A new order of what a batch tells of it: a snapshot, a deletion, or both."""
    about = told.newest[1] if told.newest is not None else told.gone
    assert about is not None  # noqa: S101  (one of the two names the order)
    row = OrderRow(id, about.org_id, about.integration_id, about.external_id)
    if told.gone is not None:
        row.gone_at = told.gone.observed_at
    _learn(row, told)
    if told.newest is not None:
        _adopt(row, *told.newest)
    return row


def merge(row: OrderRow, told: Told) -> Affected | None:
    """Bring `row` up to date; None when nothing is new. Without facts and cause, its lines stay as they are."""
    was_deleted, before = _deleted(row), row.rank
    learned = _learn(row, told)
    gone = told.gone
    later = gone is not None and (row.gone_at is None or gone.observed_at > row.gone_at)
    if later and gone is not None:
        row.gone_at = gone.observed_at
    if told.newest is not None and (before is None or told.newest[0] > before):
        rank, facts = told.newest
        _adopt(row, rank, facts)
        same = before is not None and bool(rank.digest) and rank.digest == before.digest and rank.digest not in learned
        if same and before is not None and before.updated_at == rank.updated_at and was_deleted == _deleted(row):
            return Affected(row, None, False, rank.updated_at, None)
        return Affected(row, completed(row, facts), False, rank.updated_at, rank.observed_at)
    if before is not None and before.digest in learned:
        # What the newest says, in more detail, and observed earlier.
        facts = told.details[before.digest][1]
        if _deleted(row):
            row.claim = Claim.RELEASED
        return Affected(row, facts, False, before.updated_at, facts.version.observed_at)
    if not later or gone is None:
        return Affected(row, None, False, before.updated_at, None) if learned and before is not None else None
    if before is None or was_deleted or not _deleted(row):
        return Affected(row, None, False, gone.observed_at, None)
    row.claim = Claim.RELEASED
    return Affected(row, None, False, gone.observed_at, gone.observed_at)


def completed(row: OrderRow, facts: OrderFacts) -> OrderFacts:
    """A snapshot with what is known in detail of its content."""
    detail = row.details.get(digest_base(facts.digest))
    if detail is None or detail.digest == facts.digest:
        return facts
    lines = [
        line.model_copy(update={"refunded_quantity": detail.refunded.get(str(line.id), 0)}) for line in facts.lines
    ]
    return facts.model_copy(update={"lines": lines})


def _learn(row: OrderRow, told: Told) -> set[str]:
    """Keep new details; answers of which content they are."""
    learned = set()
    for base, (detail, _) in told.details.items():
        known = row.details.get(base)
        if known is None or detail[:2] > known[:2]:
            row.details[base] = detail
            learned.add(base)
    return learned


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
