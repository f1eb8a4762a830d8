"""The topics of the stream, and how each is kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IllegalArgumentError,
    InvalidTopicError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

log = structlog.get_logger(__name__)

DAY_MS = 24 * 60 * 60 * 1000
FOREVER = -1

# A delivery may be 8 MiB (gateway); its dead letter adds headers to that.
MAX_MESSAGE_BYTES = 12 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic by its logical name. `retention_ms` -1 keeps records for ever."""

    name: str
    retention_ms: int = 7 * DAY_MS

    def __str__(self) -> str:
        return self.name


def RAW(platform: str) -> TopicSpec:  # noqa: N802  (reads as the constants beside it)
    """Exact bytes of all that a platform told us; the record that everything can be rebuilt from."""
    return TopicSpec(f"raw.{platform}", FOREVER)


def COMMANDS(platform: str) -> TopicSpec:  # noqa: N802
    """What we ask of a platform's stores; keyed by integration."""
    return TopicSpec(f"commands.{platform}")


COMMERCE_ORDERS = TopicSpec("commerce.orders")
COMMERCE_PRODUCTS = TopicSpec("commerce.products")
COMMERCE_STOCK = TopicSpec("commerce.stock")
COMMERCE_CUSTOMERS = TopicSpec("commerce.customers")
ORDERS_EVENTS = TopicSpec("orders.events", FOREVER)
INVENTORY_EVENTS = TopicSpec("inventory.events", FOREVER)
INTEGRATIONS_EVENTS = TopicSpec("integrations.events")
COMMANDS_OUTCOMES = TopicSpec("commands.outcomes")

DLQ_SUFFIX = ".dlq"

_HOPELESS = (
    IllegalArgumentError,
    InvalidTopicError,
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)


def dlq_of(topic: TopicSpec | str) -> str:
    """The dead letters of a topic; a dead letter that dies again stays where it is."""
    name = str(topic)
    return name if name.endswith(DLQ_SUFFIX) else name + DLQ_SUFFIX


def spec_of(topic: TopicSpec | str) -> TopicSpec:
    """The specification behind a logical name: raw logs and decision events are kept for ever."""
    if isinstance(topic, TopicSpec):
        return topic
    base = topic.removesuffix(DLQ_SUFFIX)
    forever = base.startswith("raw.") or base in {ORDERS_EVENTS.name, INVENTORY_EVENTS.name}
    return TopicSpec(topic, FOREVER) if forever else TopicSpec(topic)


async def ensure_topics(
    bootstrap_servers: str,
    prefix: str,
    topics: Iterable[TopicSpec | str],
    partitions: int = 4,
    *,
    replication: int = -1,
) -> None:
    """Create what is missing of `topics` and of their dead letters; waits until Kafka answers.

    Existing topics are left as they are. `replication` -1 is the cluster's default. Several processes may
    do this at once. Cancel it to give up.
    """
    wanted = _with_dead_letters(topics)
    delay = 0.2
    while True:
        try:
            await _create_missing(bootstrap_servers, prefix, wanted, partitions, replication)
        except _HOPELESS:
            raise
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("topics are not there yet", error=type(error).__name__, retry_in_s=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)
        else:
            return


def _with_dead_letters(topics: Iterable[TopicSpec | str]) -> list[TopicSpec]:
    wanted: dict[str, TopicSpec] = {}
    for topic in topics:
        spec = spec_of(topic)
        wanted[spec.name] = spec
        # A dead letter waits for a person, as long as the topic itself is kept at least.
        dead = dlq_of(spec)
        retention = FOREVER if spec.retention_ms == FOREVER else max(spec.retention_ms, 30 * DAY_MS)
        wanted.setdefault(dead, TopicSpec(dead, retention))
    return list(wanted.values())


async def _create_missing(
    bootstrap_servers: str, prefix: str, wanted: list[TopicSpec], partitions: int, replication: int
) -> None:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap_servers, client_id="longshore-topics", request_timeout_ms=10_000
    )
    try:
        await admin.start()
        present = set(await admin.list_topics())
        missing = [spec for spec in wanted if prefix + spec.name not in present]
        if not missing:
            return
        answer = await admin.create_topics([_new_topic(prefix, spec, partitions, replication) for spec in missing])
        for topic, code, *_ in answer.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise error(f"cannot create topic {topic}")
    finally:
        with contextlib.suppress(KafkaError, OSError):
            await admin.close()


def _new_topic(prefix: str, spec: TopicSpec, partitions: int, replication: int) -> NewTopic:
    topic = NewTopic(
        prefix + spec.name,
        # Few die, so one partition is enough, and a list of dead letters has one order.
        1 if spec.name.endswith(DLQ_SUFFIX) else partitions,
        1,
        topic_configs={
            "retention.ms": str(spec.retention_ms),
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        },
    )
    # aiokafka's constructor refuses -1, the cluster's default, which its protocol knows (KIP-464).
    topic.replication_factor = replication
    return topic
