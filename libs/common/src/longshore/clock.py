"""Time, injected: rules never ask the machine what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What tells the time; tests bring their own."""

    def __call__(self) -> datetime:
        """Now, aware UTC."""


def utc_now() -> datetime:
    """The machine's clock, aware UTC."""
    return datetime.now(UTC)
