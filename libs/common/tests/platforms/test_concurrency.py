"""How many requests a store is asked at a time, against models of hosts."""

from __future__ import annotations

import heapq
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longshore.platforms.concurrency import FORGET_FAILURES_S, AdaptiveLimit
from longshore_devkit.forms import examples


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Host:
    """Workers that share a page's work; requests beyond them wait. `breaks_at`: with so many it answers none."""

    def __init__(self, workers: int, page_s: float = 0.5, breaks_at: int | None = None, noise: float = 0.0) -> None:
        self.workers = workers
        self.page_s = page_s
        self.breaks_at = breaks_at
        self.random = Random(7)
        self.noise = noise

    def takes(self, crowd: int, soon: int) -> float:
        """Seconds of a page of so many that are under way, and so many that will be in a moment."""
        return self.page_s * max(1.0, crowd / self.workers)

    def run(self, limit: AdaptiveLimit, clock: Clock, pages: int) -> tuple[float, int, int]:
        """Pages a second, the most under way at a time, and failures."""
        began, done, failures, most = clock.now, 0, 0, 0
        under_way: list[tuple[float, int, float, int]] = []
        n = 0
        while done < pages:
            while len(under_way) < limit.now:
                n += 1
                took = self.takes(len(under_way) + 1, limit.now) * (1 + self.noise * self.random.random())
                heapq.heappush(under_way, (clock.now + took, n, took, len(under_way) + 1))
            most = max(most, len(under_way))
            crowded = self.breaks_at is not None and len(under_way) >= self.breaks_at
            ends, _, took, company = heapq.heappop(under_way)
            clock.now = max(clock.now, ends)
            if crowded:
                failures += 1
                limit.failed()
            else:
                done += 1
                limit.answered("page", took, max(company, len(under_way) + 1))
        return pages / (clock.now - began), most, failures


def of(host: Host, pages: int = 300, most: int = 8, first: int = 1) -> tuple[float, int, int, AdaptiveLimit]:
    clock = Clock()
    limit = AdaptiveLimit(most, clock, first)
    rate, seen, failures = host.run(limit, clock, pages)
    return rate, seen, failures, limit


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 6])
def test_it_finds_how_many_workers_a_host_has(workers: int) -> None:
    _, most, failures, limit = of(Host(workers))
    assert failures == 0
    assert workers <= limit.now <= workers + 2
    assert most <= workers + 3


@pytest.mark.parametrize("first", [1, 2])
def test_a_host_that_bears_many_is_soon_asked_by_many(first: int) -> None:
    rate, _, _, limit = of(Host(8), pages=20, most=4, first=first)
    assert limit.now == 4
    assert rate > 0.7 * 4 / 0.5


class OneCore(Host):
    """As many workers as one likes, on one core: all that are under way become slower together, the first too."""

    def takes(self, crowd: int, soon: int) -> float:
        return self.page_s * max(crowd, soon)


@pytest.mark.parametrize("host", [Host(1), Host(1, noise=0.3), OneCore(1), OneCore(1, noise=0.3)])
def test_a_small_host_that_is_first_asked_by_two_is_soon_left_alone(host: Host) -> None:
    assert of(host, pages=40, most=4, first=2)[1] <= 4
    assert of(host, pages=100, most=4, first=2)[3].now <= 2


@pytest.mark.parametrize("workers", [2, 4])
def test_noise_costs_little(workers: int) -> None:
    rate, _, _, _ = of(Host(workers, noise=0.3))
    assert rate > 0.7 * workers / 0.5 / 1.15


def test_a_small_host_is_left_with_one_request() -> None:
    assert of(Host(1, noise=0.3))[3].now <= 2


def test_what_a_host_could_not_bear_is_not_tried_again_for_a_while() -> None:
    _, _, failures, limit = of(Host(8, breaks_at=3), pages=400)
    assert failures <= 3
    assert limit.now == 2


def test_it_is_tried_again_later() -> None:
    clock = Clock()
    limit = AdaptiveLimit(8, clock)
    Host(8, breaks_at=3).run(limit, clock, 50)
    clock.now += FORGET_FAILURES_S + 1
    Host(8).run(limit, clock, 200)
    assert limit.now >= 6


def test_a_store_that_has_become_slower_is_no_store_whose_requests_wait() -> None:
    clock = Clock()
    limit = AdaptiveLimit(4, clock)
    Host(4, page_s=0.2).run(limit, clock, 100)
    Host(4, page_s=0.6).run(limit, clock, 560)
    assert limit.now >= 3


def test_kinds_are_not_compared_with_each_other() -> None:
    limit = AdaptiveLimit(4, Clock())
    limit.answered("small", 0.01, 1)
    for _ in range(20):
        limit.answered("large", 2.0, limit.now)
    assert limit.now == 4


@settings(max_examples=examples(200))
@given(st.lists(st.one_of(st.none(), st.floats(0.0, 100.0)), max_size=200), st.integers(1, 8))
def test_it_stays_between_one_and_the_most(answers: list[float | None], most: int) -> None:
    limit = AdaptiveLimit(most, Clock())
    for took in answers:
        if took is None:
            limit.failed()
        else:
            limit.answered("page", took, limit.now)
        assert 1 <= limit.now <= most
