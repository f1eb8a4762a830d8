"""Dead letters: the record as it was, with what went wrong beside it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from longshore.broker.errors import stack_of
from longshore.broker.policy import Rejected
from longshore.broker.records import Message, Record
from longshore.broker.topics import dlq_of

REASON = "dlq-reason"
ERROR = "dlq-error"
STACK = "dlq-stack"
TOPIC = "dlq-topic"
PARTITION = "dlq-partition"
OFFSET = "dlq-offset"
GROUP = "dlq-group"
FAILED_AT = "dlq-failed-at"

HEADERS = (REASON, ERROR, STACK, TOPIC, PARTITION, OFFSET, GROUP, FAILED_AT)

MAX_REASON = 1_000


def dead_letter(poison: Rejected, group: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Message:
    """The message for `<topic>.dlq`: the same key, bytes and headers, and ours that say why."""
    record = poison.record
    return Message(
        topic=dlq_of(record.topic),
        key=record.key or "",
        value=record.value,
        headers={
            **record.headers,
            REASON: poison.reason[:MAX_REASON],
            ERROR: type(poison.error).__name__ if poison.error is not None else "",
            STACK: stack_of(poison.error) if poison.error is not None else "",
            TOPIC: record.topic,
            PARTITION: str(record.partition),
            OFFSET: str(record.offset),
            GROUP: group,
            FAILED_AT: now().isoformat(),
        },
    )


def revived(letter: Record) -> Message:
    """A dead letter as the message that it was, for its own topic. Raises KeyError if it is no dead letter."""
    return Message(
        topic=letter.headers[TOPIC],
        key=letter.key or "",
        value=letter.value,
        headers={name: value for name, value in letter.headers.items() if name not in HEADERS},
    )
