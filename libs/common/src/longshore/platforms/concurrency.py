"""How many requests a store is asked at a time: the fewest with which nearly as much comes as with more.

By Little's law `n` requests under way that take `t` seconds each bring `n / t` answers a second. Each number that is
used is measured so. One more is tried, and stays where it brings a good part more; now and then one less is tried, and
stays where it brings hardly less: a host with one core gives as much to one request as to three, and its buyers wait
less. A failure halves the limit, and what failed is not tried again for a while: a small host that falls over at three
requests is asked by two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

# So much more has to come for one more request at a time.
WORTH = 1.15
# One more, or one less, is tried after so many answers; what is known of a number is forgotten after so many.
TRY_EVERY = 30
FORGET_AFTER = 120
# Of the time of one answer, in the time that is known.
WEIGHT = 0.4
# What a store could not bear is tried again then.
FORGET_FAILURES_S = 600.0


@dataclass(slots=True)
class _Level:
    """What is known of a number of requests at a time: seconds of one, and after how many answers that was heard."""

    took_s: float
    heard_at: int


class AdaptiveLimit:
    """The limit of one store, from 1 to `most`; it begins with `first`. Times are compared within a `kind`: what takes
    alike on an idle store, such as whole pages of one list."""

    def __init__(self, most: int, clock: Callable[[], float] = monotonic, first: int = 1) -> None:
        self._most = most
        self._clock = clock
        self._limit = first
        self._kind = ""
        self._levels: dict[int, _Level] = {}
        self._heard = 0
        # Answers at this limit; below zero: those of requests that began at another are still to come.
        self._at_limit = 0
        self._tried_at = -TRY_EVERY
        # At first one more is tried at once, until it was not worth it.
        self._climbing = True
        self._ceiling = most
        self._failed_at = clock()

    @property
    def now(self) -> int:
        """How many may be under way at a time."""
        return self._limit

    def answered(self, kind: str, took_s: float, under_way: int) -> None:
        """A request of `kind` was answered well after `took_s` seconds; up to `under_way` were meanwhile, this among
        them."""
        if kind != self._kind:
            self._kind, self._levels, self._climbing = kind, {}, True
        self._heard += 1
        self._at_limit += 1
        if self._at_limit <= 0:
            return
        known = self._levels.get(under_way)
        if known is not None:
            took_s = known.took_s + WEIGHT * (took_s - known.took_s)
        self._levels[under_way] = _Level(took_s, self._heard)
        # A whole round: those that were under way together have all been heard.
        if under_way == self._limit and self._at_limit >= self._limit:
            self._decide()

    def failed(self) -> None:
        """The store did not answer, or not well."""
        self._failed_at = self._clock()
        self._ceiling = max(1, min(self._ceiling, self._limit) - 1)
        self._go_to(max(1, min(self._limit // 2, self._ceiling)))
        self._climbing = False

    def _decide(self) -> None:
        self._levels = {n: each for n, each in self._levels.items() if self._heard - each.heard_at <= FORGET_AFTER}
        rates = {n: n / max(each.took_s, 1e-9) for n, each in self._levels.items() if n <= self._most_now()}
        best = max(rates.values())
        fewest = min(n for n, rate in rates.items() if rate * WORTH >= best)
        if fewest != self._limit:
            self._climbing &= fewest > self._limit
            self._go_to(fewest)
        elif self._climbing:
            self._climbing = self._try(self._limit + 1)
        elif self._heard - self._tried_at >= TRY_EVERY and not self._try(self._limit + 1):
            self._try(self._limit - 1)

    def _try(self, limit: int) -> bool:
        """Go on with another number, if nothing is known of it."""
        if not 1 <= limit <= self._most_now() or limit in self._levels:
            return False
        self._tried_at = self._heard
        self._go_to(limit)
        return True

    def _go_to(self, limit: int) -> None:
        self._at_limit = 1 - self._limit
        self._limit = limit

    def _most_now(self) -> int:
        if self._ceiling < self._most and self._clock() - self._failed_at > FORGET_FAILURES_S:
            self._ceiling = self._most
        return self._ceiling
