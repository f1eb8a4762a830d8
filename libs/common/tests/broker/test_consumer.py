"""The three fates of a batch, on real Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaTimeoutError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from longshore.broker import (
    BrokerUnavailable,
    Consumer,
    ConsumerPolicy,
    Message,
    Producer,
    Record,
    Rejected,
    Transient,
    dlq_of,
    ensure_topics,
    make_broker,
    revived,
    subscribe,
)
from longshore.broker.consumer import discard
from longshore.broker.records import to_text
from longshore.broker.subscriptions import FETCH_BYTES_PER_PARTITION
from longshore.tasks import end
from longshore_devkit.forking import ForkServer
from longshore_devkit.processes import ProcessSpec, kill_group
from longshore_devkit.running import RunningInfra
from longshore_devkit.testing import eventually

TOPIC = "commerce.orders"
GROUP = "order-sync.orders"


class Stream:
    """A topic of one test, a producer for it, and as many consumers as it starts."""

    def __init__(self, bootstrap_servers: str, prefix: str, producer: Producer) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.prefix = prefix
        self.producer = producer

    async def send(self, values: Iterable[str], *, topic: str = TOPIC) -> None:
        await self.producer.send_many(
            [
                Message(topic, f"key-{number % 7}", value.encode(), {"n": str(number)})
                for number, value in enumerate(values)
            ]
        )

    @contextlib.asynccontextmanager
    async def consuming(
        self,
        apply: Callable[[Sequence[Record]], Awaitable[Sequence[Rejected] | None]],
        policy: ConsumerPolicy | None = None,
        types: Iterable[str] | None = None,
    ) -> AsyncIterator[Consumer]:
        broker = make_broker(self.bootstrap_servers, producer=self.producer, prefix=self.prefix)
        consumer = subscribe(broker, topics=[TOPIC], group=GROUP, apply=apply, policy=policy, types=types)
        try:
            await broker.start()
            await eventually(lambda: consumer.ready, timeout=20)
            yield consumer
        finally:
            await broker.stop()

    async def read_all(self, topic: str) -> list[Record]:
        """All records that the topic holds now."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers)
        await consumer.start()
        try:
            name = self.prefix + topic
            partitions = [TopicPartition(name, each) for each in await _partitions(consumer, name)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            for each in partitions:
                consumer.seek(each, 0)
            records: list[Record] = []
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    records += [
                        Record(
                            topic,
                            each.partition,
                            each.offset,
                            each.timestamp,
                            to_text(each.key),
                            each.value,
                            {name: to_text(value) for name, value in each.headers},
                        )
                        for each in batch
                    ]
            return records
        finally:
            await consumer.stop()

    async def committed(self) -> int:
        """How many records the group has committed, over all partitions."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap_servers, group_id=self.prefix + GROUP, enable_auto_commit=False
        )
        await consumer.start()
        try:
            name = self.prefix + TOPIC
            partitions = [TopicPartition(name, each) for each in await _partitions(consumer, name)]
            consumer.assign(partitions)
            return sum([await consumer.committed(each) or 0 for each in partitions])
        finally:
            await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    partitions: set[int] = (await consumer._client.fetch_all_metadata()).partitions_for_topic(topic)
    return partitions


@pytest.fixture
async def stream(bootstrap_servers: str, topic_prefix: str) -> AsyncIterator[Stream]:
    await ensure_topics(bootstrap_servers, topic_prefix, [TOPIC], 2)
    async with Producer(bootstrap_servers, topic_prefix) as producer:
        await producer.wait_connected()
        yield Stream(bootstrap_servers, topic_prefix, producer)


class Applied:
    """Stands for a database: keeps what was applied; fails as it is told to."""

    def __init__(self, fail: Callable[[Sequence[Record]], None] = lambda records: None) -> None:
        self.values: list[str] = []
        self.fail = fail

    async def __call__(self, records: Sequence[Record]) -> None:
        self.fail(records)
        self.values += [record.value.decode() for record in records]


def bad_values(records: Sequence[Record]) -> None:
    for record in records:
        if record.value.startswith(b"bad"):
            raise ValueError(record.value)


async def test_all_records_are_applied_and_committed(stream: Stream) -> None:
    applied = Applied()
    await stream.send(f"v{n}" for n in range(1200))
    async with stream.consuming(applied):
        await eventually(lambda: len(applied.values) == 1200)
    assert set(applied.values) == {f"v{n}" for n in range(1200)}
    assert await stream.committed() == 1200


@pytest.mark.parametrize(
    "error", [KafkaTimeoutError(), RuntimeError("unable to perform operation on <TCPTransport closed=True>")]
)
async def test_offsets_that_kafka_did_not_take_are_committed_by_themselves(
    error: Exception, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other record comes, with whose batch they would be."""
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        assert consumer.subscriber is not None
        client = consumer.subscriber.consumer
        assert client is not None
        refused: list[object] = []

        async def refuse(offsets: object) -> None:
            refused.append(offsets)
            raise error

        with monkeypatch.context() as broken:
            broken.setattr(client, "commit", refuse)
            await stream.send(["a"])
            await eventually(lambda: refused)
        assert applied.values == ["a"]
        await eventually(lambda: _committed(stream, 1), interval=0.5)


async def test_logical_names_and_headers_are_what_apply_sees(stream: Stream) -> None:
    seen: list[Record] = []

    async def apply(records: Sequence[Record]) -> None:
        seen.extend(records)

    await stream.producer.send(Message(TOPIC, "a:1", b"body", {"ce_type": "order", "odd": "\udcff"}))
    async with stream.consuming(apply):
        await eventually(lambda: seen)
    assert (seen[0].topic, seen[0].key, seen[0].value) == (TOPIC, "a:1", b"body")
    assert seen[0].headers == {"ce_type": "order", "odd": "\udcff"}
    assert seen[0].timestamp.tzinfo is not None


async def test_other_types_are_passed_over_and_committed(stream: Stream) -> None:
    applied = Applied()
    wanted, other = ({"ce_type": f"longshore.{word}.v1"} for word in ("wanted", "other"))
    messages = [Message(TOPIC, f"k{n}", str(n).encode(), wanted if n % 10 == 0 else other) for n in range(50)]
    await stream.producer.send_many([*messages, Message(TOPIC, "k", b"without a type")])
    async with stream.consuming(applied, types=["longshore.wanted.v1"]):
        await eventually(lambda: _committed(stream, 51))
    assert sorted(applied.values) == ["0", "10", "20", "30", "40"]


async def test_what_gathers_while_a_batch_is_under_way_is_one_batch(stream: Stream) -> None:
    """aiokafka by itself would fetch the first of them meanwhile, and hand on that alone."""
    sizes: list[int] = []
    go_on = asyncio.Event()

    async def apply(records: Sequence[Record]) -> None:
        sizes.append(len(records))
        await go_on.wait()

    async with stream.consuming(apply, ConsumerPolicy(gather_s=0.0)):
        await stream.send(["first"])
        await eventually(lambda: sizes == [1])
        for number in range(8):
            await stream.send([str(number)])
        go_on.set()
        await eventually(lambda: sum(sizes) == 9)
    assert sizes == [1, 8]


async def test_records_may_gather_before_the_next_batch(stream: Stream) -> None:
    batches: list[tuple[float, float, int]] = []

    async def apply(records: Sequence[Record]) -> None:
        now = asyncio.get_running_loop().time()
        assert consumer.subscriber is not None
        client = consumer.subscriber.consumer
        batches.append((client._taken_at, now, len(records)))

    async with stream.consuming(apply, ConsumerPolicy(rest_ratio=1000.0, gather_s=0.5)) as consumer:
        for number in range(4):
            await stream.send([str(number)])
            await eventually(lambda: bool(batches))
        await eventually(lambda: sum(size for _, _, size in batches) == 4)
    assert all(later[1] - earlier[0] >= 0.5 for earlier, later in itertools.pairwise(batches))


async def test_a_full_batch_is_followed_by_the_next_at_once(stream: Stream) -> None:
    applied = Applied()
    await stream.send(map(str, range(49)))
    async with stream.consuming(applied, ConsumerPolicy(max_records=7, rest_ratio=1e9, gather_s=60.0)):
        await eventually(lambda: len(applied.values) == 49, timeout=20)


async def test_a_backlog_of_which_a_fetch_brings_a_part_is_read_without_a_rest(stream: Stream) -> None:
    applied = Applied()
    await stream.send(str(number) * (FETCH_BYTES_PER_PARTITION // 3) for number in range(9))
    async with stream.consuming(applied, ConsumerPolicy(rest_ratio=1e9, gather_s=60.0)):
        await eventually(lambda: len(applied.values) == 9, timeout=20)


async def test_a_transient_failure_is_retried_in_place_and_skips_nothing(stream: Stream) -> None:
    failures = iter([Transient("one"), ConnectionRefusedError(), TimeoutError()])

    def fail(records: Sequence[Record]) -> None:
        if (error := next(failures, None)) is not None:
            raise error

    applied = Applied(fail)
    await stream.send(f"v{n}" for n in range(10))
    async with stream.consuming(applied, ConsumerPolicy(backoff_initial_s=0.01)):
        await eventually(lambda: len(applied.values) == 10)
    assert sorted(applied.values) == sorted(f"v{n}" for n in range(10))
    assert await stream.read_all(dlq_of(TOPIC)) == []


async def test_poison_goes_to_the_dead_letters_and_the_stream_goes_on(stream: Stream) -> None:
    values = ["bad: alice@example.com" if n in {3, 77, 150} else f"v{n}" for n in range(200)]
    applied = Applied(bad_values)
    await stream.send(values)
    async with stream.consuming(applied) as consumer:
        await eventually(lambda: len(applied.values) == 197)
        assert consumer.halted is None
    assert sorted(applied.values) == sorted(value for value in values if not value.startswith("bad"))
    assert await stream.committed() == 200
    letters = await stream.read_all(dlq_of(TOPIC))
    assert sorted(letter.headers["n"] for letter in letters) == ["150", "3", "77"]
    letter = letters[0]
    assert letter.value == b"bad: alice@example.com"
    assert letter.headers["dlq-topic"] == TOPIC
    assert letter.headers["dlq-group"] == GROUP
    assert letter.headers["dlq-error"] == "ValueError"
    assert "bad_values" in letter.headers["dlq-stack"]
    assert "alice" not in letter.headers["dlq-stack"] + letter.headers["dlq-reason"]
    assert revived(letter) == Message(TOPIC, letter.key or "", letter.value, {"n": letter.headers["n"]})


async def test_rejected_records_are_dead_letters_with_their_reason(stream: Stream) -> None:
    async def apply(records: Sequence[Record]) -> list[Rejected]:
        return [Rejected(each, "no such variant") for each in records if each.value == b"odd"]

    await stream.send(["even", "odd", "even"])
    async with stream.consuming(apply):
        await eventually(lambda: _committed(stream, 3), timeout=5)
    letters = await stream.read_all(dlq_of(TOPIC))
    assert [letter.headers["dlq-reason"] for letter in letters] == ["no such variant"]


async def test_a_flood_of_poison_halts_the_consumer_before_anything_is_drained(stream: Stream) -> None:
    policy = ConsumerPolicy(poison_max_count=20, max_records=100)
    applied = Applied(bad_values)
    await stream.send(f"bad {n}" for n in range(300))
    async with stream.consuming(applied, policy) as consumer:
        await eventually(lambda: consumer.halted)
        assert not consumer.ready
    assert await stream.read_all(dlq_of(TOPIC)) == []
    assert await stream.committed() == 0
    # Once the bad deploy is undone, a restart continues where it stood.
    cured = Applied()
    async with stream.consuming(cured, policy):
        await eventually(lambda: len(cured.values) == 300)
    assert await stream.committed() == 300


async def test_a_header_that_is_not_text_reaches_apply(stream: Stream) -> None:
    applied: list[Record] = []

    async def apply(records: Sequence[Record]) -> None:
        for record in records:
            record.headers["odd"].encode()
        applied.extend(records)

    raw = AIOKafkaProducer(bootstrap_servers=stream.bootstrap_servers)
    await raw.start()
    await raw.send_and_wait(stream.prefix + TOPIC, b"x", key=b"\xff\xfe", headers=[("odd", b"\xff\x00")])
    await raw.send_and_wait(stream.prefix + TOPIC, b"y", key=b"k", headers=[("odd", b"fine")])
    await raw.stop()
    async with stream.consuming(apply):
        await eventually(lambda: applied)
    letters = await stream.read_all(dlq_of(TOPIC))
    assert [letter.headers["odd"] for letter in letters] == ["\udcff\x00"]
    assert letters[0].key == "\udcff\udcfe"


async def test_two_consumers_share_and_a_rebalance_loses_nothing(stream: Stream) -> None:
    first, second = Applied(), Applied()
    await stream.send(f"v{n}" for n in range(2000))
    async with stream.consuming(first, ConsumerPolicy(max_records=10)):
        await eventually(lambda: first.values)
        async with stream.consuming(second, ConsumerPolicy(max_records=10)):
            await stream.send(f"w{n}" for n in range(2000))
            await eventually(lambda: len(set(first.values) | set(second.values)) == 4000, timeout=20)
    assert second.values


async def test_a_rebalance_during_an_outage_loses_nothing(stream: Stream) -> None:
    """The batch under way is abandoned: it is done again by whoever has its partitions then."""
    away = True

    def fail(records: Sequence[Record]) -> None:
        if away:
            raise Transient("the database is away")

    policy = ConsumerPolicy(max_records=20, rebalance_wait_s=0.1, backoff_initial_s=0.05, backoff_max_s=0.2)
    first, second = Applied(fail), Applied(fail)
    await stream.send(f"v{n}" for n in range(200))
    async with stream.consuming(first, policy), stream.consuming(second, policy):
        away = False
        await eventually(lambda: set(first.values) | set(second.values) == {f"v{n}" for n in range(200)})
        await eventually(lambda: _committed(stream, 200))
    assert second.values


async def _committed(stream: Stream, count: int) -> bool:
    return await stream.committed() == count


async def test_an_abandoned_batch_is_taken_again_by_the_same_consumer(stream: Stream) -> None:
    """Where partitions stay with their consumer, the commit after the next batch must not cover the abandoned one."""
    tries = 0

    def fail(records: Sequence[Record]) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            consumer._give_up.set()
            raise Transient("the database is away")

    applied = Applied(fail)
    async with stream.consuming(applied, ConsumerPolicy(max_records=10)) as consumer:
        await stream.send(f"v{n}" for n in range(30))
        await eventually(lambda: tries)
        await consumer.on_assigned()
        await eventually(lambda: set(applied.values) == {f"v{n}" for n in range(30)})
        await eventually(lambda: _committed(stream, 30))


async def test_stopping_during_an_outage_commits_nothing_and_ends_soon(stream: Stream) -> None:
    started = asyncio.Event()

    async def apply(records: Sequence[Record]) -> None:
        started.set()
        raise Transient("the database is away")

    await stream.send(["a", "b"])
    async with asyncio.timeout(20), stream.consuming(apply):
        await started.wait()
    assert await stream.committed() == 0
    applied = Applied()
    async with stream.consuming(applied):
        await eventually(lambda: len(applied.values) == 2)


async def test_a_record_of_eight_mebibytes_passes(stream: Stream) -> None:
    applied = Applied()
    await stream.send(["x" * (8 * 1024 * 1024)])
    async with stream.consuming(applied):
        await eventually(lambda: applied.values)
    assert len(applied.values[0]) == 8 * 1024 * 1024


@pytest.mark.parametrize("part", ["_coordinator._coordination_task", "_client._sync_task"])
async def test_a_client_that_dies_inside_is_started_again(stream: Stream, part: str) -> None:
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        assert consumer.subscriber is not None
        client = consumer.subscriber.consumer
        assert client is not None
        attrgetter(part)(client).cancel()
        await eventually(lambda: consumer.dead)
        await eventually(lambda: consumer.ready and not consumer.dead, timeout=20)
        await stream.send(["a", "b", "c"])
        await eventually(lambda: len(applied.values) == 3)


async def test_a_client_that_dies_while_a_fetch_is_to_be_tried_again_is_started_again(stream: Stream) -> None:
    """aiokafka's stop then ends by a cancellation of its own, which must not end the watch: twice, so it lives."""
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        for _ in range(2):
            assert consumer.subscriber is not None
            client = consumer.subscriber.consumer
            assert client is not None
            client._fetcher._pending_tasks.add(asyncio.create_task(asyncio.sleep(3600)))
            client._coordinator._coordination_task.cancel()
            await eventually(lambda: consumer.dead)
            await eventually(lambda: consumer.ready and not consumer.dead, timeout=20)
        await stream.send(["a", "b", "c"])
        await eventually(lambda: len(applied.values) == 3)


async def test_a_dead_client_that_cannot_be_stopped_is_not_read_from(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastStream would go on with it beside the new one, again and again without a pause."""
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        subscriber = consumer.subscriber
        assert subscriber is not None
        client = subscriber.consumer
        assert client is not None
        reading = list(subscriber.tasks)

        async def fail() -> None:
            raise KafkaTimeoutError

        monkeypatch.setattr(client, "stop", fail)
        client._coordinator._coordination_task.cancel()
        await eventually(lambda: subscriber.consumer is not client and consumer.ready, timeout=20)
        assert all(each.done() for each in reading)
        assert not set(reading) & set(subscriber.tasks)
        await stream.send(["a"])
        await eventually(lambda: applied.values)


async def test_a_client_that_reads_on_and_cannot_commit_is_started_again(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for its group's coordinator for ever, is in no group any more, and still gets records."""
    for name, seconds in (("COMMIT_S", 0.5), ("COMMIT_AGAIN_S", 0.5), ("READS_ON_S", 1.0), ("STOP_S", 1.0)):
        monkeypatch.setattr(f"longshore.broker.consumer.{name}", seconds)
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        assert consumer.subscriber is not None
        stuck = consumer.subscriber.consumer
        assert stuck is not None
        await stream.send(["a"])
        await eventually(lambda: _committed(stream, 1))
        await stuck._coordinator._coordinator_lookup_lock.acquire()
        stuck._coordinator.coordinator_dead()
        await stream.send(["b"])
        await eventually(lambda: applied.values == ["a", "b"])
        await eventually(lambda: consumer.subscriber.consumer is not stuck and consumer.ready, timeout=40)
        monkeypatch.undo()
        await eventually(lambda: _committed(stream, 2), interval=0.5)
        await stream.send(["c"])
        await eventually(lambda: _committed(stream, 3), interval=0.5)
    assert set(applied.values) == {"a", "b", "c"}


async def test_a_client_that_waits_for_ever_for_its_partitions_is_started_again(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heart beats, its tasks live, and it neither joins its group again nor stops when it is told to."""
    monkeypatch.setattr("longshore.broker.consumer.UNASSIGNED_S", 0.5)
    monkeypatch.setattr("longshore.broker.consumer.STOP_S", 0.5)
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        assert consumer.subscriber is not None
        stuck = consumer.subscriber.consumer
        assert stuck is not None
        coordinator = stuck._coordinator
        joined = asyncio.Event()

        async def never_join(*_: object) -> None:
            joined.set()
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(3600)
                if consumer.subscriber is not None and consumer.subscriber.consumer is not stuck:
                    return

        monkeypatch.setattr(coordinator, "_stop_heartbeat_task", never_join)
        coordinator.request_rejoin()
        await joined.wait()
        assert not consumer.ready
        await eventually(lambda: consumer.ready and not consumer.dead, timeout=40)
        await stream.send(["a", "b", "c"])
        await eventually(lambda: len(applied.values) == 3)
        assert coordinator._heartbeat_task.done()


async def test_a_client_that_cannot_be_started_is_tried_again(
    stream: Stream, infra: RunningInfra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka hangs (answers nothing), then is away (refuses), while a dead client is to be replaced."""
    monkeypatch.setattr("longshore.broker.consumer.START_S", 1.0)
    monkeypatch.setattr("longshore.broker.consumer.STOP_S", 1.0)
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        subscriber = consumer.subscriber
        assert subscriber is not None
        clients = {id(subscriber.consumer): subscriber.consumer}

        async def tried(times: int) -> bool:
            """Each try has a client of its own."""
            if subscriber.consumer is not None:
                clients[id(subscriber.consumer)] = subscriber.consumer
            return len(clients) > times

        await asyncio.to_thread(infra.signal, signal.SIGSTOP, "kafka")
        try:
            assert subscriber.consumer is not None
            subscriber.consumer._coordinator._coordination_task.cancel()
            await eventually(lambda: tried(1), timeout=60)
        finally:
            await asyncio.to_thread(infra.hold, "kafka")
        try:
            known = len(clients)
            await eventually(lambda: tried(known), timeout=60)
        finally:
            await asyncio.to_thread(infra.release, "kafka")
        monkeypatch.undo()
        await eventually(lambda: consumer.ready and not consumer.dead, timeout=60)
        await eventually(lambda: _sent(stream, ["a", "b", "c"]), timeout=20)
        await eventually(lambda: set(applied.values) == {"a", "b", "c"}, timeout=20)


async def test_a_group_that_lets_nobody_in_yet_does_not_hold_up_the_others(stream: Stream) -> None:
    """As after a kill: in each group Kafka waits ten seconds for the member that is gone."""
    applied = Applied()
    broker = make_broker(stream.bootstrap_servers, producer=stream.producer, prefix=stream.prefix)
    names = ("waiting", "open")
    waiting, other = (subscribe(broker, topics=[TOPIC], group=name, apply=applied) for name in names)
    async with killed_member(stream, "waiting"):
        starting = asyncio.create_task(broker.start())
        try:
            await eventually(lambda: other.ready, timeout=20)
            assert not waiting.ready
            await stream.send(["a"])
            await eventually(lambda: applied.values == ["a"], timeout=20)
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await broker.stop()


async def test_a_start_that_takes_too_long_is_given_up_and_leaves_nothing_behind(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enough to reach the group, which lets nobody in for much longer.
    monkeypatch.setattr("longshore.broker.consumer.START_S", 3.0)
    applied = Applied()
    broker = make_broker(stream.bootstrap_servers, producer=stream.producer, prefix=stream.prefix)
    consumer = subscribe(broker, topics=[TOPIC], group=GROUP, apply=applied)
    try:
        async with killed_member(stream, GROUP):
            with pytest.raises(TimeoutError):
                await broker.start()
            assert consumer.subscriber is not None
            given_up = consumer.subscriber.consumer
            assert given_up is not None
            # Alive it would get partitions in the end, and not read them.
            assert given_up._closed
            assert given_up._coordinator._coordination_task.done()
        await broker.stop()
        monkeypatch.undo()
        await broker.start()
        await stream.send(["a"])
        await eventually(lambda: applied.values == ["a"], timeout=20)
    finally:
        await broker.stop()


@contextlib.asynccontextmanager
async def killed_member(stream: Stream, group: str) -> AsyncIterator[None]:
    """A member of a group that is not heard of any more, but not missed for a minute; at the end it leaves."""
    member = AIOKafkaConsumer(
        bootstrap_servers=stream.bootstrap_servers,
        group_id=stream.prefix + group,
        session_timeout_ms=60_000,
        rebalance_timeout_ms=60_000,
    )
    member.subscribe([stream.prefix + TOPIC])
    await member.start()
    coordinator = member._coordinator
    await end(coordinator._coordination_task, coordinator._heartbeat_task)
    try:
        yield
    finally:
        await coordinator._maybe_leave_group()
        await discard(member)


async def test_kafka_killed_under_a_consumer_loses_nothing(stream: Stream, infra: RunningInfra) -> None:
    applied = Applied()
    async with stream.consuming(applied):
        await stream.send(f"v{n}" for n in range(300))
        await eventually(lambda: applied.values)
        await asyncio.to_thread(infra.kill_and_wait, "kafka")
        await stream.producer.wait_connected()
        await eventually(lambda: _sent(stream, [f"w{n}" for n in range(300)]), timeout=20)
        wanted = {f"{letter}{n}" for letter in "vw" for n in range(300)}
        await eventually(lambda: set(applied.values) == wanted, timeout=30)


async def _sent(stream: Stream, values: list[str]) -> bool:
    try:
        await stream.send(values)
    except BrokerUnavailable:
        return False
    return True


async def test_kill_9_in_the_middle_of_batches_loses_none(
    stream: Stream, database_url: str, forks: ForkServer, tmp_path: Path
) -> None:
    """A process commits to PostgreSQL, then is killed, over and over; the next one goes on."""
    engine = create_async_engine(database_url)
    async with engine.begin() as conn:
        await conn.execute(text("CREATE TABLE seen (value text NOT NULL)"))

    async def count() -> int:
        async with engine.connect() as conn:
            return int(await conn.scalar(text("SELECT count(DISTINCT value) FROM seen")) or 0)

    await stream.send(f"v{n}" for n in range(1500))
    program = str(Path(__file__).with_name("consuming_process.py"))
    arguments = (program, stream.bootstrap_servers, stream.prefix, database_url, TOPIC, GROUP)
    spec = ProcessSpec("consuming", (sys.executable, *arguments), log_file=tmp_path / "log")
    done = 0
    for goal in (200, 500, 1500):
        process = await forks.spawn(spec)
        try:
            done = await eventually(partial(_reached, count, goal), timeout=40, interval=0.01)
        finally:
            kill_group(process.pid)
            await process.wait()
    assert done == 1500
    async with engine.connect() as conn:
        total = int(await conn.scalar(text("SELECT count(*) FROM seen")) or 0)
    await engine.dispose()
    # At least once: what was applied but not committed came again.
    assert total >= 1500


async def _reached(count: Callable[[], Awaitable[int]], goal: int) -> int:
    now = await count()
    return now if now >= goal else 0


async def test_a_client_that_hears_nothing_is_started_again(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longshore.broker.consumer.SILENT_S", 2.0)
    applied = Applied()
    async with stream.consuming(applied) as consumer:
        await stream.send(["a"])
        await eventually(lambda: applied.values)
        assert consumer.subscriber is not None
        client = consumer.subscriber.consumer
        assert client is not None
        # It fetches no more, with all its tasks alive, as it was seen to do after a broker that hung.
        client.pause(*client.assignment())
        monkeypatch.setattr(client, "resume", lambda *_: None)
        await stream.send(["b"])
        await eventually(lambda: len(applied.values) == 2, timeout=20)
        assert consumer.subscriber.consumer is not client
