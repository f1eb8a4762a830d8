"""Pacing: as fast as it goes, slower when asked."""

from __future__ import annotations

import pytest

from longshore.platforms.protocols import StoreThrottled
from longshore_connector_woo.client.pace import FIRST_GAP_S, LONGEST_GAP_S, Pace, Paces


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_no_gap_at_first() -> None:
    pace = Pace(Clock())
    for _ in range(100):
        await pace.turn()


async def test_far_away_is_said_at_once() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.throttled(30.0) == 30.0
    with pytest.raises(StoreThrottled) as caught:
        await pace.turn()
    assert caught.value.retry_after == 30.0
    clock.now += 31
    await pace.turn()


async def test_the_gap_grows_and_shrinks() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(10):
        pace.throttled(0.0)
    await pace.turn()
    assert pace._next == pytest.approx(clock.now + LONGEST_GAP_S)
    for _ in range(60):
        pace.good()
    clock.now += LONGEST_GAP_S
    await pace.turn()
    assert pace._next - clock.now < FIRST_GAP_S / 5


async def test_shops_of_one_host_share_its_pace() -> None:
    paces = Paces()
    one = paces.of("https://Shops.example/tea")
    one.throttled(30.0)
    with pytest.raises(StoreThrottled):
        await paces.of("https://shops.example/coffee").turn()
    await paces.of("https://shops.example:8443/tea").turn()
    await paces.of("https://other.example/tea").turn()
