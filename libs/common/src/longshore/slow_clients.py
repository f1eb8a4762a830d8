"""Hangs up on those who hold a connection and do not go on: a request that never arrives, an answer that nobody reads.

uvicorn has a limit for idle connections between requests only. Looked at once a second from outside, so that no request
pays for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for the head of a request to arrive, for its body, for what was sent to be read."""

    head: float = 20.0
    body: float = 60.0
    answer: float = 60.0


class SlowClients:
    """Remembers since when each connection has been waiting for its client."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        # The connection, what it waits for (of which request), and since when.
        self._waiting: dict[Any, tuple[str, int, float]] = {}

    def sweep(self, connections: Iterable[Any], now: float) -> int:
        """Hang up on whoever has waited too long; answers how many those were. `connections` are uvicorn's protocols,
        `now` any clock in seconds."""
        waiting: dict[Any, tuple[str, int, float]] = {}
        ended = 0
        for connection in list(connections):
            wait = _waits_for(connection)
            if wait is None:
                continue
            what, request = wait
            before = self._waiting.get(connection)
            since = before[2] if before is not None and before[:2] == (what, request) else now
            if now - since >= getattr(self._patience, what):
                connection.transport.abort()
                log.info("hung up on a slow client", waited_for=what)
                ended += 1
            else:
                waiting[connection] = (what, request, since)
        self._waiting = waiting
        return ended


def _waits_for(connection: Any) -> tuple[str, int] | None:
    """What is due from the client, and of which request; None when it is our turn, or nothing has begun."""
    cycle, transport = connection.cycle, connection.transport
    if transport is None or transport.is_closing():
        return None
    if cycle is None or cycle.response_complete:
        # Between two requests uvicorn's own limit counts, until the first byte of the next.
        return ("head", id(cycle)) if connection.timeout_keep_alive_task is None else None
    if cycle.more_body and not cycle.response_started:
        return "body", id(cycle)
    if cycle.response_started and transport.get_write_buffer_size() > 0:
        return "answer", id(cycle)
    return None
