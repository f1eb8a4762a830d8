"""From raw records to normalized events: the hot half of a connector. No store is called and, unless something has to
be fetched, no database either."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import lru_cache

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker import (
    COMMERCE_CUSTOMERS,
    COMMERCE_ORDERS,
    COMMERCE_PRODUCTS,
    COMMERCE_STOCK,
    Headers,
    Message,
    Producer,
    Record,
    Rejected,
    cloudevent_headers,
)
from longshore.broker.records import event_time
from longshore.contracts import (
    CustomerDeleted,
    CustomerSnapshot,
    OrderDeleted,
    OrderSnapshot,
    Platform,
    ProductDeleted,
    ProductSnapshot,
    StockLevel,
)
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.heard import Ears
from longshore.platforms.hearing import Hearing, Said, said_by
from longshore.platforms.jobs import Lane, NewJob, QueueJobs
from longshore.platforms.metrics import ConnectorMetrics
from longshore.platforms.protocols import NormalizedEvent, RawRecord, Translation, Translator, Untranslatable
from longshore.platforms.raw import read_raw, stream_key
from longshore.platforms.repeats import Repeats
from longshore.platforms.work import CheckWork, FetchWork, RereadWork

TOPICS = {
    OrderSnapshot: COMMERCE_ORDERS.name,
    OrderDeleted: COMMERCE_ORDERS.name,
    ProductSnapshot: COMMERCE_PRODUCTS.name,
    ProductDeleted: COMMERCE_PRODUCTS.name,
    StockLevel: COMMERCE_STOCK.name,
    CustomerSnapshot: COMMERCE_CUSTOMERS.name,
    CustomerDeleted: COMMERCE_CUSTOMERS.name,
}


class TranslateRaw:
    """Applies batches of `raw.<platform>`."""

    def __init__(
        self,
        platform: Platform,
        translator: Translator,
        producer: Producer,
        engine: AsyncEngine,
        jobs: QueueJobs,
        metrics: ConnectorMetrics,
        snapshot_topics: frozenset[str] = frozenset(),
        asked_before: Callable[[Record], bool] = lambda record: False,
        ears: Ears | None = None,
    ) -> None:
        """`asked_before`: whether what a record asks for was asked when it was translated first (a rebuild). `ears`:
        who is told of deliveries that were missed."""
        self._platform = platform
        self._translator = translator
        self._producer = producer
        self._engine = engine
        self._jobs = jobs
        self._metrics = metrics
        self._repeats = Repeats(snapshot_topics)
        self._asked_before = asked_before
        self._ears = ears
        self._hearing = Hearing()

    async def apply(self, records: Sequence[Record]) -> Sequence[Rejected]:
        """Publish what the records mean, queue what has to be fetched. Safe to repeat: same records, same events."""
        started = time.perf_counter()
        rejected: list[Rejected] = []
        messages: list[Message] = []
        jobs: list[NewJob] = []
        told: list[tuple[Record, RawRecord, Sequence[Said]]] = []
        fresh = self._repeats.without(records)
        ignored = 0
        for record in fresh:
            try:
                raw = read_raw(record, self._platform)
                translation = self._translator.translate(raw)
                before = self._asked_before(record)
                if not before:
                    told.append((record, raw, said_by(translation.events)))
                messages.extend(messages_of(translation, raw))
                jobs.extend(
                    NewJob(
                        raw.integration_id,
                        Lane.WORK,
                        FetchWork(resource=each.resource, external_id=each.external_id).to_json(),
                        f"fetch/{raw.ref.topic}/{raw.ref.partition}/{raw.ref.offset}/{n}",
                    )
                    for n, each in enumerate(translation.fetches)
                    if not before
                )
                place = f"{raw.ref.topic}/{raw.ref.partition}/{raw.ref.offset}"
                if translation.check and not before:
                    jobs.append(NewJob(raw.integration_id, Lane.CONNECT, CheckWork().to_json(), f"check/{place}"))
                if translation.reread and not before:
                    reread = RereadWork(resource=translation.reread, place=place).to_json()
                    jobs.append(NewJob(raw.integration_id, Lane.CONNECT, reread, f"reread/{place}"))
            except Untranslatable as error:
                rejected.append(Rejected(record, str(error), error))
            except Exception as error:
                # A bug of ours. Caught here and not by the kit's halving, which would translate the batch ten times.
                rejected.append(Rejected(record, "the translator failed", error))
            else:
                ignored += translation.ignored is not None
        await self._producer.send_many(messages)
        if jobs:
            async with self._engine.begin() as conn:
                await self._jobs.add(conn, jobs)
        if self._ears is not None:
            await self._ears.note(self._hearing.listen(told, records))
        self._repeats.remember(records, [each.record for each in rejected])
        self._count(records, fresh, ignored, rejected, messages, started)
        return rejected

    def _count(
        self,
        records: Sequence[Record],
        fresh: Sequence[Record],
        ignored: int,
        rejected: Sequence[Rejected],
        messages: Sequence[Message],
        started: float,
    ) -> None:
        platform = self._platform.value
        count = self._metrics.translated.labels
        count(platform, "repeated").inc(len(records) - len(fresh))
        count(platform, "ignored").inc(ignored)
        count(platform, "translated").inc(len(fresh) - ignored - len(rejected))
        self._metrics.translate_seconds.labels(platform).observe(time.perf_counter() - started)


def messages_of(translation: Translation, raw: RawRecord) -> list[Message]:
    """The normalized events of a raw record as they go onto their topics."""
    bodies = translation.bodies or [event.to_json() for event in translation.events]
    return [
        to_message(event, raw, n, body) for n, (event, body) in enumerate(zip(translation.events, bodies, strict=True))
    ]


def to_message(event: NormalizedEvent, raw: RawRecord, n: int, body: bytes | None = None) -> Message:
    """A normalized event as it goes onto its topic; its id is the same whenever the raw record is translated. `body`:
    its JSON, if it is there already."""
    kind = type(event)
    entity = event.inventory_external_id if isinstance(event, StockLevel) else event.external_id
    return Message(
        TOPICS[kind],
        stream_key(raw.integration_id, entity),
        event.to_json() if body is None else body,
        {
            **_same_headers(kind.event_type, raw.org_id, raw.integration_id),
            "ce_id": f"{raw.ref.topic}/{raw.ref.partition}/{raw.ref.offset}/{n}",
            "ce_time": event_time(raw.received_at),
            "ce_subject": entity,
        },
    )


@lru_cache(maxsize=4096)
def _same_headers(event_type: str, org_id: OrgId, integration_id: IntegrationId) -> Headers:
    """Those headers that are the same for all events of a type and a store; the others take their places."""
    source = f"/stores/{integration_id}"
    return cloudevent_headers(type=event_type, source=source, subject="", org_id=org_id, integration_id=integration_id)
