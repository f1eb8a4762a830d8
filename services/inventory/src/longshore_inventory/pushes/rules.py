"""Which outcome of a push counts. Outcomes arrive at least once, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from longshore.contracts import STALE, CommandOutcome, CommandStatus
from longshore_inventory.stock.book import Book
from longshore_inventory.stock.rules import StoreListing

STOCK_SET = "stock.set"


class Asked(NamedTuple):
    """A push as it was asked for. `sold`: see book.Push; None where the push compared nothing (or is of before that was
    noted). `answer_lost`: it was sent for certain, and nobody has said what became of it."""

    listing_id: UUID
    sequence: int
    quantity: int
    created_at: datetime
    answer_lost: bool
    sold: int | None


def newest_per_command(outcomes: Iterable[CommandOutcome]) -> list[CommandOutcome]:
    """One outcome per command: a final one, else the latest try."""
    newest: dict[UUID, CommandOutcome] = {}
    for each in outcomes:
        known = newest.get(each.command_id)
        if known is None or _rank(each) > _rank(known):
            newest[each.command_id] = each
    return sorted(newest.values(), key=lambda each: each.command_id)


def answers(outcomes: Iterable[CommandOutcome]) -> list[tuple[UUID, int, CommandOutcome]]:
    """(listing, sequence, outcome) of what was carried out or refused, in the order in which it was asked for.

    A superseded command tells nothing: the newer one will.
    """
    found = [
        (each.listing_id, each.sequence, each)
        for each in outcomes
        if each.status in (CommandStatus.SUCCEEDED, CommandStatus.FAILED)
        and each.listing_id is not None
        and each.sequence is not None
    ]
    return sorted(found, key=lambda each: each[:2])


def is_stale(outcome: CommandOutcome) -> bool:
    """Whether the store had something else than we expected, and said what."""
    return outcome.quantity is not None and outcome.error is not None and outcome.error.code == STALE


def at_store(outcome: CommandOutcome) -> datetime:
    """When it took effect, to compare with the store's orders: by the clock that dates those."""
    return outcome.at_store or outcome.at


def lost_of(pushes: Iterable[Asked]) -> dict[UUID, list[Asked]]:
    """Those of these pushes that were sent to their stores for certain and never answered, by listing, as they come."""
    found: dict[UUID, list[Asked]] = {}
    for each in pushes:
        if each.answer_lost:
            found.setdefault(each.listing_id, []).append(each)
    return found


def take_in(
    book: Book,
    listing: StoreListing,
    outcome: CommandOutcome,
    *,
    push: Asked | None,
    sold_since: int,
    lost: Sequence[Asked],
    now: datetime,
) -> list[int]:
    """Learn what the store has of a push that went through, or was refused as stale; answers the sequences that landed.

    `push`: as it was asked for, if that is known. `sold_since`: pieces that the store's orders took after it, by the
    clock. `lost`: pushes of this listing whose answers were lost, the newest first.
    """
    at, sequence = at_store(outcome), outcome.sequence or 0
    if outcome.status is CommandStatus.SUCCEEDED:
        if push is not None and push.sold is not None:
            book.land(listing, push.quantity, push.sold, at)
        else:
            book.confirm(listing, _quantity(listing, outcome), sold_since, at)
        return [sequence]
    landed = _landed_unheard(listing, outcome, lost)
    if landed is not None and landed.sold is not None:
        book.land(listing, landed.quantity, landed.sold, at)
    book.contradict(listing, outcome.quantity or 0, at, now, None if push is None else push.sold)
    return [] if landed is None else [landed.sequence]


def nearest(listing: StoreListing, quantity: int, difference: int, lost: Sequence[Asked]) -> tuple[Asked, int] | None:
    """The push whose answer was lost and that, had it landed, would leave the least of a `difference` unexplained, and
    what it leaves. None: `difference` is the least. `quantity`: what the store has, with what its orders took since."""
    left = [
        (each, quantity - listing.elsewhere - (each.quantity - (listing.sold - each.sold)))
        for each in lost
        if each.sold is not None
    ]
    found = min(left, key=lambda pair: abs(pair[1]), default=None)
    return found if found is not None and abs(found[1]) < abs(difference) else None


def _landed_unheard(listing: StoreListing, outcome: CommandOutcome, lost: Sequence[Asked]) -> Asked | None:
    """The push whose answer was lost and that explains to the piece what the store has in place of what we expected.

    It has what that push told, less what the store's own orders have taken since it was asked for.
    """
    for each in lost:
        if each.sold is not None and outcome.quantity == each.quantity - (listing.sold - each.sold):
            return each
    return None


def _quantity(listing: StoreListing, outcome: CommandOutcome) -> int:
    """What the store has at the listing's location after a push that went through.

    The newest is taken at its word: a store that answers otherwise must not make us repeat it for ever.
    """
    if outcome.quantity is None or outcome.sequence == listing.sequence:
        return max(0, (listing.pushed_quantity or 0) - listing.elsewhere)
    return outcome.quantity


def _rank(outcome: CommandOutcome) -> tuple[bool, int]:
    return (outcome.status not in (CommandStatus.PENDING, CommandStatus.RUNNING), outcome.attempts)
