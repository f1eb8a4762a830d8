"""Who may ask a store when."""

from __future__ import annotations

import asyncio

import pytest

from longshore_connector_woo.client.turns import Turns


class Readers:
    """Tasks that take a turn and keep it until they are let go."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.let_go: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, *, patient: bool = False) -> None:
        self.let_go[name] = asyncio.Event()

        async def read() -> None:
            async with self.turns.turn(patient=patient):
                self.began.append(name)
                await self.let_go[name].wait()

        self.tasks[name] = asyncio.create_task(read())
        await self.settle()

    async def go(self, name: str) -> None:
        self.let_go[name].set()
        await self.settle()

    @staticmethod
    async def settle() -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_no_more_at_a_time_and_the_patient_last() -> None:
    readers = Readers(Turns(lambda: 2))
    for name in ("a", "b", "c"):
        await readers.come(name, patient=True)
    await readers.come("d")
    assert readers.began == ["a", "b"]
    await readers.go("a")
    assert readers.began == ["a", "b", "d"]
    await readers.go("b")
    assert readers.began == ["a", "b", "d", "c"]
    assert readers.turns.under_way == 2


async def test_how_many_changes_with_the_answers() -> None:
    most = 1
    readers = Readers(Turns(lambda: most))
    for name in ("a", "b", "c", "d"):
        await readers.come(name)
    assert readers.began == ["a"]
    most = 3
    await readers.go("a")
    assert readers.began == ["a", "b", "c", "d"]
    most = 1
    await readers.come("e")
    await readers.go("b")
    await readers.go("c")
    assert readers.began[4:] == []
    await readers.go("d")
    assert readers.began[4:] == ["e"]


@pytest.mark.parametrize("cancelled", ["a", "b"])
async def test_who_is_cancelled_takes_no_turn_along(cancelled: str) -> None:
    readers = Readers(Turns(lambda: 1))
    for name in ("a", "b", "c"):
        await readers.come(name)
    readers.tasks[cancelled].cancel()
    await readers.settle()
    if cancelled == "b":
        await readers.go("a")
    else:
        await readers.go("b")
    assert readers.began[-1] == "c"
    await readers.go("c")
    assert readers.turns.under_way == 0


async def test_who_is_cancelled_as_it_gets_its_turn_gives_it_back() -> None:
    readers = Readers(Turns(lambda: 1))
    for name in ("a", "b", "c"):
        await readers.come(name)
    readers.let_go["a"].set()
    # The turn is given within a's task; b has not woken up yet.
    await asyncio.sleep(0)
    readers.tasks["b"].cancel()
    await readers.settle()
    assert readers.began == ["a", "c"]
    await readers.go("c")
    assert readers.turns.under_way == 0
