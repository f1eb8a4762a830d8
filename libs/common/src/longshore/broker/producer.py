"""Sending: acknowledged by all replicas, idempotent, without linger (but see `Producer.offer`).

aiokafka retries an idempotent batch for ever, and numbers it when it is taken for sending. So once a batch has
failed for good, every later one of that partition is refused as out of order: the client is then thrown away and
replaced. It is replaced as well when nothing has been acknowledged for `delivery_timeout_s`, which bounds how stale
a late write can be.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.metadata import MetadataRequest

from longshore.broker.errors import BrokerUnavailable, MessageTooLarge
from longshore.broker.gathering import Done, Gathering, Offer
from longshore.broker.metrics import StreamMetrics
from longshore.broker.partitioning import KeyPartitioner
from longshore.broker.records import EncodedMessage, Message

log = structlog.get_logger(__name__)

MAX_REQUEST_SIZE = 10 * 1024 * 1024
MAX_BATCH_SIZE = 1024 * 1024
SEND_S = 3.0
"""Of a message that somebody waits for."""
_NOT_REACHED = "Kafka has not been reached."
_TOO_MANY = "Too many messages wait for Kafka."

Futures = list[asyncio.Future[Any]]


class Producer:
    """A producer that outlives Kafka's outages.

    `start` returns at once and connects in the background; until then, and while Kafka is away, `send` raises
    `BrokerUnavailable`, also when more than `max_in_flight` messages wait.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        prefix: str = "",
        client_id: str = "longshore",
        *,
        metrics: StreamMetrics | None = None,
        max_in_flight: int = 20_000,
        request_timeout_s: float = 10.0,
        delivery_timeout_s: float = 30.0,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._prefix = prefix
        self._client_id = client_id
        self._metrics = metrics or StreamMetrics()
        self._max_in_flight = max_in_flight
        self._request_timeout_ms = int(request_timeout_s * 1000)
        self._delivery_timeout_s = delivery_timeout_s
        self._client: AIOKafkaProducer | None = None
        self._in_flight = 0
        # When the first of the sends was made that have had no acknowledgement since, on the monotonic clock.
        self._silent_since: float | None = None
        self._replace = asyncio.Event()
        self._connected = asyncio.Event()
        self._deadlines = _Deadlines()
        self._gathering = Gathering(self._send_gathered)
        self._keeper: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._names: dict[str, str] = {}

    async def start(self) -> None:
        """Begin to connect; does not wait for Kafka."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_connected(), name="producer")
            self._watcher = asyncio.create_task(self._deadlines.watch(), name="producer's deadlines")

    async def stop(self, timeout_s: float = 3.0) -> None:
        """Let what is under way be acknowledged, for at most `timeout_s`, and disconnect."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        await self._gathering.close(timeout_s)
        client, self._client = self._client, None
        self._connected.clear()
        if client is not None:
            await _close(client, timeout_s)
        # Last: whoever still waits has a deadline until then.
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def connected(self) -> bool:
        """Whether there is a client that has reached Kafka and has not been found broken since."""
        return self._client is not None

    @property
    def in_flight(self) -> int:
        """Messages whose senders wait for their acknowledgement."""
        return self._in_flight

    async def wait_connected(self) -> None:
        """Return as soon as Kafka has been reached."""
        await self._connected.wait()

    async def ping(self, timeout_s: float = 2.0) -> bool:
        """Whether Kafka answers now."""
        client = self._client
        if client is None:
            return False
        try:
            async with asyncio.timeout(timeout_s):
                node = client.client.get_random_node()
                if node is None:
                    return False
                # Of no topic: all of them would cost each idle process 3 ms every time.
                await client.client.send(node, MetadataRequest([]))
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    async def send(self, message: Message, deadline_s: float | None = SEND_S) -> None:
        """Send one message and wait until all replicas have it.

        Raises BrokerUnavailable after `deadline_s` (None: after the delivery time-out) and MessageTooLarge. After
        a failure the message may have been written all the same.
        """
        await self.send_encoded(EncodedMessage.of(message), deadline_s)

    async def send_encoded(self, message: EncodedMessage, deadline_s: float | None = SEND_S) -> None:
        """The same for who has key and headers as bytes."""
        topic, key, value, headers = message

        async def enqueue(client: AIOKafkaProducer, futures: Futures) -> None:
            futures.append(await client.send(self._name(topic), value=value, key=key, headers=headers))

        await self._send(enqueue, 1, deadline_s)

    def offer(self, message: EncodedMessage, done: Done) -> None:
        """Send one message together with others that are offered about now; no task waits for it: the hot route.

        `done` hears what became of it: None, or what `send` would have raised. Others are waited for, a quarter of a
        second at most, and then Kafka, `SEND_S`. Raises BrokerUnavailable at once, and `done` hears nothing, where it
        is clear that it cannot be sent.
        """
        if self._client is None:
            raise BrokerUnavailable(_NOT_REACHED)
        if self._in_flight + len(self._gathering) >= self._max_in_flight:
            raise BrokerUnavailable(_TOO_MANY)
        self._gathering.add(message, done)

    async def _send_gathered(self, offers: Sequence[Offer]) -> None:
        waiting: dict[int, Done] = {number: done for number, (_, done) in enumerate(offers)}

        def on_batch(numbers: Sequence[int], future: asyncio.Future[Any]) -> None:
            # One partition that hangs does not hold up those of the others.
            if not future.cancelled() and future.exception() is None:
                for number in numbers:
                    if (done := waiting.pop(number, None)) is not None:
                        done(None)

        messages = [message for message, _ in offers]
        failure: Exception | None = BrokerUnavailable("The connection to Kafka was closed.")
        try:
            await self._send(
                lambda client, futures: self._enqueue(client, messages, futures, on_batch), len(messages), SEND_S
            )
            failure = None
        except Exception as error:
            failure = error
        finally:
            # Batches' callbacks may come after this, and find nobody.
            while waiting:
                waiting.popitem()[1](failure)

    async def send_many(self, messages: Sequence[Message], deadline_s: float | None = None) -> None:
        """Send all, in order, and wait until all replicas have them all; else raise as `send` does.

        After a failure any part of them may have been written: send all of them again.
        """
        if messages:
            await self._send(
                lambda client, futures: self._enqueue(client, map(EncodedMessage.of, messages), futures),
                len(messages),
                deadline_s,
            )

    async def _send(
        self,
        enqueue: Callable[[AIOKafkaProducer, Futures], Awaitable[None]],
        count: int,
        deadline_s: float | None,
    ) -> None:
        client = self._client
        if client is None:
            raise BrokerUnavailable(_NOT_REACHED)
        if self._in_flight and self._in_flight + count > self._max_in_flight:
            raise BrokerUnavailable(_TOO_MANY)
        started = time.monotonic()
        if self._silent_since is None:
            self._silent_since = started
        self._in_flight += count
        wait = self._deadlines.begin(deadline_s, started, client)
        try:
            await self._deliver(client, enqueue)
            now = time.monotonic()
            self._silent_since = None if self._in_flight == count else now
            self._metrics.produce_seconds.observe(now - started)
        except asyncio.CancelledError as error:
            if not self._deadlines.expired(wait):
                raise
            self._metrics.produce_failures.inc(count)
            raise BrokerUnavailable("Kafka has not acknowledged in time.") from error
        except BrokerUnavailable:
            self._metrics.produce_failures.inc(count)
            raise
        finally:
            self._in_flight -= count
            self._deadlines.end(wait)

    async def _enqueue(
        self,
        client: AIOKafkaProducer,
        messages: Iterable[EncodedMessage],
        futures: Futures,
        on_batch: Callable[[Sequence[int], asyncio.Future[Any]], None] | None = None,
    ) -> None:
        """Build a batch for each partition and hand it over whole: a future for each batch, not for each message.

        `on_batch` hears which messages (by their place in the list) were in a batch that is done with."""
        batches: dict[tuple[str, int], tuple[BatchBuilder, list[int]]] = {}
        known: set[str] = set()

        async def hand_over(place: tuple[str, int]) -> None:
            batch, numbers = batches[place]
            future = await client.send_batch(batch, place[0], partition=place[1])
            futures.append(future)
            if on_batch is not None:
                future.add_done_callback(partial(on_batch, numbers))

        for number, (logical_topic, key, value, headers) in enumerate(messages):
            topic = self._name(logical_topic)
            if len(value) + len(key) > MAX_REQUEST_SIZE:
                raise MessageSizeTooLargeError(f"{len(value)} bytes")
            if topic not in known:
                await client.client._wait_on_metadata(topic)
                known.add(topic)
            place = topic, client._partition(topic, None, None, None, key, None)
            record = {"timestamp": None, "key": key, "value": value, "headers": headers}
            if place not in batches:
                batches[place] = client.create_batch(), []
            if batches[place][0].append(**record) is None:
                await hand_over(place)
                batches[place] = client.create_batch(), []
                batches[place][0].append(**record)
            batches[place][1].append(number)
        for place in batches:
            await hand_over(place)

    async def _deliver(
        self, client: AIOKafkaProducer, enqueue: Callable[[AIOKafkaProducer, Futures], Awaitable[None]]
    ) -> None:
        futures: Futures = []
        try:
            await enqueue(client, futures)
        except MessageSizeTooLargeError as error:
            _forget(futures)
            raise MessageTooLarge("A message is larger than Kafka takes.") from error
        except KafkaError as error:
            # Nothing has been numbered for this message yet. But a client whose sender has died never comes back.
            _forget(futures)
            if client._sender.sender_task is None or client._sender.sender_task.done():
                self._discard(client, error)
            raise BrokerUnavailable(f"Kafka does not take messages: {type(error).__name__}.") from error
        try:
            for future in futures:
                await future
        except MessageSizeTooLargeError as error:
            self._discard(client, error)
            raise MessageTooLarge("A message is larger than its topic takes.") from error
        except KafkaError as error:
            self._discard(client, error)
            raise BrokerUnavailable(f"Kafka refused a batch: {type(error).__name__}.") from error
        except asyncio.CancelledError:
            if self._client is not client and not _being_cancelled():
                raise BrokerUnavailable("The connection to Kafka was replaced.") from None
            raise
        finally:
            _forget(futures)

    def _name(self, topic: str) -> str:
        name = self._names.get(topic)
        if name is None:
            name = self._names[topic] = self._prefix + topic
        return name

    def _discard(self, client: AIOKafkaProducer, error: BaseException | None) -> None:
        """Take `client` out of use; the keeper makes a new one."""
        if self._client is client:
            log.warning("the producer is replaced", error=type(error).__name__ if error else "no acknowledgement")
            self._client = None
            self._connected.clear()
            self._replace.set()

    async def _keep_connected(self) -> None:
        delay = 0.2
        while True:
            client = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap_servers,
                client_id=self._client_id,
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                partitioner=KeyPartitioner(),
                max_batch_size=MAX_BATCH_SIZE,
                max_request_size=MAX_REQUEST_SIZE,
                request_timeout_ms=self._request_timeout_ms,
                metadata_max_age_ms=30_000,
            )
            try:
                async with asyncio.timeout(self._request_timeout_ms / 1000):
                    await client.start()
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("Kafka cannot be reached", error=type(error).__name__, retry_in_s=delay)
                await _close(client, 1.0)
                await asyncio.sleep(delay)
                delay = min(delay * 2, 2.0)
                continue
            except asyncio.CancelledError:
                await _close(client, 1.0)
                raise
            delay = 0.2
            self._replace.clear()
            self._silent_since = None
            self._client = client
            self._connected.set()
            try:
                await self._watch(client)
            finally:
                if self._replace.is_set():
                    # Closed before the next one starts: late writes of old messages must not follow new ones.
                    await _close(client, 0)
                    # Closing fails what was handed over. Who waits for a topic's metadata would do so for ever.
                    self._deadlines.expire(client)

    async def _watch(self, client: AIOKafkaProducer) -> None:
        """Return when `client` has to be replaced."""
        while not self._replace.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._replace.wait(), 1.0)
            if client.client._sync_task.done():
                # It knows of no change any more, and who waits for a topic would do so for ever.
                self._discard(client, KafkaError("its metadata are kept no more"))
            since = self._silent_since
            if since is not None and time.monotonic() - since > self._delivery_timeout_s:
                self._discard(client, None)


@dataclass(slots=True, eq=False)
class _Wait:
    """Somebody who waits for `client` until `until` (monotonic; None: for as long as it is in use)."""

    task: asyncio.Task[Any]
    client: AIOKafkaProducer
    cancelling: int
    until: float | None
    expired: bool = False

    def expire(self) -> None:
        self.expired = True
        self.task.cancel()


class _Deadlines:
    """Time-outs of many waits with one timer: `asyncio.timeout` is a timer and a reference cycle for each message,
    which cost 15 us of CPU where a whole webhook costs 100 (measured). They come up to `EVERY_S` late."""

    EVERY_S = 0.1

    def __init__(self) -> None:
        self._waits: set[_Wait] = set()
        self._any = asyncio.Event()

    def begin(self, seconds: float | None, now: float, client: AIOKafkaProducer) -> _Wait:
        """The current task begins to wait for `client`."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (coroutines run in tasks)
        wait = _Wait(task, client, task.cancelling(), None if seconds is None else now + seconds)
        self._waits.add(wait)
        if not self._any.is_set():
            self._any.set()
        return wait

    def end(self, wait: _Wait) -> None:
        """It waits no more."""
        self._waits.discard(wait)

    def expired(self, wait: _Wait) -> bool:
        """Whether a cancellation that the task has caught is ours alone: that of somebody else counts."""
        return wait.expired and wait.task.uncancel() <= wait.cancelling

    async def watch(self) -> None:
        """Cancel those whose time is over; runs until cancelled. Sleeps while nobody waits."""
        while True:
            if not self._waits:
                self._any.clear()
                await self._any.wait()
            await asyncio.sleep(self.EVERY_S)
            now = time.monotonic()
            for wait in [each for each in self._waits if each.until is not None and each.until <= now]:
                self._waits.discard(wait)
                wait.expire()

    def expire(self, client: AIOKafkaProducer) -> None:
        """The time of all who wait for `client` is over: it is out of use."""
        for wait in [each for each in self._waits if each.client is client]:
            self._waits.discard(wait)
            wait.expire()


def _forget(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Nobody waits for these any more: their errors are not to be reported as never retrieved."""
    for future in futures:
        if not future.done():
            future.cancel()
        elif not future.cancelled():
            future.exception()


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _close(client: AIOKafkaProducer, timeout_s: float) -> None:
    """Stop a client, which waits for its unsent batches, for at most `timeout_s`; then cut it off."""
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        if timeout_s:
            async with asyncio.timeout(timeout_s):
                await client.stop()
            return
    # `stop` would wait for batches that will never be acknowledged.
    client._closed = True
    sender = client._sender.sender_task
    with contextlib.suppress(KafkaError, OSError):
        await client.client.close()
    client._message_accumulator.fail_all(KafkaError("the client was closed"))
    if sender is not None and not sender.done():
        sender.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait([sender], timeout=1.0)
