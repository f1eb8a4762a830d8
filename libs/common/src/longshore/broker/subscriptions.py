"""FastStream's broker as we use it: batch subscribers of raw bytes, and a client that waits for its records.

What FastStream does by itself and why it is not enough (read in 0.7.8): an exception of a handler is logged and the
next batch is taken, whose commit then covers the one that failed, so our handler never raises; a header that is not
UTF-8 fails its parser, with the same effect, so records are parsed by the Consumer; an empty poll is followed by a
sleep as long as the poll, so the client below waits for records itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from pydantic import BaseModel

from longshore import tasks
from longshore.broker.batches import Apply
from longshore.broker.consumer import Consumer
from longshore.broker.metrics import StreamMetrics
from longshore.broker.policy import ConsumerPolicy
from longshore.broker.producer import Producer
from longshore.broker.topics import TopicSpec

log = structlog.get_logger(__name__)

POLL_S = 5.0
WATCH_EVERY_S = 2.0
SESSION_TIMEOUT_MS = 10_000
# A batch may wait out a long outage of PostgreSQL; a dead process is found by its missing heartbeats instead.
MAX_POLL_INTERVAL_MS = 24 * 60 * 60 * 1000
# The broker answers when there is a record, else after this long. Each answer costs an idle consumer as much as a small
# batch; but what a rebalance brings waits for the answer to the fetch before it.
FETCH_WAIT_MS = 2_000
# aiokafka looks this often whether there is something to fetch, besides whenever something has changed: each look costs
# about as much as a message.
LOOK_EVERY_MS = 1_000
# Two hundred deliveries. After an outage a consumer holds so much of each partition, and as much that is on its way. (A
# record that is larger comes all the same, alone.)
FETCH_BYTES_PER_PARTITION = 1024 * 1024


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
        self._watch: asyncio.Task[None] | None = None

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        builder = await super()._connect()
        options: dict[str, Any] = getattr(builder, "keywords", {})

        def build(**more: Any) -> AIOKafkaConsumer:
            group = more["group_id"].removeprefix(self.topic_prefix)
            policy = next(each.policy for each in self.consumers if each.group == group)
            return _WaitingConsumer(policy, **{**options, **more})

        self.config.broker_config.builder = build
        return build

    async def start(self) -> None:
        """Connect and begin to consume. Raises KafkaError, OSError or TimeoutError when Kafka is away; then `stop` and
        try again."""
        await self.connect()
        # Side by side, unlike FastStream: a group lets nobody in while the session of a member that was killed lasts.
        ended = await asyncio.gather(*(each.start() for each in self.consumers), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error
        self.running = True
        self._watch = asyncio.create_task(self._revive_dead(), name="consumers' watch")

    async def stop(self, *args: Any) -> None:
        """Take no new batch, finish and commit the ones under way, disconnect."""
        if self._watch is not None:
            await tasks.end(self._watch)
            self._watch = None
        for consumer in self.consumers:
            consumer.begin_stop()
        try:
            await super().stop(*args)
        finally:
            # One that is not done, because we are cancelled, would stay in its group.
            for consumer in self.consumers:
                await consumer.leave()

    async def _revive_dead(self) -> None:
        """Start again clients that do not read any more, by a failure inside them: they would not say so."""
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            try:
                dead = [consumer for consumer in self.consumers if consumer.dead]
            except Exception:
                # It looks into aiokafka, and must outlive what it finds there.
                log.exception("the consumers' watch failed")
                continue
            # Side by side: after an outage of Kafka it may be all of them, and each may take a minute.
            # Whatever comes of it, a cancellation from inside included: nobody watches the watch.
            await asyncio.gather(
                *(_revive(each) if each in dead else each.commit_again() for each in self.consumers),
                return_exceptions=True,
            )


async def _revive(consumer: Consumer) -> None:
    log.error("a consumer's client has died and is started again", group=consumer.group)
    try:
        await consumer.restart()
    except Exception as error:
        # Whatever it is: who else would try again? (TimeoutError and KafkaError while Kafka is away.)
        log.warning("it could not be started", group=consumer.group, error=type(error).__name__)


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
    types: Iterable[str] | None = None,
    schema: type[BaseModel] | None = None,
    description: str | None = None,
) -> Consumer:
    """Read `topics` (logical names) in batches as consumer group `group`; call before the broker is started.

    `apply` gets the records in order per partition and does one transaction. It may be called again with the same
    records, all or part of them. What it raises decides the fate: transient errors are retried in place, for ever;
    anything else is poison and is searched for by halving. Records that it returns as `Rejected` are poison too, all
    others count as applied. Given `types`, records of other CloudEvents types are passed over and never reach `apply`:
    for who needs little of a busy topic. `schema` is the payload's model, for AsyncAPI only: bodies are not decoded
    here.
    """
    names = [str(topic) for topic in topics]
    policy = policy or ConsumerPolicy()
    consumer = Consumer(
        group, names, apply, policy, broker.dead_letters, broker.topic_prefix, broker.metrics, types=types
    )
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
        fetch_max_wait_ms=FETCH_WAIT_MS,
        consumer_timeout_ms=LOOK_EVERY_MS,
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
    """Waits for records inside one poll, so that a record is handed on when it arrives.

    aiokafka fetches the next records while a batch is under way, and Kafka answers with the first that come: every
    second batch would be of those few, and all that came after them would wait for the one behind it. So nothing is
    fetched while a batch that was all there was is under way, and then everything that has gathered. In a backlog it
    reads on without a rest.
    """

    def __init__(self, policy: ConsumerPolicy, **options: Any) -> None:
        super().__init__(**options)
        self._policy = policy
        self._taken_at = 0.0
        self._held: tuple[TopicPartition, ...] = ()

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        if self._held:
            await asyncio.sleep(self._policy.rest_s(time.monotonic() - self._taken_at))
            # A rebalance meanwhile gives partitions anew, and not held.
            assigned = self.assignment()
            self.resume(*(each for each in self._held if each in assigned))
            self._held = ()
        records: dict[TopicPartition, list[ConsumerRecord]] = await super().getmany(
            *partitions, timeout_ms=POLL_S * 1000, max_records=max_records
        )
        if not records:
            if self._closed:
                raise ConsumerStoppedError
        elif not self._more_waits():
            self._taken_at = time.monotonic()
            self._held = tuple(self.assignment())
            self.pause(*self._held)
        return records

    def _more_waits(self) -> bool:
        """Whether more is here already (and would be thrown away), or was in Kafka when it last answered."""
        assignment = self._subscription.subscription.assignment
        states = [assignment.state_value(each) for each in assignment.tps] if assignment is not None else []
        return any(
            each.has_valid_position and each.highwater is not None and each.highwater > each.position for each in states
        )


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
