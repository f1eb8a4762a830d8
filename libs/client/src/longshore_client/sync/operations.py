# Made of aio/operations.py: see the package.
"""How the hub fares, and what it could not apply."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from longshore_client.models import DeadLetter, DeadLetterDetail, Replayed, StateHash, SystemState
from longshore_client.sync.transport import Connection, Pages


class System:
    """The hub as a whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def state(self) -> SystemState:
        """Services, lag, outboxes, jobs; `settled` when nothing is under way anywhere."""
        return self._connection.get(SystemState, "/api/v1/system")

    def state_hash(self) -> StateHash:
        """Hashes of the canonical state: equal before and after a rebuild from the raw log."""
        return self._connection.get(StateHash, "/api/v1/system/state-hash")


class DeadLetters:
    """Records that no consumer could apply."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        topic: str | None = None,
        replayed: bool | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[DeadLetter]:
        """Newest first; `replayed`: also those that went back already."""
        return self._connection.pages(
            DeadLetter, "/api/v1/dead-letters", topic=topic, replayed=replayed, limit=limit, cursor=cursor
        )

    def get(self, id: UUID | str) -> DeadLetterDetail:
        """One dead letter, with its body (it may hold buyers' data)."""
        return self._connection.get(DeadLetterDetail, "/api/v1/dead-letters/{id}", {"id": id})

    def replay(
        self,
        ids: Sequence[UUID | str] | None = None,
        *,
        topic: str | None = None,
        all: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Replayed:
        """Send letters back to the topics that they died on: these `ids`, or all of a `topic`, or `all` (at most 1,000
        at once)."""
        body = {"ids": None if ids is None else [*ids], "topic": topic, "all": all}
        return self._connection.post(
            Replayed, "/api/v1/dead-letters/replay", body=body, idempotency_key=idempotency_key
        )
