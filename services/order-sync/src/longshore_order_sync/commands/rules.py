"""How outcomes change a command: final states stay, tries only count up. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from longshore.contracts import CommandError, CommandOutcome, CommandStatus

FINAL = frozenset({CommandStatus.SUCCEEDED, CommandStatus.FAILED, CommandStatus.SUPERSEDED})


@dataclass(frozen=True, slots=True)
class CommandState:
    """What is known of a command's fate."""

    status: CommandStatus
    attempts: int
    error: CommandError | None
    finished_at: datetime | None


def settle(state: CommandState, outcome: CommandOutcome) -> CommandState:
    """The state after an outcome, which may be late or repeated."""
    if state.status in FINAL:
        return state
    if outcome.status in FINAL:
        error = None if outcome.status is CommandStatus.SUCCEEDED else outcome.error
        return CommandState(outcome.status, max(state.attempts, outcome.attempts), error, outcome.at)
    if outcome.attempts < state.attempts:
        return state
    if outcome.status is CommandStatus.PENDING:
        return replace(state, attempts=outcome.attempts)
    return CommandState(CommandStatus.RUNNING, outcome.attempts, outcome.error, None)
