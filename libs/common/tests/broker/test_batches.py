"""Bisection: exactly the poison is set aside, everything else is applied, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import TimeoutError as PoolTimeout

from longshore.broker import BrokerUnavailable, ConsumerPolicy, Message, Outcome, Record, Rejected
from longshore.broker.batches import Batches

LENIENT = ConsumerPolicy(poison_max_count=10_000, backoff_initial_s=0.0, backoff_max_s=0.0)


class Letters:
    """Takes dead letters; refuses as often as it is told to."""

    def __init__(self, refusals: int = 0) -> None:
        self.messages: list[Message] = []
        self.refusals = refusals

    async def send_many(self, messages: Sequence[Message]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise BrokerUnavailable("not now")
        self.messages += messages

    @property
    def offsets(self) -> set[int]:
        return {int(message.headers["dlq-offset"]) for message in self.messages}


class Table:
    """A transaction that fails as a whole when one of its records is poison."""

    def __init__(self, poison: set[int] = frozenset(), rejected: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        self.poison = poison
        self.rejected = rejected
        self.applied: list[int] = []
        self.calls = 0

    async def __call__(self, records: Sequence[Record]) -> list[Rejected]:
        self.calls += 1
        if any(record.offset in self.poison for record in records):
            raise ValueError("it holds alice@example.com")
        self.applied += [each.offset for each in records if each.offset not in self.rejected]
        return [Rejected(each, "odd") for each in records if each.offset in self.rejected]


def records(count: int) -> list[Record]:
    return [Record("commerce.orders", 0, n, 0, f"k{n}", b"value", {"a": "b"}) for n in range(count)]


def run(batches: Batches, batch: Sequence[Record], give_up: asyncio.Event | None = None) -> Outcome:
    return asyncio.run(batches.run(batch, give_up or asyncio.Event()))


@given(
    size=st.integers(1, 120),
    poison=st.sets(st.integers(0, 119), max_size=120),
    rejected=st.sets(st.integers(0, 119), max_size=20),
)
def test_exactly_the_poison_is_set_aside_and_all_else_applied_in_order(
    size: int, poison: set[int], rejected: set[int]
) -> None:
    table, letters = Table(poison, rejected), Letters()
    assert run(Batches("g", table, letters, LENIENT), records(size)) is Outcome.DONE
    bad = {n for n in poison | rejected if n < size}
    assert letters.offsets == bad
    assert len(letters.messages) == len(bad)
    assert table.applied == [n for n in range(size) if n not in bad]


def test_one_poison_record_among_500_costs_few_transactions() -> None:
    table = Table({311})
    run(Batches("g", table, Letters(), LENIENT), records(500))
    assert table.calls <= 2 * 9 + 1


def test_a_flood_halts_without_setting_anything_aside_and_without_trying_all() -> None:
    table, letters = Table(set(range(500))), Letters()
    assert run(Batches("g", table, letters, ConsumerPolicy(poison_max_count=100)), records(500)) is Outcome.HALTED
    assert letters.messages == []
    assert table.calls < 1000


def test_half_of_a_batch_rejected_by_apply_halts_too() -> None:
    table, letters = Table(rejected=set(range(0, 500, 2))), Letters()
    assert run(Batches("g", table, letters, ConsumerPolicy(poison_max_count=100)), records(500)) is Outcome.HALTED
    assert letters.messages == []


def test_dead_letters_wait_for_kafka() -> None:
    letters, retries = Letters(refusals=3), []
    batches = Batches("g", Table({1}), letters, LENIENT, on_retry=lambda: retries.append(1))
    assert run(batches, records(3)) is Outcome.DONE
    assert letters.offsets == {1}
    assert len(retries) == 3


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(), PoolTimeout(), BrokerUnavailable()])
def test_transient_errors_are_retried_whole_and_never_bisected(error: Exception) -> None:
    seen: list[int] = []

    async def apply(batch: Sequence[Record]) -> None:
        seen.append(len(batch))
        if len(seen) < 4:
            raise error

    letters = Letters()
    assert run(Batches("g", apply, letters, LENIENT), records(8)) is Outcome.DONE
    assert seen == [8, 8, 8, 8]
    assert letters.messages == []


def test_giving_up_ends_the_retries() -> None:
    async def scenario() -> Outcome:
        give_up = asyncio.Event()

        async def apply(batch: Sequence[Record]) -> None:
            give_up.set()
            raise ConnectionResetError

        return await Batches("g", apply, Letters(), ConsumerPolicy(backoff_initial_s=30)).run(records(2), give_up)

    assert asyncio.run(asyncio.wait_for(scenario(), 5)) is Outcome.ABANDONED


def test_a_dead_letter_says_why_but_repeats_no_value() -> None:
    letters = Letters()
    run(Batches("order-sync.orders", Table({0}), letters, LENIENT), records(1))
    (letter,) = letters.messages
    assert letter.topic == "commerce.orders.dlq"
    assert (letter.key, letter.value, letter.headers["a"]) == ("k0", b"value", "b")
    assert letter.headers["dlq-error"] == "ValueError"
    assert letter.headers["dlq-group"] == "order-sync.orders"
    assert "test_batches.py" in letter.headers["dlq-stack"]
    assert not any("alice" in value for value in letter.headers.values())
