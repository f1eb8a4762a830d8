"""Token buckets: how many requests somebody may still send. Pure; the clock is given."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import NamedTuple

MOST_BUCKETS = 10_000


class Taken(NamedTuple):
    """What became of a request. `remaining` tokens; the bucket is full again after `reset_s`; a request that was not
    allowed may come again after `retry_s`."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: int
    retry_s: int


class Buckets:
    """A bucket for each key: `burst` tokens, `per_s` of them come back in a second. `per_s` 0: no limit."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        # What is in it, and as of when.
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._per_s > 0

    def take(self, key: Hashable, now: float) -> Taken:
        """Take one token, if there is one. `now` in seconds of any clock that only goes forward."""
        tokens, at = self._buckets.get(key, (float(self._burst), now))
        tokens = min(float(self._burst), tokens + (now - at) * self._per_s)
        allowed = tokens >= 1.0
        if allowed:
            tokens -= 1.0
        if key not in self._buckets and len(self._buckets) >= MOST_BUCKETS:
            self._drop_full(now)
        self._buckets[key] = (tokens, now)
        reset_s = math.ceil((self._burst - tokens) / self._per_s)
        retry_s = 0 if allowed else max(1, math.ceil((1.0 - tokens) / self._per_s))
        return Taken(allowed, self._burst, int(tokens), reset_s, retry_s)

    def is_empty(self, key: Hashable, now: float) -> bool:
        """Whether there is no token left; takes none."""
        tokens, at = self._buckets.get(key, (float(self._burst), now))
        return tokens + (now - at) * self._per_s < 1.0

    def _drop_full(self, now: float) -> None:
        """Forget who has not come for so long that their bucket is full; all, if that is nobody."""
        full_after = self._burst / self._per_s
        kept = {key: bucket for key, bucket in self._buckets.items() if now - bucket[1] < full_after}
        self._buckets = kept if len(kept) < MOST_BUCKETS else {}
