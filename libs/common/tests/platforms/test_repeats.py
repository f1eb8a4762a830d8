"""What repeats the record before it is left out; nothing else ever is."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from longshore.broker import Record
from longshore.platforms.raw import TOPIC_HEADER
from longshore.platforms.repeats import LARGEST_REMEMBERED, MOST_REMEMBERED, Repeats

SNAPSHOTS = frozenset({"order.created", "order.updated"})


def record(offset: int, body: bytes = b"1", topic: str = "order.created", key: str | None = "k") -> Record:
    return Record("raw.woocommerce", 0, offset, 0, key, body, {TOPIC_HEADER: topic})


def taken(repeats: Repeats, *records: Record) -> list[int]:
    """Offsets of those that are left of a batch, which then is done."""
    left = [each.offset for each in repeats.without(records)]
    repeats.remember(records)
    return left


def test_created_and_updated_with_the_same_bytes_are_one_also_through_batches() -> None:
    repeats = Repeats(SNAPSHOTS)
    assert taken(repeats, record(1), record(2, topic="order.updated"), record(3)) == [1]
    assert taken(repeats, record(4, topic="order.updated"), record(5, b"2")) == [5]


def test_other_bytes_keys_and_topics_are_kept() -> None:
    records = [
        record(1),
        record(2, b"2"),
        record(3, key="other"),
        record(4, topic="order.deleted"),
        record(5, topic="order.deleted"),
        record(6, key=None),
        record(7, key=None),
    ]
    assert taken(Repeats(SNAPSHOTS), *records) == [1, 2, 3, 4, 5, 6, 7]


def test_back_to_what_was_before_is_news() -> None:
    repeats = Repeats(SNAPSHOTS)
    assert taken(repeats, record(1), record(2, b"2"), record(3)) == [1, 2, 3]
    # As after the trash, or after what we fetched ourselves.
    assert taken(repeats, record(4, b"{}", "order.deleted"), record(5)) == [4, 5]
    assert taken(repeats, record(6, b"fetched", "")) == [6]
    assert taken(repeats, record(7)) == [7]


def test_a_batch_that_was_not_done_is_taken_again() -> None:
    repeats = Repeats(SNAPSHOTS)
    batch = [record(1), record(2, topic="order.updated")]
    assert [each.offset for each in repeats.without(batch)] == [1]
    assert [each.offset for each in repeats.without(batch)] == [1]


def test_a_partition_that_was_elsewhere_or_is_read_again_is_begun_anew() -> None:
    repeats = Repeats(SNAPSHOTS)
    taken(repeats, record(1))
    assert taken(repeats, record(7)) == [7]
    assert taken(repeats, record(1)) == [1]
    assert taken(repeats, replace(record(2), partition=1)) == [2]


def test_what_was_rejected_is_not_remembered() -> None:
    repeats = Repeats(SNAPSHOTS)
    repeats.remember([record(1)], [record(1)])
    assert [each.offset for each in repeats.without([record(2)])] == [2]


def test_memory_is_bounded() -> None:
    repeats = Repeats(SNAPSHOTS)
    repeats.remember([record(n, key=str(n)) for n in range(10 * MOST_REMEMBERED)])
    last = 10 * MOST_REMEMBERED
    assert taken(repeats, record(last, key=str(last - 1)), record(last + 1, key="0")) == [last + 1]
    large = b"1" * (LARGEST_REMEMBERED + 1)
    assert taken(repeats, record(last + 2, large, key="l")) == [last + 2]
    assert taken(repeats, record(last + 3, large, key="l")) == [last + 3]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"1", b"2"]),
            st.sampled_from(["order.created", "order.updated", "order.deleted"]),
            st.sampled_from("ab"),
        ),
        max_size=30,
    ),
    st.integers(1, 5),
)
def test_each_entity_says_the_same_without_them(each: list[tuple[bytes, str, str]], size: int) -> None:
    records = [record(n, *fields) for n, fields in enumerate(each)]
    repeats = Repeats(SNAPSHOTS)
    kept = [n for start in range(0, len(records), size) for n in taken(repeats, *records[start : start + size])]

    def told(of: list[Record], key: str) -> list[bytes]:
        """What an entity says, one after the other, without saying the same twice in a row."""
        said: list[bytes] = []
        for one in of:
            word = one.value if one.headers[TOPIC_HEADER] in SNAPSHOTS else b"%d" % one.offset
            if one.key == key and said[-1:] != [word]:
                said.append(word)
        return said

    for key in "ab":
        assert told([records[n] for n in kept], key) == told(records, key)
    for n in set(range(len(records))) - set(kept):
        assert records[n].headers[TOPIC_HEADER] in SNAPSHOTS
