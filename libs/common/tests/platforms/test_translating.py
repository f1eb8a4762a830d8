"""Raw records in, events and fetches out; one bad record fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry

from longshore.broker import Message, Record
from longshore.contracts import OrderDeleted, Origin, Platform
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.jobs import Lane, NewJob
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.protocols import FetchRequest, RawRecord, Translation, Untranslatable
from longshore.platforms.raw import delivery_headers, store_headers
from longshore.platforms.translating import TranslateRaw
from longshore.platforms.work import CheckWork, FetchWork, read_work

ORG, STORE = OrgId(uuid4()), IntegrationId(uuid4())
NOW = datetime(2026, 11, 20, tzinfo=UTC)
SNAPSHOTS = frozenset({"order.created", "order.updated"})


def record(offset: int, body: bytes = b"1", topic: str = "order.created", key: str = "k") -> Record:
    headers = delivery_headers(
        store_headers(Platform.WOOCOMMERCE, ORG, STORE, Origin.WEBHOOK),
        topic_name=topic,
        received_at=NOW,
        delivery_id=str(offset),
        platform_headers={},
    )
    return Record("raw.woocommerce", 0, offset, 0, key, body, headers)


class WordTranslator:
    """The body says what becomes of it."""

    def translate(self, record: RawRecord) -> Translation:
        match record.body:
            case b"bad":
                raise Untranslatable("total: not a number")
            case b"bug":
                raise ZeroDivisionError
            case b"ignored":
                return Translation(ignored="a ping")
            case b"check":
                return Translation(ignored="the app was removed", check=True)
            case b"fetch":
                return Translation(fetches=[FetchRequest("order", "29")])
        event = OrderDeleted(
            org_id=record.org_id,
            integration_id=record.integration_id,
            platform=record.platform,
            external_id=record.body.decode(),
            observed_at=record.received_at,
            raw=record.ref,
        )
        return Translation(events=[event])


class FakeProducer:
    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send_many(self, messages: Sequence[Message]) -> None:
        self.sent += messages


class FakeJobs:
    def __init__(self) -> None:
        self.added: list[NewJob] = []

    async def add(self, conn: object, jobs: Sequence[NewJob]) -> None:
        self.added += jobs


class FakeEngine:
    """A transaction that only begins and ends."""

    def begin(self) -> FakeEngine:
        return self

    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *_: object) -> None: ...


class Bench:
    def __init__(self) -> None:
        self.producer = FakeProducer()
        self.jobs = FakeJobs()
        self.registry = CollectorRegistry()
        self.translated_before = 0
        self.apply = TranslateRaw(
            Platform.WOOCOMMERCE,
            WordTranslator(),
            self.producer,  # type: ignore[arg-type]  # fakes behind the same interfaces
            FakeEngine(),  # type: ignore[arg-type]
            self.jobs,
            ConnectorMetrics(self.registry),
            SNAPSHOTS,
            lambda record: record.offset < self.translated_before,
        ).apply

    def count(self, result: str) -> float | None:
        return self.registry.get_sample_value(
            "longshore_raw_translated_total", {"platform": "woocommerce", "result": result}
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_events_carry_where_they_come_from(bench: Bench) -> None:
    assert await bench.apply([record(7, b"29")]) == []
    (message,) = bench.producer.sent
    assert (message.topic, message.key) == ("commerce.orders", f"{STORE}:29")
    assert message.headers["ce_type"] == "longshore.order.deleted.v1"
    assert message.headers["ce_id"] == "raw.woocommerce/0/7/0"
    assert UUID(message.headers["longshore-org-id"]) == ORG


async def test_translating_again_gives_the_same_messages(bench: Bench) -> None:
    await bench.apply([record(7, b"29"), record(8, b"30")])
    first, bench.producer.sent = bench.producer.sent, []
    await bench.apply([record(7, b"29"), record(8, b"30")])
    assert bench.producer.sent == first


async def test_what_was_translated_before_asks_no_store_again(bench: Bench) -> None:
    bench.translated_before = 8
    await bench.apply([record(7, b"fetch", key="a"), record(8, b"fetch", key="b")])
    (job,) = bench.jobs.added
    assert "/8/" in str(job.key)


async def test_one_bad_record_fails_alone(bench: Bench) -> None:
    rejected = await bench.apply([record(1, b"29"), record(2, b"bad"), record(3, b"30"), record(4, b"bug")])
    assert [(each.record.offset, each.reason) for each in rejected] == [
        (2, "total: not a number"),
        (4, "the translator failed"),
    ]
    assert len(bench.producer.sent) == 2


async def test_what_has_to_be_fetched_becomes_a_job_named_by_its_record(bench: Bench) -> None:
    await bench.apply([record(5, b"fetch")])
    (job,) = bench.jobs.added
    assert (job.integration_id, job.lane, job.key) == (STORE, Lane.WORK, "fetch/raw.woocommerce/0/5/0")
    assert read_work(job.payload) == FetchWork(resource="order", external_id="29")


async def test_a_change_of_what_we_may_is_looked_at_once(bench: Bench) -> None:
    await bench.apply([record(5, b"check")])
    (job,) = bench.jobs.added
    assert (job.integration_id, job.lane, job.key) == (STORE, Lane.CONNECT, "check/raw.woocommerce/0/5")
    assert read_work(job.payload) == CheckWork()
    bench.jobs.added.clear()
    bench.translated_before = 8
    await bench.apply([record(6, b"check", key="b")])
    assert bench.jobs.added == []


async def test_what_became_of_records_is_counted(bench: Bench) -> None:
    await bench.apply([record(1, b"29"), record(2, b"29", "order.updated"), record(3, b"ignored"), record(4, b"bad")])
    assert (bench.count("translated"), bench.count("repeated"), bench.count("ignored")) == (1, 1, 1)


async def test_the_second_of_a_pair_is_known_in_the_next_batch_too(bench: Bench) -> None:
    await bench.apply([record(1, b"29")])
    await bench.apply([record(2, b"29", "order.updated"), record(3, b"30", "order.updated")])
    assert (bench.count("translated"), bench.count("repeated")) == (2, 1)


async def test_what_could_not_be_translated_is_tried_when_it_comes_again(bench: Bench) -> None:
    await bench.apply([record(1, b"bad")])
    assert len(await bench.apply([record(2, b"bad", "order.updated")])) == 1
