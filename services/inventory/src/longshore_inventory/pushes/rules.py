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


def _rank(outcome: CommandOutcome) -> tuple[bool, int]:
    return (outcome.status not in (CommandStatus.PENDING, CommandStatus.RUNNING), outcome.attempts)
