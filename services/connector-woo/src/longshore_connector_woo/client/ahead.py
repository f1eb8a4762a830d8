"""Pages of a list that are asked for before they are wanted: a store is not left idle while we work on what it gave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from time import monotonic

from longshore.platforms.protocols import StoreError
from longshore_connector_woo.client.answers import Answer

# A run that pauses asks anew for what was read before the pause.
FRESH_S = 60.0


@dataclass(frozen=True, slots=True)
class _Read:
    answer: Answer | StoreError
    at: float


class Ahead:
    """Of one list at a time: a store's runs take turns. Pages are known by the position that they begin at."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._list: Hashable = None
        self._asked: dict[int, asyncio.Task[_Read]] = {}

    def want(
        self, which: Hashable, starts: Sequence[int], ask: Callable[[int], Awaitable[Answer]], *, step: int
    ) -> None:
        """Ask for these pages of a list, a `step` apart, unless they have been asked for. What was asked for besides
        and can be wanted no more is given up."""
        if which != self._list:
            self.forget()
            self._list = which
        for at in list(self._asked):
            if at < starts[0] or (at - starts[0]) % step or self._is_useless(self._asked[at]):
                self._asked.pop(at).cancel()
        for at in starts:
            if at not in self._asked:
                self._asked[at] = asyncio.create_task(self._read(ask, at))

    def is_here(self, start: int) -> bool:
        """Whether a page that is wanted has been read."""
        return self._asked[start].done()

    async def take(self, start: int) -> Answer | StoreError:
        """A page that is wanted, once it has been read; what went wrong as its StoreError."""
        try:
            return (await self._asked[start]).answer
        finally:
            self._asked.pop(start, None)

    def forget(self) -> None:
        """Give up all pages that have been asked for."""
        asked, self._asked = self._asked, {}
        for each in asked.values():
            each.cancel()

    async def _read(self, ask: Callable[[int], Awaitable[Answer]], at: int) -> _Read:
        try:
            answer: Answer | StoreError = await ask(at)
        except StoreError as error:
            answer = error
        return _Read(answer, self._clock())

    def _is_useless(self, asked: asyncio.Task[_Read]) -> bool:
        """Whether it failed, or was read long ago."""
        if not asked.done() or asked.cancelled():
            return asked.done()
        read = asked.result()
        return isinstance(read.answer, StoreError) or self._clock() - read.at > FRESH_S
