"""Consuming in batches, on FastStream: at least once, commit after apply.

What FastStream does by itself and why it is not enough (read in 0.7.8): an exception of a handler is logged and the
next batch is taken, whose commit then covers the one that failed, so our handler never raises; a header that is not
UTF-8 fails its parser, with the same effect, so records are parsed here; an empty poll is followed by a sleep as long
as the poll, so the consumer below waits for records itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from pydantic import BaseModel

from longshore.broker.batches import Apply, Batches, Outcome
from longshore.broker.metrics import StreamMetrics
from longshore.broker.policy import ConsumerPolicy
from longshore.broker.producer import Producer
from longshore.broker.records import Record, to_text
from longshore.broker.topics import TopicSpec

log = structlog.get_logger(__name__)

POLL_S = 5.0
SESSION_TIMEOUT_MS = 10_000
# A batch may wait out a long outage of PostgreSQL; a dead process is found by its missing heartbeats instead.
MAX_POLL_INTERVAL_MS = 24 * 60 * 60 * 1000
FETCH_BYTES_PER_PARTITION = 4 * 1024 * 1024


class Consumer:
    """One subscription of this process: what it reads, and how it fares."""

    def __init__(
        self,
        group: str,
        topics: Sequence[str],
        apply: Apply,
        policy: ConsumerPolicy,
        producer: Producer,
        prefix: str,
        metrics: StreamMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.group = group
        self.topics = tuple(topics)
        self.policy = policy
        self.halted: str | None = None
        self.subscriber: BatchSubscriber | None = None
        self._prefix_length = len(prefix)
        self._metrics = metrics
        self._clock = clock
        self._assigned = False
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        # Set when the batch under way is no longer ours to finish; a new one for each assignment.
        self._give_up = asyncio.Event()
        self._next_offsets: dict[TopicPartition, int] = {}
        self._batches = Batches(
            group,
            apply,
            producer,
            policy,
            clock=clock,
            on_retry=metrics.apply_retries.labels(group).inc,
            on_dead_letter=lambda record: metrics.dead_letters.labels(record.topic, group).inc(),
        )
        metrics.consumer_halted.labels(group).set(0)

    @property
    def ready(self) -> bool:
        """Whether it has been given its partitions (perhaps none, when others have them all) and takes records."""
        return self._assigned and self.halted is None and not self._stopping.is_set()

    def begin(self) -> None:
        """Before (re)starting: forget an earlier stop."""
        self._stopping.clear()
        self._give_up = asyncio.Event()

    def begin_stop(self) -> None:
        """Take no further batch; let the one under way finish, but not be retried."""
        self._stopping.set()
        self._give_up.set()

    async def handle(self, message: KafkaMessage) -> None:
        """FastStream's handler. Never raises, and returns only when the next batch may be taken."""
        if self._stopping.is_set():
            return
        self._idle.clear()
        try:
            if self.halted is None:
                await self._process(cast("tuple[ConsumerRecord, ...]", message.raw_message))
        except Exception:
            # Not a failure of `apply` but of this very code: to go on would skip the batch.
            log.exception("the consumer failed and halts", group=self.group)
            self._halt("internal error")
        finally:
            self._idle.set()
        if self.halted is not None:
            await self._stopping.wait()

    async def on_revoked(self) -> None:
        """Let the batch under way finish and commit, within limits; then it is no longer ours."""
        self._assigned = False
        if self.halted is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), self.policy.rebalance_wait_s)
        self._give_up.set()
        self._next_offsets.clear()

    async def on_assigned(self) -> None:
        """Begin anew: after a rebalance all partitions are read from their committed offsets."""
        self._give_up = asyncio.Event()
        if self._stopping.is_set():
            self._give_up.set()
        self._assigned = True

    async def _process(self, raw: tuple[ConsumerRecord, ...]) -> None:
        started = self._clock()
        give_up = self._give_up
        records, offsets = self._read(raw)
        self._show_lag()
        outcome = await self._batches.run(records, give_up)
        if outcome is Outcome.HALTED:
            self._halt("too many records are poison")
        elif outcome is Outcome.ABANDONED:
            self._take_again(raw)
        elif outcome is Outcome.DONE:
            await self._commit(offsets, give_up)
            self._next_offsets.update(offsets)
            self._show_lag()
            self._metrics.batch_records.labels(self.group).observe(len(records))
            self._metrics.batch_seconds.labels(self.group).observe(self._clock() - started)

    def _read(self, raw: tuple[ConsumerRecord, ...]) -> tuple[list[Record], dict[TopicPartition, int]]:
        skip = self._prefix_length
        records = [
            Record(
                each.topic[skip:],
                each.partition,
                each.offset,
                each.timestamp,
                None if each.key is None else to_text(each.key),
                each.value or b"",
                {name: to_text(value or b"") for name, value in each.headers},
            )
            for each in raw
        ]
        offsets: dict[TopicPartition, int] = {}
        counts: dict[str, int] = {}
        for each in raw:
            partition = TopicPartition(each.topic, each.partition)
            offsets[partition] = each.offset + 1
            counts[each.topic] = counts.get(each.topic, 0) + 1
            self._next_offsets.setdefault(partition, each.offset)
        for topic, count in counts.items():
            self._metrics.records_consumed.labels(self.group, topic[skip:]).inc(count)
        return records, offsets

    async def _commit(self, offsets: dict[TopicPartition, int], give_up: asyncio.Event) -> None:
        consumer = self.subscriber.consumer if self.subscriber is not None else None
        if consumer is None or (give_up.is_set() and not self._stopping.is_set()):
            return
        try:
            await consumer.commit(offsets)
        except (KafkaError, OSError) as error:
            # The batch is applied. It comes again to whoever has its partitions now, and changes nothing.
            log.warning("offsets were not committed", group=self.group, error=type(error).__name__)

    def _take_again(self, raw: tuple[ConsumerRecord, ...]) -> None:
        """Begin again at an abandoned batch, where its partitions are (still, or again) ours: the next commit must
        not cover it."""
        consumer = self.subscriber.consumer if self.subscriber is not None else None
        if consumer is None or self._stopping.is_set():
            return
        first: dict[TopicPartition, int] = {}
        for each in raw:
            first.setdefault(TopicPartition(each.topic, each.partition), each.offset)
        for partition in consumer.assignment() & first.keys():
            consumer.seek(partition, first[partition])

    def _halt(self, reason: str) -> None:
        self.halted = reason
        self._metrics.consumer_halted.labels(self.group).set(1)

    def _show_lag(self) -> None:
        consumer = self.subscriber.consumer if self.subscriber is not None else None
        if consumer is None:
            return
        lags = dict.fromkeys(self.topics, 0)
        assigned = consumer.assignment()
        for partition, offset in self._next_offsets.items():
            if partition in assigned and (end := consumer.highwater(partition)) is not None:
                lags[partition.topic[self._prefix_length :]] += max(0, end - offset)
        for topic, lag in lags.items():
            self._metrics.consumer_lag.labels(self.group, topic).set(lag)


class LongshoreBroker(KafkaBroker):
    """FastStream's broker, that only reads: what is sent goes through our own producer."""

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        producer: Producer,
        prefix: str = "",
        metrics: StreamMetrics | None = None,
        client_id: str = "longshore",
        instance_id: str = "",
        graceful_timeout_s: float = 6.0,
        description: str | None = None,
    ) -> None:
        logger = logging.getLogger("faststream.kafka")
        super().__init__(
            [each.strip() for each in bootstrap_servers.split(",")],
            client_id=client_id,
            consumer_only=True,
            graceful_timeout=graceful_timeout_s,
            apply_types=False,
            metadata_max_age_ms=30_000,
            request_timeout_ms=15_000,
            logger=_WithoutTopicAdvice(logger, {}),
            description=description,
            # In the documents an address of one installation would be noise.
            specification_url="kafka:9092",
        )
        self.dead_letters = producer
        self.topic_prefix = prefix
        self.instance_id = instance_id
        self.metrics = metrics or StreamMetrics()
        self.consumers: list[Consumer] = []

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        builder = await super()._connect()
        options: dict[str, Any] = getattr(builder, "keywords", {})

        def build(**more: Any) -> AIOKafkaConsumer:
            return _WaitingConsumer(**{**options, **more})

        self.config.broker_config.builder = build
        return build

    async def start(self) -> None:
        """Connect and begin to consume. Raises KafkaError when Kafka is away; then `stop` and try again."""
        for consumer in self.consumers:
            consumer.begin()
        await super().start()

    async def stop(self, *args: Any) -> None:
        """Take no new batch, finish and commit the ones under way, disconnect."""
        for consumer in self.consumers:
            consumer.begin_stop()
        await super().stop(*args)


def make_broker(
    bootstrap_servers: str,
    *,
    producer: Producer,
    prefix: str = "",
    metrics: StreamMetrics | None = None,
    client_id: str = "longshore",
    instance_id: str = "",
    description: str | None = None,
) -> LongshoreBroker:
    """A broker to subscribe on. Dead letters go out through `producer`.

    `instance_id`, unlike that of any other process of the same service, makes its membership static (KIP-345): started
    again after a crash it has its partitions back at once, not when the session of its dead self has run out.
    """
    return LongshoreBroker(
        bootstrap_servers,
        producer=producer,
        prefix=prefix,
        metrics=metrics,
        client_id=client_id,
        instance_id=instance_id,
        description=description,
    )


def subscribe(
    broker: LongshoreBroker,
    *,
    topics: Iterable[TopicSpec | str],
    group: str,
    apply: Apply,
    policy: ConsumerPolicy | None = None,
    schema: type[BaseModel] | None = None,
    description: str | None = None,
) -> Consumer:
    """Read `topics` (logical names) in batches as consumer group `group`; call before the broker is started.

    `apply` gets the records in order per partition and does one transaction. It may be called again with the same
    records, all or part of them. What it raises decides the fate: transient errors are retried in place, for ever;
    anything else is poison and is searched for by halving. Records that it returns as `Rejected` are poison too, all
    others count as applied. `schema` is the payload's model, for AsyncAPI only: bodies are not decoded here.
    """
    names = [str(topic) for topic in topics]
    policy = policy or ConsumerPolicy()
    consumer = Consumer(group, names, apply, policy, broker.dead_letters, broker.topic_prefix, broker.metrics)
    subscriber = broker.subscriber(
        *[broker.topic_prefix + name for name in names],
        group_id=broker.topic_prefix + group,
        group_instance_id=f"{group}.{broker.instance_id}" if broker.instance_id else None,
        batch=True,
        max_records=policy.max_records,
        # After each (long) empty poll FastStream sleeps for this long.
        batch_timeout_ms=1,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        rebalance_timeout_ms=2 * SESSION_TIMEOUT_MS,
        max_partition_fetch_bytes=FETCH_BYTES_PER_PARTITION,
        listener=_Listener(consumer),
        parser=_parse,
        decoder=_decode,
        title=group,
        description=description,
    )
    assert isinstance(subscriber, BatchSubscriber)  # noqa: S101  (batch=True makes it one)
    consumer.subscriber = subscriber
    broker.consumers.append(consumer)

    async def handler(batch: Any) -> None:
        await consumer.handle(batch)

    # FastStream reads the annotation for AsyncAPI alone: types are not applied.
    handler.__annotations__["batch"] = schema or bytes
    handler.__name__ = group.replace(".", "_").replace("-", "_")
    handler.__doc__ = description
    subscriber(handler)
    return consumer


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._consumer.on_revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._consumer.on_assigned()


class _WaitingConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Waits for records inside one poll, so that a record is handed on when it arrives."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        records: dict[TopicPartition, list[ConsumerRecord]] = await super().getmany(
            *partitions, timeout_ms=POLL_S * 1000, max_records=max_records
        )
        if not records and self._closed:
            raise ConsumerStoppedError
        return records


class _WithoutTopicAdvice(logging.LoggerAdapter[logging.Logger]):
    """FastStream's logger without its advice, at each start, to see to the topics: `ensure_topics` does."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if not str(msg).startswith("Topic creation is skipped"):
            super().log(level, msg, *args, **kwargs)


async def _parse(raw: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """Wrap a batch without looking into it: no header can make this fail."""
    return KafkaMessage(raw, b"", consumer=cast("Any", None), correlation_id="-")


async def _decode(message: KafkaMessage) -> KafkaMessage:
    return message
