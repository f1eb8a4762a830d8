"""Token buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longshore_gateway.limits.buckets import MOST_BUCKETS, Buckets


def test_a_burst_then_the_rate() -> None:
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a", 0.0).allowed for _ in range(4)] == [True, True, True, False]
    refused = buckets.take("a", 0.0)
    assert (refused.remaining, refused.retry_s, refused.reset_s, refused.limit) == (0, 1, 2, 3)
    assert buckets.take("a", 0.5).allowed
    assert not buckets.take("a", 0.5).allowed
    assert buckets.take("b", 0.5).allowed
    assert [buckets.take("a", 99.0).allowed for _ in range(4)] == [True, True, True, False]


def test_whoever_waits_as_told_is_let_in() -> None:
    buckets = Buckets(0.1, 1)
    assert buckets.take("a", 0.0).allowed
    wait = buckets.take("a", 3.0).retry_s
    assert wait == 7
    assert buckets.take("a", 3.0 + wait).allowed


@given(
    st.floats(0.1, 100),
    st.integers(1, 50),
    st.lists(st.floats(0, 5), max_size=200),
)
def test_nobody_gets_more_than_burst_and_rate(per_s: float, burst: int, pauses: list[float]) -> None:
    buckets, now, allowed = Buckets(per_s, burst), 0.0, 0
    for pause in pauses:
        now += pause
        allowed += buckets.take("a", now).allowed
    assert allowed <= burst + now * per_s + 1e-6


def test_memory_is_bounded_and_those_who_wait_are_remembered() -> None:
    buckets = Buckets(1.0, 2)
    for n in range(MOST_BUCKETS - 1):
        buckets.take(f"old {n}", 0.0)
    for _ in range(3):
        buckets.take("busy", 100.0)
    for n in range(MOST_BUCKETS):
        buckets.take(f"new {n}", 100.0)
        if n == 5:
            assert not buckets.take("busy", 100.0).allowed
    assert len(buckets._buckets) <= MOST_BUCKETS
