"""Any order, repetition and batching of deliveries tells the same history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.contracts import Platform
from longshore_order_sync.orders.rules import (
    History,
    Seen,
    asks_store,
    contradicts,
    fetch_id,
    is_deleted,
    newer,
    revision_order,
    with_digest,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def seen(updated: float, observed: float, digest: str = "a", *, offset: int = 0, fetched: bool = False) -> Seen:
    return Seen(at(updated), at(observed), offset, digest, fetched)


# Few store times and few contents, some with a detail, so that deliveries contradict, complete and repeat each other.
deliveries = st.one_of(
    st.builds(
        lambda updated, observed, offset, digest, fetched: History.of_snapshot(
            seen(updated, observed, digest, offset=offset, fetched=fetched)
        ),
        st.integers(0, 3),
        st.integers(0, 6),
        st.integers(0, 3),
        st.sampled_from(["a", "a+1", "a+2", "b", "b+1", "c"]),
        st.booleans(),
    ),
    st.builds(lambda observed: History.of_tombstone(at(observed)), st.integers(0, 6)),
)


def told(history: History) -> tuple[Any, ...]:
    """What is observable of a history; two deliveries that differ in `fetched` alone are the same one."""
    newest = history.newest
    return (
        newest and newest.rank,
        history.content,
        history.deleted,
        history.tombstone,
        {key: each.rank for key, each in history.revisions.items()},
    )


class TestMerge:
    @given(st.lists(deliveries, max_size=8), st.randoms(use_true_random=False))
    def test_any_order_and_repetition_tells_the_same(self, each: list[History], random: Any) -> None:
        again = each + [random.choice(each) for _ in range(random.randrange(4))] if each else []
        random.shuffle(again)
        assert told(reduce(History.merge, again, History())) == told(reduce(History.merge, each, History()))

    @given(deliveries, deliveries, deliveries)
    def test_it_is_associative(self, a: History, b: History, c: History) -> None:
        assert told(a.merge(b).merge(c)) == told(a.merge(b.merge(c)))

    @given(deliveries, deliveries)
    def test_it_is_commutative_and_idempotent(self, a: History, b: History) -> None:
        assert told(a.merge(b)) == told(b.merge(a))
        assert told(a.merge(b).merge(b)) == told(a.merge(b))

    @given(st.lists(deliveries, max_size=8), st.integers(0, 8))
    def test_any_batching_tells_the_same(self, each: list[History], cut: int) -> None:
        first, second = reduce(History.merge, each[:cut], History()), reduce(History.merge, each[cut:], History())
        assert told(first.merge(second)) == told(reduce(History.merge, each, History()))


class TestNewer:
    @pytest.mark.parametrize(
        ("older", "newest"),
        [
            (seen(1, 9), seen(2, 3)),  # the store's own word first
            (seen(1, 2), seen(1, 3)),  # then the delivery
            (seen(1, 2, offset=4), seen(1, 2, offset=5)),  # then the place in the raw log
            (seen(1, 2, "a"), seen(1, 2, "b")),  # one record, translated twice: any rule, but always the same
        ],
    )
    def test_order(self, older: Seen, newest: Seen) -> None:
        assert newer(older, newest) is newest
        assert newer(newest, older) is newest


class TestContent:
    @pytest.mark.parametrize(
        ("given", "newest", "content"),
        [
            ([seen(1, 5, "a"), seen(2, 6, "a")], seen(2, 6, "a"), (at(2), "a")),
            # What is known in detail is not lost to a newer delivery without it ...
            ([seen(1, 5, "a+1"), seen(2, 6, "a")], seen(2, 6, "a"), (at(1), "a+1")),
            # ... nor to an equal one; and it is taken even if it was observed earlier.
            ([seen(1, 5, "a+1"), seen(1, 6, "a")], seen(1, 6, "a"), (at(1), "a+1")),
            ([seen(1, 5, "a"), seen(1, 4, "a+1")], seen(1, 5, "a"), (at(1), "a+1")),
            # A detail to another content is none to this one; but it holds again when that content is back.
            ([seen(1, 5, "a+1"), seen(2, 6, "b")], seen(2, 6, "b"), (at(2), "b")),
            ([seen(1, 5, "a+1"), seen(2, 6, "b"), seen(3, 7, "a")], seen(3, 7, "a"), (at(1), "a+1")),
            ([seen(1, 5, "a+1"), seen(2, 4, "a+2")], seen(2, 4, "a+2"), (at(2), "a+2")),
        ],
    )
    def test_the_newest_in_all_known_detail(self, given: list[Seen], newest: Seen, content: Any) -> None:
        history = reduce(History.merge, map(History.of_snapshot, given), History())
        assert history.newest is not None
        assert history.newest.rank == newest.rank
        assert history.content == content


class TestDeleted:
    @pytest.mark.parametrize(
        ("newest", "tombstone", "deleted"),
        [
            (seen(1, 5), None, False),
            (seen(1, 5), at(4), False),
            (seen(1, 5), at(5), True),
            (seen(1, 5), at(6), True),
            (None, at(1), True),
        ],
    )
    def test_holds_against_what_was_observed_before(
        self, newest: Seen | None, tombstone: datetime | None, deleted: bool
    ) -> None:
        assert is_deleted(newest, tombstone) is deleted


class TestContradictions:
    def test_same_time_and_other_content_contradicts(self) -> None:
        assert contradicts(seen(1, 3, "b"), [seen(1, 2, "a")])

    def test_same_content_does_not(self) -> None:
        assert not contradicts(seen(1, 3, "a"), [seen(1, 2, "a")])

    @pytest.mark.parametrize(("newest", "other"), [("a", "a+1"), ("a+1", "a"), ("a+2", "a+1")])
    def test_a_detail_does_not(self, newest: str, other: str) -> None:
        assert not contradicts(seen(1, 3, newest), [seen(1, 2, other)])

    def test_other_content_in_detail_does(self) -> None:
        assert contradicts(seen(1, 3, "b"), [seen(1, 2, "a+1")])

    def test_another_time_does_not(self) -> None:
        assert not contradicts(seen(2, 3, "b"), [seen(1, 2, "a")])

    def test_what_we_fetched_is_the_truth(self) -> None:
        assert not contradicts(seen(1, 3, "b", fetched=True), [seen(1, 2, "a")])

    def test_the_store_is_asked_once(self) -> None:
        asks, asked_for = asks_store(Platform.SHOPIFY, seen(1, 3, "b"), [seen(1, 2, "a")], None)
        assert (asks, asked_for) == (True, at(1))
        asks, asked_for = asks_store(Platform.SHOPIFY, seen(1, 4, "c"), [seen(1, 3, "b")], asked_for)
        assert (asks, asked_for) == (False, at(1))

    def test_an_answer_ends_the_waiting(self) -> None:
        answer = seen(1, 5, "c", fetched=True)
        assert asks_store(Platform.SHOPIFY, answer, [seen(1, 3, "b")], at(1)) == (False, None)

    def test_a_delivery_that_contradicts_the_answer_asks_again(self) -> None:
        late = seen(1, 6, "a")
        assert asks_store(Platform.SHOPIFY, late, [seen(1, 5, "c", fetched=True)], None) == (True, at(1))

    def test_the_custom_channel_has_no_store_to_ask(self) -> None:
        assert asks_store(Platform.API, seen(1, 3, "b"), [seen(1, 2, "a")], None) == (False, None)

    def test_a_replay_asks_with_the_same_command(self) -> None:
        order = uuid4()
        assert fetch_id(order, seen(1, 3, "b")) == fetch_id(order, seen(1, 3, "b"))
        assert fetch_id(order, seen(1, 3, "b")) != fetch_id(order, seen(1, 4, "b"))


class TestRevisionOrder:
    def test_by_store_time_then_delivery(self) -> None:
        a, b, c = seen(1, 1, "a"), seen(2, 2, "b"), seen(3, 3, "c")
        assert revision_order([c, a, b], c) == [a, b, c]

    def test_the_current_one_is_last_among_equals(self) -> None:
        first, second = seen(1, 1, "a"), seen(1, 2, "b")
        # "a" was delivered again, last of all: it is the state, though first seen before "b".
        assert revision_order([first, second], seen(1, 3, "a")) == [second, first]

    def test_a_touch_without_change_is_no_revision(self) -> None:
        a, touched, b = seen(1, 1, "a"), seen(2, 2, "a"), seen(3, 3, "b")
        assert revision_order([a, touched, b], b) == [a, b]

    def test_a_detail_completes_a_revision(self) -> None:
        a, detailed, touched, b = seen(1, 1, "a"), seen(1, 3, "a+1"), seen(2, 2, "a"), seen(3, 3, "b")
        assert revision_order([b, touched, a, detailed], b) == [detailed, b]

    def test_a_return_to_an_earlier_content_is_one(self) -> None:
        a, b, again = seen(1, 1, "a"), seen(2, 2, "b"), seen(3, 3, "a")
        assert revision_order([a, b, again], again) == [a, b, again]


class TestDigest:
    def test_a_missing_digest_is_made_of_the_content(self, make_shop: Any) -> None:
        shop = make_shop()
        one, touched, other = shop.snapshot(at=1), shop.snapshot(at=2, offset=9), shop.snapshot(quantities=(3,))
        for each in (one, touched, other):
            each.digest = ""
        digests = [with_digest(each).digest for each in (one, touched, other)]
        assert digests[0] == digests[1] != digests[2]
        assert all(digests)

    def test_a_given_digest_stays(self, make_shop: Any) -> None:
        snapshot = make_shop().snapshot()
        assert with_digest(snapshot).digest == snapshot.digest != ""
