"""Reading a store's lists: pages as large, and as many at a time, as its host bears."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import TypeVar

from longshore.platforms.concurrency import AdaptiveLimit
from longshore.platforms.protocols import StoreError, StoreThrottled, StoreUnavailable
from longshore_connector_woo.client.ahead import Ahead
from longshore_connector_woo.client.answers import Answer
from longshore_connector_woo.client.paging import PAGE, Gets
from longshore_connector_woo.client.turns import Turns

# Of the connections of a store (see http); the others are for its pushes and shipments.
MOST_AT_A_TIME = 4
# Two at a time are less than one visitor's browser asks of a shop.
FIRST_AT_A_TIME = 2
SMALLEST_PAGE = 10
# PHP gives up after 30 s on most hosts: a page that takes half of it is too large.
SLOW_PAGE_S = 15.0
# Whole pages that came well before a larger one is tried, and when a size that failed may be.
GOOD_PAGES = 20
FORGET_FAILURES_S = 3600.0

_IDS = re.compile(r"\d+")

T = TypeVar("T")


class Reader:
    """Shared by all readings of one store. `size`: rows of a page; a store that cannot give a hundred (memory, time)
    is asked for half as many, until it can."""

    def __init__(self, http: Gets, clock: Callable[[], float] = monotonic, at_a_time: int = FIRST_AT_A_TIME) -> None:
        """It begins with `at_a_time` requests."""
        self._http = http
        self._clock = clock
        self._limit = AdaptiveLimit(MOST_AT_A_TIME, clock, at_a_time)
        self._turns = Turns(lambda: self._limit.now)
        self.ahead = Ahead(clock)
        self._good = 0
        self._largest = PAGE
        self._failed_at = clock()
        self.size = PAGE
        # Lists that older versions do not have, as far as this store has told.
        self.lacks: set[str] = set()

    @property
    def at_a_time(self) -> int:
        """How many requests the store bears now."""
        return self._limit.now

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """One request, timed, when it is its turn. Raises StoreError."""
        return await self._get(path, query or {}, patient=False)

    async def page(self, path: str, query: Mapping[str, str]) -> Answer:
        """A page of a list that is read through, after what else is asked of the store. Raises StoreError."""
        return await self._get(path, query, patient=True)

    async def _get(self, path: str, query: Mapping[str, str], *, patient: bool) -> Answer:
        async with self._turns.turn(patient=patient):
            began, company = self._clock(), self._turns.under_way
            try:
                answer = await self._http.get(path, query)
                rows = answer.objects()
            except StoreThrottled:
                self._limit.failed()
                raise
            except StoreUnavailable:
                self._limit.failed()
                self._smaller(int(query.get("per_page", "1")))
                raise
            self._heard(path, query, len(rows), self._clock() - began, max(company, self._turns.under_way))
            return answer

    async def together(self, reads: Sequence[Callable[[], Awaitable[T]]]) -> list[T | StoreError]:
        """The results in their order; what failed as its StoreError."""
        waiting = list(enumerate(reads))[::-1]
        results: list[T | StoreError | None] = [None] * len(reads)

        async def work() -> None:
            while waiting:
                n, read = waiting.pop()
                try:
                    results[n] = await read()
                except StoreError as error:
                    results[n] = error

        async with asyncio.TaskGroup() as group:
            for _ in range(min(MOST_AT_A_TIME, len(reads))):
                group.create_task(work())
        return [each for each in results if each is not None]

    def _heard(self, path: str, query: Mapping[str, str], rows: int, took_s: float, company: int) -> None:
        size = int(query.get("per_page", "1"))
        if rows < size or size < SMALLEST_PAGE:
            # A page that is not whole says little of how long one takes.
            return
        self._limit.answered(f"{_IDS.sub('', path)} {size}", took_s, company)
        if took_s > SLOW_PAGE_S:
            self._smaller(size)
        elif size == self.size < PAGE:
            self._good += 1
            if self._good >= GOOD_PAGES:
                self._larger()

    def _smaller(self, size: int) -> None:
        # Several pages of one size that fail together are one failure.
        if size == self.size > SMALLEST_PAGE:
            self.size = self._largest = max(SMALLEST_PAGE, size // 2)
            self._good, self._failed_at = 0, self._clock()

    def _larger(self) -> None:
        if self._clock() - self._failed_at > FORGET_FAILURES_S:
            self._largest = PAGE
        self.size, self._good = min(self.size * 2, self._largest), 0
