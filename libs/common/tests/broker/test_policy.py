"""When poison is too much, by an injected clock; how long retries wait."""

from __future__ import annotations

import pytest

from longshore.broker import NOBODY_WAITS, ConsumerPolicy, PoisonGuard

POLICY = ConsumerPolicy(poison_max_count=100, poison_min_ratio=0.5, poison_window_s=60)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("records", "poison", "halts"),
    [
        (500, 0, False),
        (1, 1, False),  # a single poison record goes its way
        (99, 99, False),  # all bad, but few
        (100, 100, True),
        (200, 100, True),
        (201, 100, False),  # many, but fewer than half
        (500, 250, True),
        (500, 249, False),
    ],
)
def test_both_the_count_and_the_ratio_decide(records: int, poison: int, halts: bool) -> None:
    assert PoisonGuard(POLICY, Clock()).would_halt(records, poison) is halts


def test_batches_within_the_window_add_up() -> None:
    clock = Clock()
    guard = PoisonGuard(POLICY, clock)
    for _ in range(9):
        assert not guard.would_halt(10, 10)
        guard.add(10, 10)
        clock.now += 5
    assert guard.would_halt(10, 10)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    clock = Clock()
    guard = PoisonGuard(POLICY, clock)
    guard.add(99, 99)
    clock.now += 60.1
    assert not guard.would_halt(99, 99)


def test_good_records_before_it_dilute_a_burst() -> None:
    guard = PoisonGuard(POLICY, Clock())
    guard.add(10_000, 0)
    assert not guard.would_halt(500, 500)


def test_a_batch_without_poison_never_halts_whatever_came_before() -> None:
    guard = PoisonGuard(POLICY, Clock())
    guard.add(100, 99)
    guard.add(10, 10)
    assert not guard.would_halt(1, 0)


def test_backoff_doubles_up_to_its_limit() -> None:
    policy = ConsumerPolicy(backoff_initial_s=0.1, backoff_max_s=1.0)
    assert [policy.backoff_s(n, lambda: 1.0) for n in (1, 2, 3, 4, 5, 500)] == pytest.approx(
        [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    )
    assert policy.backoff_s(3, lambda: 0.0) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("took_s", "rests_s"),
    [(0.0, 0.0), (0.01, 0.02), (0.1, 0.2), (0.15, 0.15), (0.3, 0.0), (20.0, 0.0)],
)
def test_a_consumer_rests_the_longer_the_longer_a_batch_took_within_its_limit(took_s: float, rests_s: float) -> None:
    assert ConsumerPolicy(rest_ratio=2.0, gather_s=0.3).rest_s(took_s) == pytest.approx(rests_s)


@pytest.mark.parametrize(("took_s", "rests_s"), [(0.001, 0.499), (0.1, 0.4), (0.6, 0.0)])
def test_where_nobody_waits_it_gathers_all_the_time(took_s: float, rests_s: float) -> None:
    assert NOBODY_WAITS.rest_s(took_s) == pytest.approx(rests_s)
