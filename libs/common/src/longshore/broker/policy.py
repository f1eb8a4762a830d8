"""How a consumer treats failures: numbers, and the guard that halts it before it drains a topic into dead letters."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from longshore.broker.records import Record


@dataclass(frozen=True, slots=True)
class ConsumerPolicy:
    """Limits of a consumer. Times in seconds.

    It halts when within `poison_window_s` at least `poison_max_count` records were poison and these were at least
    `poison_min_ratio` of all records that it took.
    """

    max_records: int = 500
    # A batch costs much the same whatever is in it. So after one that was all there was a consumer rests so many times
    # as long as that took, which is longer the busier the machine is, but takes the next within `gather_s` of it.
    rest_ratio: float = 2.0
    gather_s: float = 0.2
    poison_max_count: int = 100
    poison_min_ratio: float = 0.5
    poison_window_s: float = 60.0
    backoff_initial_s: float = 0.1
    backoff_max_s: float = 10.0
    # How long a rebalance waits for the batch under way, so that it need not be done again elsewhere.
    rebalance_wait_s: float = 5.0

    def rest_s(self, took_s: float) -> float:
        """Seconds to rest after a batch that was all there was and took `took_s`."""
        return max(0.0, min(took_s * self.rest_ratio, self.gather_s - took_s))

    def backoff_s(self, attempt: int, jitter: Callable[[], float] = random.random) -> float:
        """Seconds to wait before the `attempt`-th retry (from 1): doubling, with half of it left to chance."""
        ceiling: float = min(self.backoff_max_s, self.backoff_initial_s * 2.0 ** min(attempt - 1, 30))
        return ceiling * (0.5 + 0.5 * jitter())


NOBODY_WAITS = ConsumerPolicy(rest_ratio=1000.0, gather_s=0.5)
"""Of topics that bring much in which little is looked for, or that nobody is kept waiting by."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that `apply` could not use, while it applied the others. `reason` holds no buyer's data."""

    record: Record
    reason: str
    error: BaseException | None = None


class PoisonGuard:
    """Counts poison among all records of the last `poison_window_s` seconds."""

    def __init__(self, policy: ConsumerPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._batches: deque[tuple[float, int, int]] = deque()
        self._records = 0
        self._poison = 0

    def would_halt(self, records: int, poison: int) -> bool:
        """Whether a batch of `records` with `poison` among them is too much, with what came before it."""
        self._forget_old()
        total, bad = self._records + records, self._poison + poison
        return poison > 0 and bad >= self._policy.poison_max_count and bad >= self._policy.poison_min_ratio * total

    def add(self, records: int, poison: int) -> None:
        """Count a batch that is done with."""
        self._batches.append((self._clock(), records, poison))
        self._records += records
        self._poison += poison

    def _forget_old(self) -> None:
        horizon = self._clock() - self._policy.poison_window_s
        while self._batches and self._batches[0][0] < horizon:
            _, records, poison = self._batches.popleft()
            self._records -= records
            self._poison -= poison
