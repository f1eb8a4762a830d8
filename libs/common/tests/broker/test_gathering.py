"""Messages that come one by one go together, after a bounded while, and each is told what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from longshore.broker import EncodedMessage, gathering
from longshore.broker.gathering import ENOUGH, Gathering, Offer
from longshore_devkit.testing import eventually


def message(n: int) -> EncodedMessage:
    return EncodedMessage("raw.woocommerce", b"%d" % n, b"{}", [])


class Kafka:
    """Takes groups; acknowledges at once, or when `answers` is set."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.acknowledged: list[int] = []
        self.gathering = Gathering(self._send)

    async def _send(self, group: Sequence[Offer]) -> None:
        self.groups.append([int(each.key) for each, _ in group])
        await self.answers.wait()
        for _, done in group:
            done(None)

    def add(self, *numbers: int) -> None:
        for n in numbers:
            self.gathering.add(message(n), lambda error, n=n: self.acknowledged.append(n))  # type: ignore[misc]

    async def sends(self, groups: int) -> None:
        """So many groups are under way, or were."""
        await eventually(lambda: len(self.groups) >= groups, interval=0.001)

    async def turn(self) -> None:
        """What is ready to happen happens."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "PER_MESSAGE_S", 600.0)
    monkeypatch.setattr(gathering, "LONGEST_S", 600.0)


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


async def test_one_that_comes_alone_goes_at_once(kafka: Kafka) -> None:
    kafka.add(1)
    await kafka.turn()
    assert kafka.groups == [[1]]
    assert kafka.acknowledged == [1]


async def test_those_that_come_in_one_turn_go_together(kafka: Kafka) -> None:
    kafka.add(1, 2, 3)
    await kafka.turn()
    assert kafka.groups == [[1, 2, 3]]


async def test_the_next_wait_for_as_long_as_the_last_group_was_large(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for a machine that is busy with other things.
    monkeypatch.setattr(gathering, "PER_MESSAGE_S", 0.2)
    monkeypatch.setattr(gathering, "LONGEST_S", 2.0)
    loop = asyncio.get_running_loop()
    began = loop.time()
    kafka.add(1, 2, 3)
    await kafka.turn()
    kafka.add(4)
    await kafka.turn()
    assert len(kafka.groups) == 1
    kafka.add(5)
    await kafka.sends(2)
    assert kafka.groups[1] == [4, 5]
    assert loop.time() - began >= 3 * gathering.PER_MESSAGE_S - 0.002


@pytest.mark.usefixtures("endless")
async def test_enough_of_them_end_the_wait(kafka: Kafka) -> None:
    kafka.add(0)
    await kafka.turn()
    kafka.add(*range(1, ENOUGH))
    await kafka.turn()
    assert len(kafka.groups) == 1
    kafka.add(ENOUGH)
    await kafka.turn()
    assert kafka.groups[1] == list(range(1, ENOUGH + 1))


async def test_nothing_goes_before_the_last_group_is_acknowledged(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "BEHIND_S", 600.0)
    monkeypatch.setattr(gathering, "PER_MESSAGE_S", 0.0)
    kafka.answers.clear()
    kafka.add(1)
    await kafka.turn()
    kafka.add(*range(2, 2 + 3 * ENOUGH))
    await kafka.turn()
    assert kafka.groups == [[1]]
    kafka.answers.set()
    await kafka.turn()
    assert kafka.groups[1:] == [list(range(2, 2 + 3 * ENOUGH))], "all that had gathered, however many"


async def test_but_not_for_ever(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "BEHIND_S", 0.01)
    kafka.answers.clear()
    for n in range(3):
        kafka.add(n)
        await kafka.turn()
        await kafka.sends(n + 1)
    assert kafka.acknowledged == []
    kafka.answers.set()
    await kafka.turn()
    assert kafka.acknowledged == [0, 1, 2]


@pytest.mark.usefixtures("endless")
async def test_at_the_end_what_waits_is_sent_and_waited_for(kafka: Kafka) -> None:
    kafka.add(1)
    await kafka.turn()
    kafka.add(2)
    await kafka.gathering.close(5)
    assert kafka.acknowledged == [1, 2]


async def test_the_end_is_bounded(kafka: Kafka) -> None:
    kafka.answers.clear()
    kafka.add(1)
    await kafka.gathering.close(0.01)
    assert kafka.groups == [[1]]
    assert kafka.acknowledged == []
