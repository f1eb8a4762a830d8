"""Bounds what only the past needs: rows that nobody asks for any more are deleted, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry, Counter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.clock import Clock, utc_now

log = structlog.get_logger(__name__)

EVERY_S = 600.0
FIRST_AFTER_S = 60.0
BATCH = 1_000
# Between two batches: writers and autovacuum come first.
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Past:
    """Rows of a table that may go: those for which `where` holds (an expression of ours, with `:before`).

    `keep`: for how long they stay after the moment that `where` compares with.
    """

    table: str
    where: str
    keep: timedelta


class Pruner:
    """Deletes what is past. Several processes may do so at once."""

    def __init__(
        self,
        engine: AsyncEngine,
        past: Sequence[Past],
        registry: CollectorRegistry,
        *,
        clock: Clock = utc_now,
        batch: int = BATCH,
    ) -> None:
        self._engine = engine
        self._past = past
        self._clock = clock
        self._batch = batch
        self._pruned = Counter(
            "longshore_rows_pruned_total", "Rows of the past that were deleted.", ["table"], registry=registry
        )

    async def run(self) -> None:
        """Prune every ten minutes, until cancelled. Raises what PostgreSQL does: who runs it tries again."""
        # Not at once: whoever starts has better things to do.
        await asyncio.sleep(FIRST_AFTER_S)
        while True:
            await self.prune()
            await asyncio.sleep(EVERY_S)

    async def prune(self) -> int:
        """Delete all that is past; answers how many rows that were."""
        return sum([await self._prune(each) for each in self._past])

    async def _prune(self, past: Past) -> int:
        before = self._clock() - past.keep
        statement = text(
            f"DELETE FROM {past.table} WHERE ctid = ANY(ARRAY("  # noqa: S608  (names and expressions of our own)
            f"SELECT ctid FROM {past.table} WHERE {past.where} LIMIT :batch FOR UPDATE SKIP LOCKED))"
        )
        total = 0
        while True:
            async with self._engine.begin() as conn:
                found = await conn.execute(statement, {"before": before, "batch": self._batch})
            total += found.rowcount
            if found.rowcount < self._batch:
                break
            await asyncio.sleep(PAUSE_S)
        if total:
            self._pruned.labels(past.table).inc(total)
            log.info("rows of the past were deleted", table=past.table, rows=total)
        return total


def pruning(engine: AsyncEngine, past: Sequence[Past], registry: CollectorRegistry) -> Callable[[], Awaitable[None]]:
    """A background task for Service.background."""
    return Pruner(engine, past, registry).run
