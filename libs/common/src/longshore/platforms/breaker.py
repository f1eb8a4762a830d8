"""A circuit breaker per store: a store that is down is asked now and then, not by every job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic


@dataclass(slots=True)
class Breaker:
    """Opens after `threshold` failures in a row; while open, one probe is let through per `pause_s`, doubling up to
    `longest_pause_s`. A success closes it."""

    threshold: int = 5
    pause_s: float = 2.0
    longest_pause_s: float = 30.0
    clock: Callable[[], float] = monotonic
    failures: int = 0
    _pause: float = field(default=0.0, init=False)
    _next_probe: float = field(default=0.0, init=False)

    @property
    def open(self) -> bool:
        """Whether the store counts as down."""
        return self.failures >= self.threshold

    def wait_s(self) -> float:
        """Seconds to wait before the next try; 0 lets the caller through (and, while open, only this caller)."""
        if not self.open:
            return 0.0
        now = self.clock()
        if now >= self._next_probe:
            self._next_probe = now + self._pause
            return 0.0
        return self._next_probe - now

    def left_s(self) -> float:
        """Seconds until the next try may be let through; unlike `wait_s`, asking is not trying."""
        return max(0.0, self._next_probe - self.clock()) if self.open else 0.0

    def succeeded(self) -> None:
        """The store answered."""
        self.failures = 0
        self._pause = 0.0

    def failed(self) -> None:
        """The store did not answer, or answered with a fault of its own."""
        self.failures += 1
        if self.open:
            self._pause = min(self._pause * 2 or self.pause_s, self.longest_pause_s)
            self._next_probe = self.clock() + self._pause
