"""Dead letters keep what died, byte for byte."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from longshore.broker import INTEGRATION_ID_HEADER, ORG_ID_HEADER, Record, Rejected, dead_letter
from longshore_gateway.deadletters.rules import read_letter, revive

ORG, STORE = uuid4(), uuid4()

raw_text = st.binary(max_size=30).map(lambda raw: raw.decode("utf-8", "surrogateescape"))


def died(value: bytes = b"{}", key: str | None = "k", headers: dict[str, str] | None = None) -> Record:
    own = {ORG_ID_HEADER: str(ORG), INTEGRATION_ID_HEADER: str(STORE)}
    return Record("raw.woocommerce", 2, 77, 1_795_000_000_000, key, value, own | (headers or {}))


def as_read(record: Record, offset: int = 5) -> Record:
    message = dead_letter(Rejected(record, "why", ValueError("secret value")), "connector-woo.raw")
    return Record(message.topic, 0, offset, 1_795_000_000_001, message.key, message.value, message.headers)


@given(st.binary(max_size=200), raw_text, st.dictionaries(st.from_regex(r"x-[a-z]{1,8}", fullmatch=True), raw_text))
def test_a_replay_is_exact(value: bytes, key: str, headers: dict[str, str]) -> None:
    record = died(value, key, headers)
    message = revive(read_letter(as_read(record)))
    assert (message.topic, message.key, message.value, message.headers) == (
        record.topic, record.key, record.value, record.headers,
    )  # fmt: skip


@given(raw_text, raw_text)
def test_what_is_shown_can_be_stored(reason: str, key: str) -> None:
    read = as_read(died(key=key))
    letter = read_letter(Record(read.topic, 0, 1, 0, read.key, read.value, {**read.headers, "dlq-reason": reason}))
    letter.reason.encode()
    assert "\x00" not in letter.reason


def test_where_it_died_and_why() -> None:
    letter = read_letter(as_read(died()))
    assert (letter.topic, letter.partition, letter.offset) == ("raw.woocommerce", 2, 77)
    assert letter.consumer_group == "connector-woo.raw"
    assert (letter.reason, letter.error) == ("why", "ValueError")
    assert (letter.org_id, letter.integration_id) == (ORG, STORE)


def test_sent_twice_it_is_one_letter() -> None:
    assert read_letter(as_read(died(), 5)).id == read_letter(as_read(died(), 9)).id


def test_strange_headers_are_no_reason_to_fail() -> None:
    record = Record("orders.dlq", 3, 9, 1_795_000_000_000, None, b"x", {"dlq-offset": "x", ORG_ID_HEADER: "nobody"})
    letter = read_letter(record)
    assert (letter.topic, letter.partition, letter.offset, letter.org_id) == ("orders", 3, 9, None)
