"""A dead letter as a row, and back to the message that it was. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

from longshore import ids
from longshore.broker import INTEGRATION_ID_HEADER, ORG_ID_HEADER, Message, Record
from longshore.broker.deadletters import ERROR, FAILED_AT, GROUP, HEADERS, OFFSET, PARTITION, REASON, STACK, TOPIC
from longshore.broker.records import to_bytes, to_text

SHOWN_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that died: where it lay, who could not apply it, why, and what it was, byte for byte."""

    id: UUID
    org_id: UUID | None
    integration_id: UUID | None
    topic: str
    partition: int
    offset: int
    consumer_group: str
    reason: str
    error: str
    stack: str
    key: bytes
    value: bytes
    headers: bytes
    failed_at: datetime
    replayed_at: datetime | None = None


def read_letter(record: Record) -> DeadLetter:
    """The dead letter in a record of `<topic>.dlq`. Never raises: what is missing is filled in.

    Its id is that of the record that died and of the group that could not apply it: sent twice, it is one.
    """
    headers = record.headers
    topic = _shown(headers.get(TOPIC) or record.topic.removesuffix(".dlq"))
    partition = _number(headers.get(PARTITION), record.partition)
    offset = _number(headers.get(OFFSET), record.offset)
    group = _shown(headers.get(GROUP, ""))
    kept = {name: value for name, value in headers.items() if name not in HEADERS}
    return DeadLetter(
        id=uuid5(ids.NAMESPACE, f"dead-letter:{group}:{topic}:{partition}:{offset}"),
        org_id=_uuid(headers.get(ORG_ID_HEADER)),
        integration_id=_uuid(headers.get(INTEGRATION_ID_HEADER)),
        topic=topic,
        partition=partition,
        offset=offset,
        consumer_group=group,
        reason=_shown(headers.get(REASON, "")),
        error=_shown(headers.get(ERROR, "")),
        stack=_shown(headers.get(STACK, "")),
        key=to_bytes(record.key or ""),
        value=record.value,
        headers=json.dumps(kept).encode(),
        failed_at=_moment(headers.get(FAILED_AT)) or record.timestamp,
    )


def revive(letter: DeadLetter) -> Message:
    """The message that died, as it was."""
    headers: dict[str, str] = json.loads(letter.headers)
    return Message(letter.topic, to_text(letter.key), letter.value, headers)


def _shown(text: str) -> str:
    """Text that PostgreSQL can keep."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _number(text: str | None, otherwise: int) -> int:
    try:
        return int(text or "")
    except ValueError:
        return otherwise


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
