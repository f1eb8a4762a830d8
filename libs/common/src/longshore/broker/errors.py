"""What can go wrong on the stream, and which of it passes by itself."""

from __future__ import annotations

import asyncio
import re
import traceback
from pathlib import PurePath

import asyncpg
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

MAX_STACK = 8_000
_SQLSTATE = re.compile(r"[0-9A-Z]{5}")

# PostgreSQL, appendix A: connection, rollback (serialization, deadlock), resources, operator, system; and lock not
# available, read-only (a failover), prepared statements that a migration made stale.
_TRANSIENT_CLASSES = {"08", "40", "53", "57", "58"}
_TRANSIENT_STATES = {"55P03", "25006", "26000"}
# The same: character not in repertoire, untranslatable character.
_UNKEPT_STATES = {"22021", "22P05"}


class Transient(Exception):
    """It passes by itself: the batch is tried again in place, however long it takes."""


class BrokerUnavailable(Transient):
    """Kafka has not acknowledged in time, or cannot be reached. The message may have been written all the same."""


class MessageTooLarge(ValueError):
    """The message can never be sent: it is larger than the broker takes."""


def is_transient(error: BaseException) -> bool:
    """Whether `error` passes by itself, so that trying again is right and skipping is wrong."""
    if isinstance(error, MessageSizeTooLargeError):
        return False
    if isinstance(error, Transient | KafkaError | PoolTimeout | OSError | TimeoutError | asyncio.TimeoutError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = sqlstate_of(error)
    if state is not None:
        return state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT_STATES
    driver = _driver_error(error)
    # The client's own errors: a lost connection passes; a value that does not fit its column (DataError) never does.
    # InternalClientError is what asyncpg raises when an answer comes on a connection that it has given up.
    if isinstance(driver, asyncpg.exceptions.InternalClientError):
        return True
    return isinstance(driver, asyncpg.InterfaceError) and not isinstance(driver, ValueError)


def is_unkept_text(error: BaseException) -> bool:
    """Whether it is of a text that PostgreSQL does not keep: with NUL, or with half of a surrogate pair."""
    if sqlstate_of(error) in _UNKEPT_STATES:
        return True
    each: BaseException | None = _driver_error(error) or error
    while each is not None and not isinstance(each, UnicodeEncodeError):
        each = each.__cause__
    return each is not None and each.encoding == "utf-8"


def sqlstate_of(error: BaseException) -> str | None:
    """PostgreSQL's five-letter code of a database error, through SQLAlchemy's wrapping."""
    for each in (error, getattr(error, "orig", None)):
        state = getattr(each, "sqlstate", None)
        if isinstance(state, str) and _SQLSTATE.fullmatch(state):
            return state
    return None


def describe(error: BaseException) -> str:
    """What went wrong, without any value: messages of exceptions hold buyers' data."""
    if isinstance(error, ValidationError):
        problems = [
            f"{'.'.join(str(part) for part in each['loc'])}: {each['type']}"
            for each in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        return f"{error.title}: " + "; ".join(problems[:10])
    name = type(error).__name__
    driver = _driver_error(error)
    state = sqlstate_of(error)
    if state is not None:
        constraint = getattr(driver, "constraint_name", None)
        return f"{type(driver or error).__name__} {state}" + (f" {constraint}" if constraint else "")
    if isinstance(error, StatementError) and driver is not None:
        return f"{name}: {type(driver).__name__}"
    return name


def stack_of(error: BaseException) -> str:
    """The frames of `error` and of its causes, innermost last, without any value."""
    lines: list[str] = []
    current: BaseException | None = error
    while current is not None and len(lines) < 200:
        frames = [
            f"  {_short(frame.filename)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        lines = [type(current).__name__, *frames[-30:], *lines]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(lines)[:MAX_STACK]


def _driver_error(error: BaseException) -> BaseException | None:
    """asyncpg's own error behind SQLAlchemy's, which wraps it twice."""
    orig: BaseException | None = getattr(error, "orig", None)
    if orig is not None:
        return orig.__cause__ or orig
    ours: bool = isinstance(
        error, asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.exceptions.InternalClientError
    )
    return error if ours else None


def _short(filename: str) -> str:
    """A path without what is particular to this machine."""
    parts = PurePath(filename).parts
    for anchor in ("site-packages", "src"):
        if anchor in parts:
            return "/".join(parts[parts.index(anchor) + 1 :])
    return "/".join(parts[-2:])
