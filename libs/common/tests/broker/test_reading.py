"""Records become contracts by their type; what cannot be read is set aside, without its data."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from longshore.broker import Record, Rejected, read_contracts
from longshore.contracts import OrderDeleted, Origin, Platform, ProductDeleted, RawRef

ID = UUID(int=1)
GONE = OrderDeleted(
    org_id=ID,
    integration_id=ID,
    platform=Platform.API,
    external_id="secret-1",
    observed_at=datetime(2026, 11, 20, tzinfo=UTC),
    raw=RawRef(topic="raw.api", partition=0, offset=1, origin=Origin.API),
)
TYPES = {OrderDeleted.event_type: OrderDeleted, ProductDeleted.event_type: ProductDeleted}


def record(offset: int, kind: str | None, value: bytes | None = None) -> Record:
    return Record("t", 0, offset, 0, "k", GONE.to_json() if value is None else value, {"ce_type": kind} if kind else {})


RECORDS = [
    record(0, OrderDeleted.event_type),
    record(1, "longshore.something.else.v1"),
    record(2, OrderDeleted.event_type, b'{"external_id": "secret-2"}'),
    record(3, None),
    record(4, ProductDeleted.event_type),
]


def test_in_order_by_type() -> None:
    rejected: list[Rejected] = []
    read = list(read_contracts(RECORDS, TYPES, rejected))
    assert [(each.offset, type(contract)) for each, contract in read] == [(0, OrderDeleted), (4, ProductDeleted)]
    assert read[0][1] == GONE
    assert [each.record.offset for each in rejected] == [2]
    assert rejected[0].error is not None
    assert "secret" not in rejected[0].reason


def test_a_topic_may_have_to_carry_nothing_else() -> None:
    rejected: list[Rejected] = []
    assert len(list(read_contracts(RECORDS, TYPES, rejected, nothing_else=True))) == 2
    assert [each.record.offset for each in rejected] == [1, 2, 3]
