"""Turns of those who read from one store: no more at a time than it bears."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Turns:
    """`most` tells how many may be under way now; it may change at any time. Who came first goes first, but those that
    are `patient` after all the others."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._hurried: deque[asyncio.Future[None]] = deque()
        self._patient: deque[asyncio.Future[None]] = deque()
        self.under_way = 0

    @asynccontextmanager
    async def turn(self, *, patient: bool = False) -> AsyncIterator[None]:
        """Wait for a turn, and give it back at the end."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._patient if patient else self._hurried).append(mine)
        self._admit()
        try:
            await mine
            yield
        finally:
            # Who is cancelled may have been given the turn already.
            if mine.done() and not mine.cancelled():
                self.under_way -= 1
            self._admit()

    def _admit(self) -> None:
        while self.under_way < self._most() and (waiting := self._hurried or self._patient):
            following = waiting.popleft()
            if not following.done():
                self.under_way += 1
                following.set_result(None)
