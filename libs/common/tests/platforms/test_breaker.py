"""A store that is down is asked now and then."""

from __future__ import annotations

from longshore.platforms.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def broken() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(threshold=3, pause_s=2.0, longest_pause_s=10.0, clock=clock)
    for _ in range(3):
        assert breaker.wait_s() == 0
        breaker.failed()
    return breaker, clock


def test_it_opens_after_failures_in_a_row() -> None:
    breaker, _ = broken()
    assert breaker.open
    assert breaker.wait_s() == 2.0


def test_failures_that_are_not_in_a_row_do_not_open_it() -> None:
    breaker = Breaker(threshold=3)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert not breaker.open


def test_while_open_one_probe_is_let_through() -> None:
    breaker, clock = broken()
    clock.now = 2.0
    assert breaker.wait_s() == 0
    assert breaker.wait_s() > 0


def test_a_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    breaker, clock = broken()
    pauses = []
    for _ in range(4):
        clock.now += breaker.wait_s()
        assert breaker.wait_s() == 0
        breaker.failed()
        pauses.append(breaker.wait_s())
    assert pauses == [4.0, 8.0, 10.0, 10.0]


def test_a_good_probe_closes_it() -> None:
    breaker, clock = broken()
    clock.now = 2.0
    breaker.wait_s()
    breaker.succeeded()
    assert not breaker.open
    assert breaker.wait_s() == 0


def test_asking_how_long_is_not_trying() -> None:
    breaker, clock = broken()
    assert breaker.left_s() == 2.0
    clock.now = 2.0
    assert breaker.left_s() == 0
    assert breaker.wait_s() == 0
    # Its probe is under way: the others wait for what becomes of it.
    assert breaker.left_s() == 2.0
    breaker.succeeded()
    assert breaker.left_s() == 0
