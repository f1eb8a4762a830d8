"""What deliveries brought, against what polling sees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from longshore.broker import Record
from longshore.contracts import OrderSnapshot, Origin, Platform, ProductSnapshot, RawRef
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.hearing import GRACE, MOST_REMEMBERED, SLACK, Heard, Hearing, Voice, said_by
from longshore.platforms.protocols import NormalizedEvent, RawRecord
from longshore.platforms.raw import POLLED_HEADER
from longshore.platforms.sync.rules import OVERLAP

ORG, STORE = OrgId(uuid4()), IntegrationId(uuid4())
BEGAN = datetime(2026, 11, 28, 12, tzinfo=UTC)
ORDERS = Voice(ORG, STORE, "orders")


def at(minutes: float) -> datetime:
    return BEGAN + timedelta(minutes=minutes)


def snapshot(id: int, changed: float, kind: Any = OrderSnapshot) -> NormalizedEvent:
    made: NormalizedEvent = kind.model_construct(external_id=str(id), updated_at=at(changed))
    return made


class Ear:
    """A partition that is followed from BEGAN on."""

    def __init__(self) -> None:
        self.hearing = Hearing()
        self.offset = 0
        self.delivered(999, 0, 0)

    def tell(self, event: NormalizedEvent | None, when: float, *, polled: bool) -> dict[Voice, Heard]:
        headers = {POLLED_HEADER: "1"} if polled else {}
        record = Record("raw.woocommerce", 0, self.offset, 0, "k", b"", headers)
        self.offset += 1
        origin = Origin.FETCH if polled else Origin.WEBHOOK
        ref = RawRef(topic="raw.woocommerce", partition=0, offset=record.offset, origin=origin)
        raw = RawRecord(Platform.WOOCOMMERCE, ORG, STORE, origin, "", None, None, False, at(when), headers, b"", ref)
        told = [] if event is None else [(record, raw, said_by([event]))]
        return self.hearing.listen(told, [record])

    def delivered(self, id: int, changed: float, when: float) -> dict[Voice, Heard]:
        return self.tell(snapshot(id, changed), when, polled=False)

    def polled(self, id: int, changed: float, when: float) -> int:
        found = self.tell(snapshot(id, changed), when, polled=True)
        return sum(each.missed for each in found.values())


def test_what_was_delivered_is_not_missed() -> None:
    ear = Ear()
    assert ear.delivered(1, 5, 5.1) == {ORDERS: Heard(at(5.1), 0)}
    assert ear.polled(1, 5, 15) == 0


def test_what_only_polling_brings_is_missed_once() -> None:
    ear = Ear()
    assert ear.tell(snapshot(1, 5), 15, polled=True) == {ORDERS: Heard(None, 1)}
    # Read again, by the overlap of the next run.
    assert ear.polled(1, 5, 16) == 0


def test_a_newer_change_of_what_was_delivered_is_missed() -> None:
    ear = Ear()
    ear.delivered(1, 5, 5.1)
    assert ear.polled(1, 7, 15) == 1


def test_a_delivery_may_be_newer_than_what_polling_saw() -> None:
    ear = Ear()
    ear.delivered(1, 9, 9.1)
    assert ear.polled(1, 7, 15) == 0


def test_what_may_still_be_delivered_is_looked_at_by_the_next_run() -> None:
    ear = Ear()
    grace = GRACE / timedelta(minutes=1)
    assert ear.polled(1, 15 - grace + 0.1, 15) == 0
    assert ear.polled(1, 15 - grace + 0.1, 30) == 1
    # Nothing falls between two runs.
    assert GRACE < OVERLAP


def test_what_changed_before_we_listened_is_not_ours_to_judge() -> None:
    ear = Ear()
    slack = SLACK / timedelta(minutes=1)
    assert ear.polled(1, -60, 15) == 0
    assert ear.polled(2, slack - 0.1, 15) == 0
    assert ear.polled(3, slack, 15) == 1


@pytest.mark.parametrize("jump", [-3, 5])
def test_who_was_away_judges_what_came_since_alone(jump: int) -> None:
    ear = Ear()
    ear.delivered(1, 2, 2)
    ear.offset += jump
    assert ear.polled(2, 5, 15) == 0
    assert ear.polled(3, 17, 30) == 1


def test_records_that_tell_nothing_are_no_gap() -> None:
    ear = Ear()
    ear.tell(None, 2, polled=False)
    assert ear.polled(1, 5, 15) == 1


def test_kinds_are_apart() -> None:
    ear = Ear()
    ear.delivered(1, 5, 5)
    found = ear.tell(snapshot(1, 5, ProductSnapshot), 15, polled=True)
    assert found == {Voice(ORG, STORE, "products"): Heard(None, 1)}


def test_what_was_forgotten_is_not_called_missed() -> None:
    ear = Ear()
    for id in range(MOST_REMEMBERED + 1):
        ear.delivered(id, 5, 5.1)
    assert ear.polled(0, 5, 15) == 0
