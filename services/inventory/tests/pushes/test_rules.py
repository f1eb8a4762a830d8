"""Which outcome counts."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from longshore.contracts import STALE, CommandError, CommandOutcome, CommandStatus
from longshore_inventory.pushes.rules import answers, is_stale, newest_per_command

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def outcome(
    command: int, status: CommandStatus, *, sequence: int = 1, attempts: int = 1, code: str = ""
) -> CommandOutcome:
    return CommandOutcome(
        command_id=UUID(int=command),
        type="stock.set",
        org_id=UUID(int=1),
        integration_id=UUID(int=2),
        reply_to="inventory",
        status=status,
        attempts=attempts,
        error=CommandError(code=code, detail="No.") if code else None,
        at=NOON,
        listing_id=UUID(int=3),
        sequence=sequence,
        quantity=4,
    )


class TestNewestPerCommand:
    def test_final_beats_later_tries(self) -> None:
        done = outcome(1, CommandStatus.SUCCEEDED)
        tried = outcome(1, CommandStatus.RUNNING, attempts=5)
        assert newest_per_command([done, tried]) == [done]
        assert newest_per_command([tried, done]) == [done]

    def test_the_latest_try(self) -> None:
        second = outcome(1, CommandStatus.RUNNING, attempts=2)
        assert newest_per_command([second, outcome(1, CommandStatus.RUNNING)]) == [second]


class TestAnswers:
    def test_what_was_dealt_with_in_the_order_of_asking(self) -> None:
        first, second = outcome(1, CommandStatus.SUCCEEDED, sequence=1), outcome(2, CommandStatus.FAILED, sequence=2)
        found = answers(
            [
                outcome(3, CommandStatus.SUPERSEDED, sequence=3),
                second,
                first,
                outcome(4, CommandStatus.RUNNING, sequence=4),
            ]
        )
        assert found == [(UUID(int=3), 1, first), (UUID(int=3), 2, second)]


class TestIsStale:
    def test_by_its_code(self) -> None:
        assert is_stale(outcome(1, CommandStatus.FAILED, code=STALE))
        assert not is_stale(outcome(1, CommandStatus.FAILED, code="forbidden"))
        assert not is_stale(outcome(1, CommandStatus.SUCCEEDED))
