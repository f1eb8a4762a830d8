"""The public language: what is written is read again, by older and newer readers, and errors show no data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from longshore.contracts import (
    Command,
    CommandView,
    Contract,
    CustomerRef,
    EntityFetch,
    FulfillmentCreate,
    IntegrationChanged,
    OrderSnapshot,
    Snapshot,
    StockSet,
    Version,
    content_digest,
    digest_base,
    has_detail,
    knows_more,
    same_content,
    sealed,
)
from longshore_devkit.forms import examples

from .builders import CONTRACTS, MOMENTS, contracts

SNAPSHOTS = [each for each in CONTRACTS if issubclass(each, Snapshot)]
BUILDING_IS_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("kind", CONTRACTS, ids=lambda each: each.__name__)
@settings(max_examples=examples(12), suppress_health_check=BUILDING_IS_SLOW)
@given(data=st.data())
def test_what_is_written_is_read_again(kind: type[Contract], data: st.DataObject) -> None:
    contract = data.draw(contracts(kind))
    written = contract.to_json()
    assert kind.from_json(written) == contract
    # Also with what a newer producer may say beside it.
    known: dict[str, Any] = json.loads(written)
    assert kind.from_json(json.dumps({**known, "said_by_a_newer_version": {"x": [1]}})) == contract
    assert kind.from_json(written.decode()).to_json() == written


def test_there_is_something_to_test() -> None:
    assert {OrderSnapshot, Command, IntegrationChanged} <= set(CONTRACTS)
    assert len(CONTRACTS) > 40


@pytest.mark.parametrize("kind", CONTRACTS, ids=lambda each: each.__name__)
def test_event_types_are_versioned_and_name_one_contract(kind: type[Contract]) -> None:
    if kind.event_type:
        assert kind.event_type.startswith("longshore.")
        assert kind.event_type.endswith(".v1")
        assert [each for each in CONTRACTS if each.event_type == kind.event_type] == [kind]


@pytest.mark.parametrize("payload", [FulfillmentCreate, StockSet, EntityFetch])
@settings(max_examples=examples(10), suppress_health_check=BUILDING_IS_SLOW)
@given(data=st.data())
def test_a_command_knows_its_payload_by_its_type(payload: type[Contract], data: st.DataObject) -> None:
    command = data.draw(contracts(Command)).model_copy(update={"payload": data.draw(contracts(payload))})
    assert type(Command.from_json(command.to_json()).payload) is payload


class TestTimes:
    @given(MOMENTS, st.integers(0, 2**40))
    def test_any_zone_is_the_same_moment_in_utc(self, moment: datetime, offset: int) -> None:
        version = Version(updated_at=moment, observed_at=moment, offset=offset)
        assert version.updated_at == moment
        assert version.updated_at.tzinfo is UTC
        text = json.loads(version.to_json())["updated_at"]
        assert text.endswith("Z")
        assert datetime.fromisoformat(text) == moment

    def test_written_in_seconds_when_there_is_no_more(self) -> None:
        moment = datetime(2026, 11, 20, 22, 30, 25, tzinfo=timezone(timedelta(hours=1)))
        version = Version(updated_at=moment, observed_at=moment + timedelta(microseconds=120), offset=0)
        assert json.loads(version.to_json()) == {
            "updated_at": "2026-11-20T21:30:25Z",
            "observed_at": "2026-11-20T21:30:25.000120Z",
            "offset": 0,
        }

    @pytest.mark.parametrize("text", ["2026-11-20T21:30:25", "yesterday", ""])
    def test_a_time_without_zone_is_refused(self, text: str) -> None:
        with pytest.raises(ValidationError):
            Version.from_json(json.dumps({"updated_at": text, "observed_at": "2026-11-20T21:30:25Z", "offset": 0}))


class TestVersion:
    moments = st.sampled_from([datetime(2026, 11, 20, 21, 30, second, tzinfo=UTC) for second in range(3)])
    versions = st.builds(Version, updated_at=moments, observed_at=moments, offset=st.integers(0, 2))

    @given(st.lists(versions, max_size=12))
    def test_in_the_order_of_its_fields(self, versions: list[Version]) -> None:
        expected = sorted(versions, key=lambda each: (each.updated_at, each.observed_at, each.offset))
        assert sorted(versions) == expected

    @given(versions, versions)
    def test_one_is_older_or_they_are_equal(self, one: Version, two: Version) -> None:
        assert [one < two, two < one, one == two].count(True) == 1

    def test_zones_do_not_matter(self) -> None:
        east = datetime(2026, 11, 20, 23, 0, tzinfo=timezone(timedelta(hours=9)))
        utc = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
        assert Version(updated_at=east, observed_at=utc, offset=9) < Version(updated_at=utc, observed_at=east, offset=0)


class TestErrors:
    SECRET = "jane.doe@example.com"

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            (CustomerRef, {"email": ["jane.doe@example.com"]}),
            (CommandView, {"id": "jane.doe@example.com", "type": {"jane.doe@example.com": 1}}),
            (Command, {"payload": {"type": "x", "note": "jane.doe@example.com"}}),
            (OrderSnapshot, {"customer": "jane.doe@example.com", "lines": "jane.doe@example.com"}),
        ],
    )
    def test_they_do_not_show_the_input(self, kind: type[Contract], body: dict[str, Any]) -> None:
        with pytest.raises(ValidationError) as error:
            kind.from_json(json.dumps(body))
        assert self.SECRET not in str(error.value)
        with pytest.raises(ValidationError) as error:
            kind.from_json(f'{{"email": "{self.SECRET}"')
        assert self.SECRET not in str(error.value)

    def test_a_reader_is_told_which_field(self) -> None:
        with pytest.raises(ValidationError, match="quantity"):
            StockSet.from_json(json.dumps({"type": "stock.set", "listing_id": str(uuid4()), "quantity": "many"}))


@pytest.mark.parametrize(
    ("one", "other", "same", "more"),
    [
        ("a", "a", True, False),
        ("a+1", "a", True, True),
        ("a", "a+1", True, False),
        ("a+1", "a+2", True, False),
        ("a", "b", False, False),
        ("a+1", "b", False, False),
        ("a", "ab", False, False),
        ("", "", False, False),
        ("", "a", False, False),
    ],
)
def test_digests_are_compared_as_far_as_both_know(one: str, other: str, same: bool, more: bool) -> None:
    assert same_content(one, other) is same_content(other, one) is same
    assert knows_more(one, other) is more


def test_the_parts_of_a_digest() -> None:
    assert [(digest_base(each), has_detail(each)) for each in ("a", "a+1", "")] == [
        ("a", False), ("a", True), ("", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "kind", [each for each in CONTRACTS if issubclass(each, Snapshot)], ids=lambda each: each.__name__
)
@settings(max_examples=25, suppress_health_check=BUILDING_IS_SLOW)
@given(data=st.data())
def test_a_sealed_snapshot_is_the_snapshot_with_its_digest(kind: type[Snapshot], data: st.DataObject) -> None:
    snapshot = data.draw(contracts(kind))
    digest = content_digest(snapshot)
    written = sealed(snapshot)
    assert snapshot.digest == digest
    assert json.loads(written) == json.loads(snapshot.to_json())
    assert kind.from_json(written) == snapshot
