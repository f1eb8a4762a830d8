"""One subscription: reads batches, has them applied, then commits. At least once; see rule 4 of the stream."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faststream.kafka.message import KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from longshore import tasks
from longshore.broker.batches import Apply, Batches, Outcome
from longshore.broker.metrics import StreamMetrics
from longshore.broker.policy import ConsumerPolicy
from longshore.broker.producer import Producer
from longshore.broker.records import Record, RecordHeaders, to_text

log = structlog.get_logger(__name__)

# Kafka answers an idle client every two seconds: after so long without it the client is started again.
SILENT_S = 30.0
COMMIT_S = 20.0
# Meanwhile others that have died wait to be started again.
COMMIT_AGAIN_S = 5.0
# A client may read on and be in no group any more, with each commit waiting for ever (as those did of which `lines`
# tells). That is sure as soon as Kafka has answered its fetches for a while, and no commit.
UNCOMMITTED_S = 30.0
READS_ON_S = 8.0
STOP_S = 10.0
# A start waits for the group's assignment, and without a bound for a broker that is gone meanwhile.
START_S = 45.0
# A rebalance takes as long as a dead member's session, or a living one's last batch: both are well below this.
UNASSIGNED_S = 60.0


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
        types: Iterable[str] | None = None,
    ) -> None:
        self.group = group
        self.topics = tuple(topics)
        self.policy = policy
        self.halted: str | None = None
        self.subscriber: BatchSubscriber | None = None
        self._prefix_length = len(prefix)
        self._types = None if types is None else frozenset(each.encode() for each in types)
        self._metrics = metrics
        self._clock = clock
        self._assigned = False
        self._revoked_at = clock()
        # A restart that has not been brought to its end: the client, if there is one, is good for nothing.
        self._unstarted = False
        # When Kafka last answered this client (Unix time): see `dead`.
        self._heard_at = time.time()
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        # Set when the batch under way is no longer ours to finish; a new one for each assignment.
        self._give_up = asyncio.Event()
        self._next_offsets: dict[TopicPartition, int] = {}
        # Of batches that are applied, where Kafka did not take the offsets.
        self._uncommitted: dict[TopicPartition, int] = {}
        # Since when (Unix time) no commit comes to its end, and when Kafka was first heard after that.
        self._uncommitted_at: float | None = None
        self._reads_on_at: float | None = None
        self._committing = asyncio.Lock()
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

    async def start(self) -> None:
        """Begin to read: returns when it has been given its partitions. Raises KafkaError, OSError or TimeoutError when
        Kafka is away; then nothing of it is left."""
        subscriber = self.subscriber
        assert subscriber is not None  # noqa: S101  (set by `subscribe`)
        self._stopping.clear()
        self._give_up = asyncio.Event()
        try:
            await tasks.within(START_S, subscriber.start())
        except BaseException:
            await self.leave()
            raise
        self._heard_at = time.time()
        self._unstarted = False

    async def leave(self) -> None:
        """End the client, if there is one, without a word to Kafka."""
        if self.subscriber is not None and self.subscriber.consumer is not None:
            await discard(self.subscriber.consumer)

    def begin_stop(self) -> None:
        """Take no further batch; let the one under way finish, but not be retried."""
        self._stopping.set()
        self._give_up.set()

    @property
    def dead(self) -> bool:
        """Whether the client cannot read any more, by a failure inside aiokafka."""
        subscriber = self.subscriber
        if subscriber is None or self._stopping.is_set() or self.halted is not None:
            return False
        if self._unstarted or subscriber.consumer is None or is_dead(subscriber.consumer):
            return True
        # After Kafka's outages clients were seen to wait for ever for their partitions, with all their tasks alive.
        if not self._assigned and self._clock() - self._revoked_at > UNASSIGNED_S:
            return True
        if self._cannot_commit(subscriber.consumer):
            return True
        # A batch may take as long as it needs; between batches Kafka answers every two seconds, records or not.
        if not self._idle.is_set() or not self._assigned:
            self._heard_at = time.time()
        self._heard_at = max(self._heard_at, heard_at(subscriber.consumer))
        return time.time() - self._heard_at > SILENT_S

    def _cannot_commit(self, client: AIOKafkaConsumer) -> bool:
        if self._uncommitted_at is None:
            return False
        if time.time() - self._uncommitted_at > UNCOMMITTED_S + COMMIT_S:
            return True
        # In a rebalance no commit is taken, but it is known to be one.
        if not self._assigned or (heard := heard_at(client)) <= self._uncommitted_at:
            return False
        if self._reads_on_at is None:
            self._reads_on_at = heard
        return heard - self._reads_on_at > READS_ON_S

    async def restart(self) -> None:
        """A new client, from the committed offsets. Raises KafkaError, OSError or TimeoutError when Kafka is away; then
        it still is `dead`."""
        subscriber = self.subscriber
        assert subscriber is not None  # noqa: S101  (set by `subscribe`)
        self._unstarted = True
        self._lose_partitions()
        self.begin_stop()
        client = subscriber.consumer
        try:
            await tasks.within(STOP_S, subscriber.stop())
        except Exception as error:
            log.warning("a dead client did not stop well", group=self.group, error=type(error).__name__)
            # Else FastStream would try to read from the dead client for ever, without a pause, beside the new one.
            left, subscriber.tasks[:] = list(subscriber.tasks), []
            await tasks.end(*left)
            if client is not None:
                await discard(client)
        await self.start()

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
        self._lose_partitions()
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
        self._all_committed()
        self._assigned = True

    def _lose_partitions(self) -> None:
        if self._assigned:
            self._revoked_at = self._clock()
        self._assigned = False

    async def _process(self, raw: tuple[ConsumerRecord, ...]) -> None:
        started = self._clock()
        give_up = self._give_up
        records, offsets = self._read(raw)
        self._show_lag()
        outcome = await self._batches.run(records, give_up) if records else Outcome.DONE
        if outcome is Outcome.HALTED:
            self._halt("too many records are poison")
        elif outcome is Outcome.ABANDONED:
            self._take_again(raw)
        elif outcome is Outcome.DONE:
            await self._commit(offsets, COMMIT_S)
            self._next_offsets.update(offsets)
            self._show_lag()
            self._metrics.batch_records.labels(self.group).observe(len(records))
            self._metrics.batch_seconds.labels(self.group).observe(self._clock() - started)

    def _read(self, raw: tuple[ConsumerRecord, ...]) -> tuple[list[Record], dict[TopicPartition, int]]:
        skip, types = self._prefix_length, self._types
        # What nobody here has a use for is told by its type alone, before anything is made of it.
        records = [_record(each, skip) for each in raw if types is None or _type(each) in types]
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

    async def commit_again(self) -> None:
        """Commit what could not be committed: the next batch would, but there may be none for days. Never raises."""
        if self._uncommitted and self._assigned and self._idle.is_set() and not self._stopping.is_set():
            await self._commit({}, COMMIT_AGAIN_S)

    async def _commit(self, offsets: dict[TopicPartition, int], within_s: float) -> None:
        consumer = self.subscriber.consumer if self.subscriber is not None else None
        if consumer is None:
            return
        # One after the other: an older offset must not be committed after a newer one.
        async with self._committing:
            wanted = {each: at for each, at in self._uncommitted.items() if each in consumer.assignment()} | offsets
            self._uncommitted = wanted
            if not wanted:
                self._all_committed()
                return
            if self._uncommitted_at is None:
                self._uncommitted_at = time.time()
            try:
                # Without a bound aiokafka would look for its coordinator as long as there is none.
                await tasks.within(within_s, consumer.commit(dict(wanted)))
                self._all_committed()
            except Exception as error:
                # The batch is applied; after a rebalance it comes again, to whoever has its partitions now, and changes
                # nothing. (Partitions that came back meanwhile may be committed backwards: that too only repeats.)
                log.warning("offsets were not committed", group=self.group, error=type(error).__name__)

    def _all_committed(self) -> None:
        self._uncommitted, self._uncommitted_at, self._reads_on_at = {}, None, None

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


def _type(raw: ConsumerRecord) -> bytes | None:
    for name, value in raw.headers:
        if name == "ce_type":
            return cast("bytes | None", value)
    return None


def _record(raw: ConsumerRecord, skip: int) -> Record:
    return Record(
        raw.topic[skip:],
        raw.partition,
        raw.offset,
        raw.timestamp,
        None if raw.key is None else to_text(raw.key),
        raw.value or b"",
        RecordHeaders(raw.headers),
    )


def is_dead(client: AIOKafkaConsumer) -> bool:
    """Whether one of the tasks that a client lives by has ended."""
    tasks = (client._coordinator._coordination_task, client._fetcher._fetch_task, client._client._sync_task)
    return not client._closed and any(task.done() for task in tasks)


async def discard(client: AIOKafkaConsumer) -> None:
    """End a client that cannot be stopped, whatever it waits for. Left alive it would go on as a member of its group,
    and keep partitions that it does not read."""
    client._closed = True
    coordinator, fetcher, connections = client._coordinator, client._fetcher, client._client
    inner = [connections._sync_task]
    if coordinator is not None:
        inner += [coordinator._coordination_task, coordinator._heartbeat_task, coordinator._commit_refresh_task]
    if fetcher is not None:
        inner += [fetcher._fetch_task, *fetcher._pending_tasks]
    await tasks.end(*(task for task in inner if task is not None and not task.done()))
    for connection in connections._conns.values():
        connection.close()


def heard_at(client: AIOKafkaConsumer) -> float:
    """When Kafka last answered a fetch of this client (Unix time); 0 if it never has, now if it has nothing to fetch.

    After a broker that hung and was killed, aiokafka was seen to fetch no more, with all its tasks alive.
    """
    partitions = client.assignment()
    if not partitions:
        return time.time()
    return max((client.last_poll_timestamp(each) or 0) for each in partitions) / 1000
