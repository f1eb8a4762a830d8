"""CloudEvents headers, text that is not UTF-8, coalescing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longshore.broker import Record, cloudevent_headers, newest_per_key
from longshore.broker.records import RecordHeaders, to_bytes, to_text

ORG = UUID("6f1d3c52-7f0a-5e7b-9a43-3d3f0d1c8a10")


def record(offset: int, key: str | None = "k", headers: dict[str, str] | None = None) -> Record:
    return Record("commerce.orders", 0, offset, 1_700_000_000_123, key, b"", headers or {})


def test_headers_are_those_of_cloudevents_in_binary_mode() -> None:
    moment = datetime(2026, 11, 27, 12, 0, 0, 5000, timezone(timedelta(hours=1)))
    headers = cloudevent_headers(
        type="order.snapshot", source="/integrations/1", subject="42", id="e1", time=moment, org_id=ORG,
        integration_id=ORG, traceparent="00-a-b-01",
    )  # fmt: skip
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": "e1",
        "ce_source": "/integrations/1",
        "ce_type": "order.snapshot",
        "ce_time": "2026-11-27T11:00:00.005000Z",
        "ce_subject": "42",
        "content-type": "application/json",
        "longshore-org-id": str(ORG),
        "longshore-integration-id": str(ORG),
        "traceparent": "00-a-b-01",
    }


def test_an_event_gets_an_id_and_a_time_by_itself() -> None:
    one, two = (cloudevent_headers(type="t", source="s", subject="x") for _ in range(2))
    assert one["ce_id"] != two["ce_id"]
    assert datetime.fromisoformat(one["ce_time"]).tzinfo is not None


def test_a_record_knows_its_time_and_organisation() -> None:
    one = record(0, headers={"longshore-org-id": str(ORG), "longshore-integration-id": "no uuid"})
    assert one.timestamp == datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)
    assert one.org_id == ORG
    with pytest.raises(ValueError, match="badly formed"):
        _ = one.integration_id
    with pytest.raises(KeyError):
        _ = record(0).org_id


@given(st.binary())
def test_any_bytes_survive_being_text(raw: bytes) -> None:
    assert to_bytes(to_text(raw)) == raw


def test_the_newest_of_each_key_stays_in_order_of_arrival() -> None:
    records = [record(0, "a"), record(1, "b"), record(2, "a"), record(3, "c"), record(4, "b")]
    assert [each.offset for each in newest_per_key(records)] == [2, 3, 4]


def test_coalescing_by_another_key() -> None:
    records = [record(0, "a"), record(1, "b"), record(2, "c")]
    assert [each.offset for each in newest_per_key(records, key=lambda each: each.offset % 2)] == [1, 2]


def test_headers_that_were_read_are_those_that_were_sent() -> None:
    raw = [("ce_type", b"t"), ("x", "ä".encode()), ("broken", b"\xff"), ("empty", None), ("x", b"said again")]
    headers = RecordHeaders(raw)
    assert headers == {"ce_type": "t", "x": "said again", "broken": "\udcff", "empty": ""}
    assert {**headers} == dict(headers.items())
    assert headers.get("missing") is None
    assert headers.get("missing", "") == ""
    assert headers.get("ce_type", "") == "t"
    assert "ce_type" in headers
    assert "missing" not in headers
    with pytest.raises(KeyError):
        headers["missing"]
