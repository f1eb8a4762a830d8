"""When a store is told, and what its reports mean."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.contracts import Origin, Platform
from longshore_inventory.stock.rules import (
    ANSWER_S,
    LATEST_DELIVERY_S,
    Certainty,
    Heard,
    Level,
    Mode,
    OpenLine,
    Report,
    Stated,
    StoreListing,
    certainty,
    first_stated,
    heard_before,
    holds_as_of,
    in_sync,
    is_mature,
    last_stated,
    main_location,
    push_of,
    recheck,
    restart_impossible,
    shortfalls,
    unexplained,
)

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def level(on_hand: int = 10, reserved: int = 0, *, counted: bool = True) -> Level:
    return Level(UUID(int=1), UUID(int=2), "HAT", on_hand, reserved, decided_at=NOON if counted else None)


def listing(**more: object) -> StoreListing:
    known = StoreListing(
        UUID(int=3), UUID(int=1), UUID(int=4), Platform.SHOPIFY, UUID(int=2), "p", None, "v", "i", True
    )
    for name, value in more.items():
        setattr(known, name, value)
    return known


def report(location: str, quantity: int, *, first: int | None = None, when: int = 0) -> Report:
    at = NOON + when * SECOND
    return Report(location, quantity if first is None else first, at, at, quantity, at, at, 0)


class TestPushOf:
    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            ({"believed": 7}, 10),
            ({"believed": 10}, None),
            ({"believed": None}, 10),
            ({"believed": 7, "buffer": 3}, None),
            ({"believed": 7, "buffer": 30}, 0),
            ({"believed": 7, "sellable": False}, None),
            ({"believed": 7, "mode": Mode.OFF}, None),
            ({"believed": 7, "mode": Mode.FOLLOWER}, 10),
            ({"believed": 7, "platform": Platform.API}, None),
            # Being told that already, or something else than before.
            ({"believed": 7, "sequence": 2, "acked": 1, "pushed_quantity": 10}, None),
            ({"believed": 10, "sequence": 2, "acked": 1, "pushed_quantity": 8}, 10),
            ({"believed": 7, "sequence": 2, "acked": 2, "pushed_quantity": 10}, 10),
            # More at its other locations than there is in all: it is told nothing for its own.
            ({"believed": 12, "elsewhere": 12}, None),
            ({"believed": 13, "elsewhere": 12}, 12),
        ],
    )
    def test_table(self, more: dict[str, object], expected: int | None) -> None:
        assert push_of(listing(**more), level()) == expected

    def test_never_below_nothing(self) -> None:
        assert push_of(listing(believed=3), level(2, 5)) == 0
        # A store with backorders has counted below zero by itself: its own figure is not overwritten.
        assert push_of(listing(believed=-3), level(2, 5)) is None

    def test_stores_are_not_told_what_nobody_counted(self) -> None:
        assert push_of(listing(believed=3), level(0, 2, counted=False)) is None


class TestInSync:
    def test_what_it_has_is_what_it_is_to_have(self) -> None:
        assert in_sync(listing(believed=10), level())
        assert not in_sync(listing(believed=9), level())
        assert not in_sync(listing(), level())
        assert not in_sync(listing(believed=10, failed=True), level())
        assert not in_sync(listing(believed=10, differs_since=NOON), level())
        assert not in_sync(listing(believed=10, sequence=1), level())


class TestHoldsAsOf:
    @pytest.mark.parametrize(
        ("platform", "origin", "expected"),
        [
            (Platform.SHOPIFY, Origin.WEBHOOK, NOON),
            (Platform.SHOPIFY, Origin.FETCH, NOON + SECOND),
            (Platform.WOOCOMMERCE, Origin.WEBHOOK, NOON + SECOND),
            (Platform.API, Origin.API, NOON),
        ],
    )
    def test_table(self, platform: Platform, origin: Origin, expected: datetime) -> None:
        assert holds_as_of(platform, origin, NOON, NOON + SECOND) == expected


TICK = timedelta(microseconds=1)


class TestStated:
    def test_a_first_report_holds_up_to_the_second_of_it(self) -> None:
        """Stores date orders to the second: one of that second counts as placed after it."""
        reports = [report("a", 5, when=3.7)]
        assert first_stated(reports).as_of == NOON + 3 * SECOND - TICK
        assert last_stated(reports).as_of == NOON + 3.7 * SECOND

    def test_locations_are_summed(self) -> None:
        reports = [report("a", 5, first=7, when=1), report("b", 2, when=3)]
        assert first_stated(reports) == Stated(9, NOON + 3 * SECOND - TICK, NOON + SECOND)
        assert last_stated(reports) == Stated(7, NOON + 3 * SECOND, NOON + SECOND)

    def test_the_main_location_is_where_most_was_first_and_stays(self) -> None:
        assert main_location([report("a", 1), report("b", 9)], None) == "b"
        assert main_location([report("a", 10, first=1), report("b", 0, first=9)], None) == "b"
        assert main_location([report("a", 1), report("b", 9)], "a") == "a"
        assert main_location([report("", 1)], None) is None

    def test_the_main_location_moves_when_it_closes(self) -> None:
        closed = report("a", 0, first=9)._replace(stocked=False)
        assert main_location([closed, report("b", 3), report("c", 1)], "a") == "b"
        assert main_location([closed, report("b", 3), report("c", 1)], None) == "b"
        assert main_location([closed, report("b", 3)._replace(stocked=False)], "a") == "a"
        assert main_location([report("a", 9), report("b", 3)], "b") == "b"


class TestCertainty:
    @pytest.mark.parametrize(
        ("more", "expected"),
        [
            # No push, or long before.
            ({"confirmed_at": None}, Certainty.COUNTS),
            ({"confirmed_at": NOON - LATEST_DELIVERY_S * SECOND}, Certainty.COUNTS),
            ({}, Certainty.ASK),
            ({"platform": Platform.API}, Certainty.COUNTS),
            ({"asked_at": NOON + 30 * SECOND}, Certainty.WAIT),
            ({"asked_at": NOON + (90 - ANSWER_S) * SECOND}, Certainty.COUNTS),
            # By a clock that was wrong.
            ({"asked_at": NOON + 1000 * SECOND}, Certainty.ASK),
            # Read so long after the push that it cannot be of before it.
            ({"fetched": True, "confirmed_at": NOON - 30 * SECOND}, Certainty.COUNTS),
            ({"fetched": True, "confirmed_at": NOON - 29 * SECOND}, Certainty.ASK),
            # It has refused a push since it has something else.
            ({"fetched": True, "refuted": 8}, Certainty.COUNTS),
            ({"refuted": 8}, Certainty.ASK),
        ],
    )
    def test_table(self, more: dict[str, Any], expected: Certainty) -> None:
        known = listing(**{"believed": 8, "confirmed_at": NOON - SECOND, "reported": 9, "reported_as_of": NOON} | more)
        assert certainty(known, NOON + 90 * SECOND, 30) is expected


class TestUnexplained:
    def test_our_push_and_its_orders_explain_it(self) -> None:
        known = listing(believed=8)
        assert unexplained(known, Stated(8, NOON, NOON), 0) == 0
        # Two pieces went after the report was made.
        assert unexplained(known, Stated(10, NOON, NOON), 2) == 0
        assert unexplained(known, Stated(5, NOON, NOON), 0) == -3

    def test_a_report_of_before_our_push_tells_nothing(self) -> None:
        known = listing(believed=8, confirmed_at=NOON + SECOND)
        assert unexplained(known, Stated(3, NOON, NOON), 0) == 0

    def test_a_difference_has_to_outlive_its_window(self) -> None:
        known = listing(differs_since=NOON)
        assert not is_mature(known, NOON + 29 * SECOND, 30)
        assert is_mature(known, NOON + 30 * SECOND, 30)
        known.sequence = 1
        assert not is_mature(known, NOON + 60 * SECOND, 30)
        assert not is_mature(listing(), NOON, 0)

    @pytest.mark.parametrize(
        ("ahead_s", "begins_anew"), [(3600, True), (61, True), (60, False), (30, False), (-3600, False)]
    )
    def test_a_window_that_a_wrong_clock_has_noted_begins_anew(self, ahead_s: int, begins_anew: bool) -> None:
        known = listing(differs_since=NOON + ahead_s * SECOND)
        assert restart_impossible(known, NOON) is known.changed is begins_anew
        assert known.differs_since == (NOON if begins_anew else NOON + ahead_s * SECOND)
        assert not is_mature(known, NOON + 29 * SECOND, 30) or ahead_s < 0
        assert not restart_impossible(listing(), NOON)


class TestHeardBefore:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            # The same partition: by the order of arrival, not by a clock that was an hour off.
            ((1, 5, 0), (1, 6, -3700), True),
            ((1, 6, -3700), (1, 5, 0), False),
            # One raw record, translated again.
            ((1, 5, 0), (1, 5, 0), False),
            ((1, 5, -1), (1, 5, 0), True),
            # Two partitions, or one that is not known: by time.
            ((1, 6, -1), (2, 5, 0), True),
            ((1, 5, 1), (2, 6, 0), False),
            ((None, None, -1), (1, 5, 0), True),
            ((None, None, 0), (None, None, -1), False),
        ],
    )
    def test_by_the_log_else_by_time(
        self, one: tuple[int | None, int | None, int], other: tuple[int | None, int | None, int], expected: bool
    ) -> None:
        def heard(partition: int | None, offset: int | None, when: int) -> Heard:
            return Heard(partition, offset, NOON + when * SECOND)

        assert heard_before(heard(*one), heard(*other)) is expected


class TestRecheck:
    def test_ends_when_explained_or_void(self) -> None:
        known = listing(believed=5, reported=5, reported_as_of=NOON, differs_since=NOON)
        recheck(known)
        assert known.differs_since is None
        known = listing(believed=5, reported=6, reported_as_of=NOON, differs_since=NOON)
        recheck(known)
        assert known.differs_since == NOON
        known.confirmed_at = NOON + SECOND
        recheck(known)
        assert known.differs_since is None


class TestShortfalls:
    LINES = [
        OpenLine(NOON, UUID(int=1), UUID(int=11), 2),
        OpenLine(NOON + SECOND, UUID(int=2), UUID(int=12), 3),
        OpenLine(NOON + SECOND, UUID(int=3), UUID(int=13), 1),
    ]

    @pytest.mark.parametrize(
        ("available", "expected"),
        [
            (0, {}),
            (5, {}),
            (-1, {13: 1}),
            (-2, {13: 1, 12: 1}),
            (-6, {13: 1, 12: 3, 11: 2}),
            (-9, {13: 1, 12: 3, 11: 2}),
        ],
    )
    def test_the_newest_go_short(self, available: int, expected: dict[int, int]) -> None:
        assert shortfalls(available, self.LINES) == {UUID(int=key): pieces for key, pieces in expected.items()}

    @given(st.integers(-10, 3), st.randoms())
    def test_in_whatever_order_they_are_looked_at(self, available: int, chance: random.Random) -> None:
        lines = list(self.LINES)
        chance.shuffle(lines)
        assert shortfalls(available, lines) == shortfalls(available, self.LINES)
