"""The store's rate limit: a bucket of cost points per app and store, refilled by the second.

Each answer tells how full the bucket is (`extensions.cost.throttleStatus`); in between we count for ourselves, so that
tasks of one store queue here and not at the store. Several processes share a store's bucket through those answers.
Whatever can wait leaves a part of the bucket alone: a stock push (a dozen points) never waits behind a queue of orders
to be read (hundreds), and those not behind a backfill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import Any

# What a request is taken to cost before the store has told.
FIRST_GUESS = 50.0
# The smallest plan's, until the store has told.
_RATE, _CAPACITY = 100.0, 2000.0


class Rank(IntEnum):
    """What goes before what. An oversold piece costs more than a late tracking number; a backfill has time."""

    STOCK = 0
    SHIPMENT = 1
    READ = 2
    BACKFILL = 3


# The share of the bucket that each leaves for those before it.
_KEPT = {Rank.STOCK: 0.0, Rank.SHIPMENT: 0.05, Rank.READ: 0.1, Rank.BACKFILL: 0.3}


class CostBucket:
    """Points that can be spent at one store. One per client; those of one rank wait in the order in which they came."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._turns = {rank: asyncio.Lock() for rank in Rank if rank is not Rank.STOCK}
        self._rate = _RATE
        self._capacity = _CAPACITY
        self._level = _CAPACITY
        self._at = clock()
        self._under_way = 0.0

    def wait_s(self, points: float, rank: Rank = Rank.READ) -> float:
        """How long until that many points can be taken."""
        missing = min(points + self._capacity * _KEPT[rank], self._capacity) - self._now()
        return max(0.0, missing / self._rate)

    async def take(self, points: float, rank: Rank = Rank.READ) -> float:
        """Wait for the points and take them; answers what `settle` is to be given back."""
        if rank is Rank.STOCK:
            return await self._take(points, rank)
        async with self._turns[rank]:
            return await self._take(points, rank)

    async def _take(self, points: float, rank: Rank) -> float:
        points = min(points, self._capacity)
        while (wait := self.wait_s(points, rank)) > 0:
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
