"""The store's rate limit: a bucket of cost points per app and store, refilled by the second.

Each answer tells how full the bucket is (`extensions.cost.throttleStatus`); in between we count for ourselves, so that
tasks of one store queue here and not at the store. Reads leave a tenth of the bucket alone: a stock push (a dozen
points) never waits behind a queue of orders to be read (hundreds).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

# What a request is taken to cost before the store has told.
FIRST_GUESS = 50.0
# The smallest plan's, until the store has told.
_RATE, _CAPACITY = 100.0, 2000.0
# The share of the bucket that reads leave for what is urgent.
_KEPT = 0.1


class CostBucket:
    """Points that can be spent at one store. One per client; reads wait in the order in which they came."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._rate = _RATE
        self._capacity = _CAPACITY
        self._level = _CAPACITY
        self._at = clock()
        self._under_way = 0.0

    def wait_s(self, points: float, *, urgent: bool = False) -> float:
        """How long until that many points can be taken."""
        kept = 0.0 if urgent else self._capacity * _KEPT
        missing = min(points + kept, self._capacity) - self._now()
        return max(0.0, missing / self._rate)

    async def take(self, points: float, *, urgent: bool = False) -> float:
        """Wait for the points and take them; answers what `settle` is to be given back."""
        if urgent:
            return await self._take(points, urgent=True)
        async with self._turn:
            return await self._take(points, urgent=False)

    async def _take(self, points: float, *, urgent: bool) -> float:
        points = min(points, self._capacity)
        while (wait := self.wait_s(points, urgent=urgent)) > 0:
            await self._sleep(wait)
        self._level = self._now() - points
        self._under_way += points
        return points

    def settle(self, taken: float, status: Mapping[str, Any] | None) -> None:
        """A request has come back: `status` is the store's throttle status, if it told."""
        self._under_way = max(0.0, self._under_way - taken)
        if status is None:
            return
        try:
            available = float(status["currentlyAvailable"])
            rate = float(status["restoreRate"])
            capacity = float(status["maximumAvailable"])
        except (KeyError, TypeError, ValueError):
            return
        if rate > 0 and capacity > 0:
            self._rate, self._capacity = rate, capacity
            # What others of our requests will still be charged for is not in the store's figure yet.
            self._level = available - self._under_way
            self._at = self._clock()

    def _now(self) -> float:
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level
