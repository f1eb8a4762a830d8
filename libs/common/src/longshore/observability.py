"""Logs as JSON lines without secrets, and traces across HTTP and Kafka."""

from __future__ import annotations

import logging
import re
import secrets
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import IO, Any

import structlog
from aiokafka.errors import KafkaError

from longshore.broker.errors import describe, stack_of
from longshore.redaction import redact, scrub

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_traceparent: ContextVar[str | None] = ContextVar("longshore_traceparent", default=None)

# What these say below a warning is of use to their authors only.
_QUIET = ("aiokafka", "faststream", "sqlalchemy", "alembic", "asyncio", "httpx", "httpcore", "uvicorn", "pgqueuer")

# Messages of these hold no values: they speak of code, sockets and brokers.
_SPEAKING = (OSError, KafkaError, TypeError, AttributeError, NameError, ImportError, NotImplementedError)


def configure_logging(level: str = "info", service: str = "", stream: IO[str] | None = None) -> None:
    """Write all logs, those of libraries too, as JSON lines to `stream` (stdout)."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _Context(service),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.addFilter(_NoRepeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redaction_processor,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").disabled = True


def redaction_processor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last processor before rendering: nothing secret passes, in no key, text or traceback."""
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["error"] = describe(error)
        event["stack"] = stack_of(error)
        if message := safe_message(error):
            event["message"] = message
    # Ours: `logger` and the like are names in our code, and `event` is a sentence in it.
    return redact(event)


def safe_message(error: BaseException) -> str:
    """The message of an exception where it is known to hold no values: ours, and those about code and sockets."""
    if type(error).__module__.startswith("longshore") or isinstance(error, _SPEAKING):
        return scrub(str(error))
    return ""


def new_traceparent() -> str:
    """A W3C traceparent that begins a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child_traceparent(parent: str | None) -> str:
    """A span below `parent`; a new trace when that is missing or malformed."""
    if parent is None or not _TRACEPARENT.fullmatch(parent):
        return new_traceparent()
    return f"{parent[:36]}{secrets.token_hex(8)}{parent[52:]}"


def current_traceparent() -> str | None:
    """The trace that this code runs in: put it into the headers of what is sent."""
    return _traceparent.get()


@contextmanager
def use_traceparent(parent: str | None) -> Iterator[str]:
    """Run a block as a child of `parent` (a request's or record's header), or as a new trace."""
    traceparent = child_traceparent(parent)
    token = _traceparent.set(traceparent)
    try:
        yield traceparent
    finally:
        _traceparent.reset(token)


class _Context:
    """Adds the service and the trace."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if self._service:
            event.setdefault("service", self._service)
        if (traceparent := _traceparent.get()) is not None:
            event.setdefault("trace_id", traceparent[3:35])
        return event


class _NoRepeats(logging.Filter):
    """Lets a library say one thing once in five seconds: aiokafka speaks ten times a second while Kafka is away."""

    def __init__(self, interval_s: float = 5.0) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_QUIET):
            return True
        if len(self._said) > 1_000:
            self._said.clear()
        now = time.monotonic()
        said = (record.name, str(record.msg))
        if now - self._said.get(said, -self._interval_s) < self._interval_s:
            return False
        self._said[said] = now
        return True


def _error_of(info: Any) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        parts: tuple[type[BaseException] | None, BaseException | None, TracebackType | None] = info
        return parts[1]
    return sys.exc_info()[1] if info else None
