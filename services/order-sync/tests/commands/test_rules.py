from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from longshore.contracts import CommandError, CommandOutcome, CommandStatus
from longshore_order_sync.commands.rules import CommandState, settle

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEW = CommandState(CommandStatus.PENDING, 0, None, None)
BUSY = CommandError(code="throttled", detail="The store is busy.")


def outcome(status: CommandStatus, attempts: int = 1, error: CommandError | None = None, at: int = 0) -> CommandOutcome:
    return CommandOutcome(
        command_id=uuid4(),
        type="fulfillment.create",
        org_id=uuid4(),
        integration_id=uuid4(),
        reply_to="order-sync",
        status=status,
        attempts=attempts,
        error=error,
        at=NOON + timedelta(seconds=at),
    )


class TestSettle:
    def test_a_failed_try_is_told(self) -> None:
        state = settle(NEW, outcome(CommandStatus.RUNNING, 1, BUSY))
        assert state == CommandState(CommandStatus.RUNNING, 1, BUSY, None)

    def test_success_clears_the_error(self) -> None:
        state = settle(settle(NEW, outcome(CommandStatus.RUNNING, 1, BUSY)), outcome(CommandStatus.SUCCEEDED, 2, at=7))
        assert state == CommandState(CommandStatus.SUCCEEDED, 2, None, NOON + timedelta(seconds=7))

    @pytest.mark.parametrize("final", [CommandStatus.SUCCEEDED, CommandStatus.FAILED, CommandStatus.SUPERSEDED])
    @pytest.mark.parametrize("late", list(CommandStatus))
    def test_an_end_stays(self, final: CommandStatus, late: CommandStatus) -> None:
        ended = settle(NEW, outcome(final, 3))
        assert settle(ended, outcome(late, 9, BUSY, at=60)) == ended

    def test_an_old_try_does_not_count_down(self) -> None:
        state = settle(NEW, outcome(CommandStatus.RUNNING, 3, BUSY))
        assert settle(state, outcome(CommandStatus.RUNNING, 2)) == state

    def test_any_order_ends_the_same(self) -> None:
        tries = [outcome(CommandStatus.RUNNING, n, BUSY) for n in (1, 2)] + [outcome(CommandStatus.SUCCEEDED, 3)]
        ends = set()
        for order in permutations(tries):
            state = NEW
            for each in order:
                state = settle(state, each)
            ends.add((state.status, state.attempts))
        assert ends == {(CommandStatus.SUCCEEDED, 3)}
