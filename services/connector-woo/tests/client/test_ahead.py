"""Pages that are asked for before they are wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from longshore.platforms.protocols import StoreError, StoreUnavailable
from longshore_connector_woo.client.ahead import FRESH_S, Ahead
from longshore_connector_woo.client.answers import Answer


class Store:
    """Answers with the position that it was asked for; where it is slow, never."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.fails: set[int] = set()
        self.slow: set[int] = set()
        self.given_up: list[int] = []
        self.now = 0.0
        self.ahead = Ahead(lambda: self.now)

    async def want(self, starts: Sequence[int], which: object = "orders") -> None:
        self.ahead.want(which, starts, self.ask, step=99)
        for _ in range(3):
            await asyncio.sleep(0)

    async def take(self, start: int) -> int | str:
        found = await self.ahead.take(start)
        return found.code if isinstance(found, StoreError) else found.status

    async def ask(self, start: int) -> Answer:
        self.asked.append(start)
        try:
            if start in self.slow:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up.append(start)
            raise
        if start in self.fails:
            raise StoreUnavailable("empty", "Nothing came.")
        return Answer(start, {}, "[]", [])


async def test_each_page_is_asked_for_once() -> None:
    store = Store()
    await store.want([0, 99])
    await store.want([0, 99, 198])
    assert store.asked == [0, 99, 198]
    assert [await store.take(0), await store.take(99)] == [0, 99]
    await store.want([198, 297])
    assert store.asked == [0, 99, 198, 297]
    assert store.ahead.is_here(198)


async def test_what_lies_elsewhere_is_given_up() -> None:
    store = Store()
    store.slow = {0, 99, 198, 98}
    await store.want([0, 99, 198])
    # Rows have gone: the pages begin elsewhere now. Then another list is read.
    await store.want([98])
    assert store.given_up == [0, 99, 198]
    await store.want([0], "trash")
    assert store.given_up == [0, 99, 198, 98]
    store.ahead.forget()
    await asyncio.sleep(0)
    assert store.given_up == [0, 99, 198, 98, 0]


async def test_pages_behind_those_that_are_wanted_stay() -> None:
    store = Store()
    await store.want([0, 99, 198, 297])
    await store.take(0)
    await store.want([99])
    assert await store.take(297) == 297
    assert store.asked == [0, 99, 198, 297]


async def test_what_failed_ahead_is_asked_for_again_and_what_fails_then_is_told() -> None:
    store = Store()
    store.fails = {99}
    await store.want([0, 99])
    assert store.ahead.is_here(99)
    await store.want([99])
    assert store.asked == [0, 99, 99]
    assert await store.take(99) == "empty"


async def test_what_was_read_long_ago_is_read_again() -> None:
    store = Store()
    await store.want([0])
    store.now = FRESH_S - 1
    await store.want([0])
    assert store.asked == [0]
    store.now = FRESH_S + 1
    await store.want([0])
    assert store.asked == [0, 0]
    assert await store.take(0) == 0
