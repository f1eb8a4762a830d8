"""The stream: sending, consuming in batches with three fates, topics, dead letters, metrics."""

from longshore.broker import lines
from longshore.broker.batches import Apply, Outcome
from longshore.broker.consumer import Consumer
from longshore.broker.deadletters import dead_letter, revived
from longshore.broker.errors import (
    BrokerUnavailable,
    MessageTooLarge,
    Transient,
    describe,
    is_transient,
    stack_of,
)
from longshore.broker.metrics import StreamMetrics
from longshore.broker.policy import NOBODY_WAITS, ConsumerPolicy, PoisonGuard, Rejected
from longshore.broker.producer import Producer
from longshore.broker.reading import read_contracts
from longshore.broker.records import (
    INTEGRATION_ID_HEADER,
    ORG_ID_HEADER,
    TRACEPARENT_HEADER,
    EncodedHeaders,
    EncodedMessage,
    Headers,
    Message,
    Record,
    cloudevent_headers,
    encode_headers,
    newest_per_key,
)
from longshore.broker.subscriptions import LongshoreBroker, make_broker, subscribe
from longshore.broker.topics import (
    COMMANDS,
    COMMANDS_OUTCOMES,
    COMMERCE_CUSTOMERS,
    COMMERCE_ORDERS,
    COMMERCE_PRODUCTS,
    COMMERCE_STOCK,
    INTEGRATIONS_EVENTS,
    INVENTORY_EVENTS,
    ORDERS_EVENTS,
    RAW,
    TopicSpec,
    dlq_of,
    ensure_topics,
)

lines.use()

__all__ = [
    "COMMANDS",
    "COMMANDS_OUTCOMES",
    "COMMERCE_CUSTOMERS",
    "COMMERCE_ORDERS",
    "COMMERCE_PRODUCTS",
    "COMMERCE_STOCK",
    "INTEGRATIONS_EVENTS",
    "INTEGRATION_ID_HEADER",
    "INVENTORY_EVENTS",
    "NOBODY_WAITS",
    "ORDERS_EVENTS",
    "ORG_ID_HEADER",
    "RAW",
    "TRACEPARENT_HEADER",
    "Apply",
    "BrokerUnavailable",
    "Consumer",
    "ConsumerPolicy",
    "EncodedHeaders",
    "EncodedMessage",
    "Headers",
    "LongshoreBroker",
    "Message",
    "MessageTooLarge",
    "Outcome",
    "PoisonGuard",
    "Producer",
    "Record",
    "Rejected",
    "StreamMetrics",
    "TopicSpec",
    "Transient",
    "cloudevent_headers",
    "dead_letter",
    "describe",
    "dlq_of",
    "encode_headers",
    "ensure_topics",
    "is_transient",
    "make_broker",
    "newest_per_key",
    "read_contracts",
    "revived",
    "stack_of",
    "subscribe",
]
