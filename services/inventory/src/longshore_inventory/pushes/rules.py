"""Which outcome of a push counts. Outcomes arrive at least once, in any order."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from longshore.contracts import STALE, CommandOutcome, CommandStatus

STOCK_SET = "stock.set"


def newest_per_command(outcomes: Iterable[CommandOutcome]) -> list[CommandOutcome]:
    """One outcome per command: a final one, else the latest try."""
    newest: dict[UUID, CommandOutcome] = {}
    for each in outcomes:
        known = newest.get(each.command_id)
        if known is None or _rank(each) > _rank(known):
            newest[each.command_id] = each
    return sorted(newest.values(), key=lambda each: each.command_id)


def answers(outcomes: Iterable[CommandOutcome]) -> dict[UUID, CommandOutcome]:
    """Per listing the outcome that tells what its store has: the highest sequence that was carried out or refused.

    A superseded command tells nothing: the newer one will.
    """
    found: dict[UUID, CommandOutcome] = {}
    for each in outcomes:
        if each.status not in (CommandStatus.SUCCEEDED, CommandStatus.FAILED):
            continue
        if each.listing_id is None or each.sequence is None:
            continue
        known = found.get(each.listing_id)
        if known is None or each.sequence > (known.sequence or 0):
            found[each.listing_id] = each
    return found


def is_stale(outcome: CommandOutcome) -> bool:
    """Whether the store had something else than we expected, and said what: so it can be told anew at once."""
    return outcome.quantity is not None and outcome.error is not None and outcome.error.code == STALE


def _rank(outcome: CommandOutcome) -> tuple[bool, int]:
    return (outcome.status not in (CommandStatus.PENDING, CommandStatus.RUNNING), outcome.attempts)
