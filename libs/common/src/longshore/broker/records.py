"""What goes over the stream: a `Message` to send, a `Record` that was read, and their CloudEvents headers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeVar, overload
from uuid import UUID

from longshore.ids import uuid7

ORG_ID_HEADER = "longshore-org-id"
INTEGRATION_ID_HEADER = "longshore-integration-id"
TRACEPARENT_HEADER = "traceparent"

D = TypeVar("D")

Headers = dict[str, str]
EncodedHeaders = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Message:
    """Something to send. `topic` is the logical name, without the installation's prefix."""

    topic: str
    key: str
    value: bytes
    headers: Headers = field(default_factory=dict)


class EncodedMessage(NamedTuple):
    """A `Message` as Kafka takes it."""

    topic: str
    key: bytes
    value: bytes
    headers: EncodedHeaders

    @classmethod
    def of(cls, message: Message) -> EncodedMessage:
        """Key and headers encoded."""
        return cls(message.topic, to_bytes(message.key), message.value, encode_headers(message.headers))


class RecordHeaders(Mapping[str, str]):
    """The headers of a record that was read. Each is decoded when it is asked for: a delivery has eighteen, and a
    consumer looks at a few."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Iterable[tuple[str, bytes | None]]) -> None:
        self._raw = dict(raw)

    def __getitem__(self, name: str) -> str:
        return to_text(self._raw[name] or b"")

    def __contains__(self, name: object) -> bool:
        return name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | D) -> str | D: ...
    def get(self, name: str, /, default: D | str | None = None) -> D | str | None:
        """Mapping's, without its exception: most of what is asked for is not there."""
        return to_text(self._raw[name] or b"") if name in self._raw else default

    def __repr__(self) -> str:
        return repr(dict(self))


@dataclass(frozen=True, slots=True)
class Record:
    """Something read. `topic` is the logical name, without the installation's prefix.

    Text that is not UTF-8 is kept with surrogate escapes: it can be sent on byte for byte, but not be
    stored as text.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: str | None
    value: bytes
    headers: Mapping[str, str]

    @property
    def timestamp(self) -> datetime:
        """When the record was produced, aware UTC."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)

    @property
    def org_id(self) -> UUID:
        """The organisation, from the headers. Raises KeyError or ValueError: such a record is poison."""
        return _uuid(self.headers[ORG_ID_HEADER])

    @property
    def integration_id(self) -> UUID:
        """The integration, from the headers. Raises KeyError or ValueError: such a record is poison."""
        return _uuid(self.headers[INTEGRATION_ID_HEADER])


@lru_cache(maxsize=4096)
def _uuid(text: str) -> UUID:
    """Of a few organisations and stores."""
    return UUID(text)


def cloudevent_headers(
    *,
    type: str,
    source: str,
    subject: str,
    id: str | None = None,
    time: datetime | None = None,
    org_id: UUID | None = None,
    integration_id: UUID | None = None,
    traceparent: str | None = None,
    content_type: str = "application/json",
) -> Headers:
    """Headers of a CloudEvents 1.0 event in Kafka's binary mode, with ours and the trace's beside them.

    `id` defaults to a new UUIDv7, `time` (aware) to now.
    """
    headers = {
        "ce_specversion": "1.0",
        "ce_id": id or str(uuid7()),
        "ce_source": source,
        "ce_type": type,
        "ce_time": event_time(datetime.now(UTC) if time is None else time),
        "ce_subject": subject,
        "content-type": content_type,
    }
    if org_id is not None:
        headers[ORG_ID_HEADER] = str(org_id)
    if integration_id is not None:
        headers[INTEGRATION_ID_HEADER] = str(integration_id)
    if traceparent is not None:
        headers[TRACEPARENT_HEADER] = traceparent
    return headers


def event_time(moment: datetime) -> str:
    """An aware time as `ce_time` has it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def newest_per_key(
    records: Iterable[Record], key: Callable[[Record], Hashable] = lambda record: (record.topic, record.key)
) -> Sequence[Record]:
    """The last record of each key, in the order in which those last records came.

    Right for snapshots only (ARCHITECTURE, the stream, rule 3). Records with one key are in one partition, so the
    last read is the last sent.
    """
    newest: dict[Hashable, Record] = {}
    for record in records:
        name = key(record)
        newest.pop(name, None)
        newest[name] = record
    return list(newest.values())


def encode_headers(headers: Headers) -> EncodedHeaders:
    """Headers as Kafka takes them."""
    return [(name, to_bytes(value)) for name, value in headers.items()]


def to_bytes(text: str) -> bytes:
    """The bytes that `to_text` was given."""
    return text.encode("utf-8", "surrogateescape")


def to_text(raw: bytes) -> str:
    """Text of a key or header; never raises, and loses nothing."""
    return raw.decode("utf-8", "surrogateescape")
