"""When a client asks again."""

from __future__ import annotations

import pytest

from longshore_client.retries import NO_RETRIES, Retries


def low() -> float:
    return 0.0


def high() -> float:
    return 1.0


@pytest.mark.parametrize(
    ("attempt", "least", "most"),
    [(1, 0.25, 0.5), (2, 0.5, 1.0), (3, 1.0, 2.0), (4, 2.0, 4.0)],
)
def test_the_wait_doubles_and_a_random_part_of_it_is_waited(attempt: int, least: float, most: float) -> None:
    assert Retries().wait(attempt, None, low) == least
    assert Retries().wait(attempt, None, high) == most


def test_the_wait_is_bounded() -> None:
    assert Retries(attempts=100, longest_wait=7).wait(60, None, high) == 7


def test_it_gives_up_after_the_last_attempt() -> None:
    assert Retries(attempts=3).wait(3, None) is None
    assert NO_RETRIES.wait(1, None) is None


def test_the_hub_says_how_long() -> None:
    assert Retries().wait(1, 9.0, low) == 9.0
    # A hub that would have us back too early is not believed when it goes on refusing.
    assert Retries().wait(4, 0.0, low) == 2.0


def test_a_hub_that_asks_for_too_much_is_not_waited_for() -> None:
    assert Retries(patience=60).wait(1, 61.0) is None
