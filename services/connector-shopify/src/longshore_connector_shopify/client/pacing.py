"""The store's rate limit: a bucket of cost points per app and store, refilled by the second.

Each answer tells how full the bucket is (`extensions.cost.throttleStatus`); in between we count for ourselves, so that
tasks of one store queue here and not at the store. Several processes share a store's bucket: each takes leases of
points out of one that they have in common (longshore.platforms.limits), as much as it spends in a second or two.
Whatever can wait leaves a part of the bucket alone: a stock push (a dozen points) never waits behind a queue of orders
to be read (hundreds), and those not behind a backfill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import Any

from longshore.platforms.limits import SharedLimit, Wanted

# What a request is taken to cost before the store has told.
FIRST_GUESS = 50.0
# The smallest plan's, until the store has told.
_RATE, _CAPACITY = 100.0, 2000.0
# Of the bucket, what is taken at a time of what all processes share; what is left of it goes back after so long.
_LEASE = 0.1
_LEASE_S = 2.0
# Less than a clock may tell apart: one would sleep for nothing, again and again.
_LEAST_SLEEP_S = 0.001
# Before the next look after somebody else was faster.
_LEAST_WAIT_S = 0.02


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
        shared: SharedLimit | None = None,
    ) -> None:
        self._shared = shared
        # By rank: points that were taken in advance, and until when they are kept.
        self._leases: dict[Rank, tuple[float, float]] = {}
        self._clock = clock
        self._sleep = sleep
        self._turns = {rank: asyncio.Lock() for rank in Rank if rank is not Rank.STOCK}
        self._told = False
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
        while True:
            while (wait := self.wait_s(points, rank)) > 0:
                await self._sleep(max(wait, _LEAST_SLEEP_S))
            if await self._lease(points, rank):
                break
            await self._sleep(_LEAST_WAIT_S)
        self._level = self._now() - points
        self._under_way += points
        return points

    async def _lease(self, points: float, rank: Rank) -> bool:
        """Whether the points may be spent as far as other processes go; if not, `wait_s` knows for how long."""
        if self._shared is None:
            return True
        left = self._left(rank)
        if left < points:
            self._leases.pop(rank, None)
            back = left + sum(self._leases.pop(each)[0] for each in self._idle())
            lease = await self._shared.take(
                Wanted(
                    points=points,
                    lease=self._capacity * _LEASE,
                    kept=min(self._capacity * _KEPT[rank], self._capacity - points),
                    rate=self._rate,
                    capacity=self._capacity,
                    told=self._told,
                    # By the store's last word, which knows of programs that are not ours.
                    available=self._now() - sum(each for each, _ in self._leases.values()) if self._told else None,
                    back=back,
                )
            )
            if lease is None:
                return True
            if not self._told:
                self._rate, self._capacity = lease.rate, lease.capacity
            # Another task of this rank may have had a lease meanwhile.
            left = self._left(rank) + lease.points
            if left < points:
                self._level = min(self._now(), lease.left)
                self._keep(rank, left)
                return False
        self._keep(rank, left - points)
        return True

    def _left(self, rank: Rank) -> float:
        return self._leases.get(rank, (0.0, 0.0))[0]

    def _idle(self) -> list[Rank]:
        now = self._clock()
        return [rank for rank, (_, until) in self._leases.items() if until <= now]

    def _keep(self, rank: Rank, points: float) -> None:
        self._leases[rank] = (points, self._clock() + _LEASE_S)

    def settle(
        self,
        taken: float,
        status: Mapping[str, Any] | None,
        *,
        spent: float | None = None,
        rank: Rank = Rank.READ,
    ) -> None:
        """A request has come back: `status` is the store's throttle status, `spent` what it cost, if it told."""
        self._under_way = max(0.0, self._under_way - taken)
        if spent is not None and self._shared is not None:
            self._keep(rank, self._left(rank) + taken - spent)
        if status is None:
            return
        try:
            available = float(status["currentlyAvailable"])
            rate = float(status["restoreRate"])
            capacity = float(status["maximumAvailable"])
        except (KeyError, TypeError, ValueError):
            return
        if rate > 0 and capacity > 0:
            self._rate, self._capacity, self._told = rate, capacity, True
            # What others of our requests will still be charged for is not in the store's figure yet.
            self._level = available - self._under_way
            self._at = self._clock()

    def _now(self) -> float:
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        return self._level
