"""A clock for what pauses: pauses are not what is tested."""

from __future__ import annotations


class MovingClock:
    """Seconds that pass when somebody sleeps, and only then."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let them pass at once."""
        self.now += seconds
