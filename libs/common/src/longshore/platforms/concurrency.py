"""How many requests a store is asked at a time: as many as it answers without letting them wait, and never more.

After TCP Vegas, as Netflix's concurrency-limits has it. By Little's law, of `n` requests under way `n * (1 - shortest /
took)` wait for a free worker of the store. While nearly none waits, one more is tried; where some wait, one less. At
first each good answer adds one (slow start), until some wait. A failure halves the limit, and what failed is not tried
again for a while: a small host that falls over at three requests is asked by two.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

# Requests that wait at the store: with fewer one more is tried, with more one less.
FEW_WAIT = 0.8
MANY_WAIT = 1.6
# What a store could not bear is tried again then.
FORGET_FAILURES_S = 600.0
# After so many answers one request is sent alone: how long one takes changes with the hour, and what is only seen in
# company looks as slow as the company makes it.
ALONE_EVERY = 60
ALONE_FIRST = 30


class AdaptiveLimit:
    """The limit of one store, from 1 to `most`; it begins with `first`. Times are compared within a `kind`: what takes
    alike on an idle store, such as whole pages of one list."""

    def __init__(self, most: int, clock: Callable[[], float] = monotonic, first: int = 1) -> None:
        self._most = float(most)
        self._clock = clock
        self._limit = float(first)
        self._shortest: dict[str, float] = {}
        self._in_company = ALONE_EVERY - ALONE_FIRST
        self._ceiling = self._most
        self._failed_at = clock()
        self._slow_start = True

    @property
    def now(self) -> int:
        """How many may be under way at a time."""
        return 1 if self._in_company >= ALONE_EVERY else int(self._limit)

    def answered(self, kind: str, took_s: float, under_way: int) -> None:
        """A request of `kind` was answered well after `took_s` seconds; up to `under_way` were meanwhile, this among
        them."""
        shortest = self._shortest.get(kind, took_s)
        if under_way == 1:
            # Half of the way: one slow answer says little.
            shortest = max(shortest, (shortest + took_s) / 2)
            self._in_company = 0
        else:
            self._in_company += 1
        shortest = self._shortest[kind] = min(took_s, shortest)
        waiting = under_way * (1 - shortest / took_s) if took_s > 0 else 0.0
        self._slow_start &= waiting < FEW_WAIT
        if waiting > MANY_WAIT:
            self._limit = max(1.0, self._limit - 1 / self._limit)
        elif waiting < FEW_WAIT and under_way >= int(self._limit):
            more = 1.0 if self._slow_start else 1 / self._limit
            self._limit = min(self._most_now(), self._limit + more)

    def failed(self) -> None:
        """The store did not answer, or not well."""
        self._slow_start = False
        self._failed_at = self._clock()
        self._ceiling = max(1.0, min(self._ceiling, self._limit) - 1)
        self._limit = max(1.0, min(self._limit / 2, self._ceiling))

    def _most_now(self) -> float:
        if self._ceiling < self._most and self._clock() - self._failed_at > FORGET_FAILURES_S:
            self._ceiling = self._most
        return max(self._limit, self._ceiling)
