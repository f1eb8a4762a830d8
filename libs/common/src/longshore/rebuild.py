"""Rebuilding canonical state from the log (docs/adr/0014-rebuild.md).

Two halves. `begin` is a command that is run while the service is stopped: it sets the groups back, sets aside what the
end will be compared with, empties the tables and leaves a mark, all in the service's own schemas. `Rebuilding` is the
running service's: while the mark is there it keeps to itself what it would say to stores and subscribers, takes no
requests that change anything, and when everything is applied it says only what really differs, and removes the mark.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from fastapi import Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.broker import Apply, Record, Rejected, TopicSpec
from longshore.broker.offsets import Offsets, Place, Places, reached
from longshore.problems import Problem
from longshore.settings import ServiceSettings

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.5
RAW_GROUP_SUFFIX = ".raw"
"""By convention the group that translates a raw log is `<connector>.raw`."""

Prepare = Callable[[AsyncConnection, str], Awaitable[None]]
Finish = Callable[[AsyncConnection, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What a service rebuilds and how.

    `groups`: where each of its groups begins anew, by topic. `withheld`: types of messages that are not said meanwhile.
    `prepare` empties the tables, after it has set aside (in the schema that it is given) what `finish` compares with;
    `finish` brings over what only the database knew and says what differs. `locked`: tables that nobody else writes
    while it does, with the lock's mode. A translator (a connector) has no tables: its records are read again.
    """

    schema: str
    groups: Mapping[str, tuple[TopicSpec | str, Place]]
    withheld: frozenset[str] = frozenset()
    prepare: Prepare | None = None
    finish: Finish | None = None
    locked: Sequence[tuple[str, str]] = ()

    @property
    def aside(self) -> str:
        """The schema that exists while a rebuild is under way."""
        return f"{self.schema}_rebuild"

    @property
    def translates(self) -> bool:
        """Whether this is a connector's."""
        return self.prepare is None


@dataclass(slots=True)
class _Mark:
    """What `begin` has left. `boundary`: raw topic -> partition -> offset up to which the log is to be applied."""

    started_at: datetime
    boundary: dict[str, Places] = field(default_factory=dict)


class Rebuilding:
    """A running service's part in its rebuild; without one under way it does nothing."""

    def __init__(self, engine: AsyncEngine, settings: ServiceSettings, plan: RebuildPlan) -> None:
        self._engine = engine
        self._settings = settings
        self._plan = plan
        self._mark: _Mark | None = None
        self._over = asyncio.Event()
        self._over.set()

    @property
    def active(self) -> bool:
        """Whether a rebuild is under way, as far as this process knows."""
        return self._mark is not None

    async def load(self) -> None:
        """Look for the mark; before anything is sent or read (Service.on_start)."""
        async with self._engine.connect() as conn:
            self._mark = await read_mark(conn, self._plan.aside)
        if self._mark is not None:
            self._over.clear()
            log.info("state is being rebuilt from the log", schema=self._plan.schema)

    async def over(self) -> None:
        """Wait until no rebuild is under way."""
        await self._over.wait()

    def after(self, apply: Apply) -> Apply:
        """A consumer whose records wait until the rebuild is over."""

        async def wait_and_apply(records: Sequence[Record]) -> Sequence[Rejected] | None:
            await self.over()
            return await apply(records)

        return wait_and_apply

    def translated_before(self, record: Record) -> bool:
        """Whether a raw record was translated before it was set back to: what it asked for has been asked."""
        if self._mark is None:
            return False
        places = self._mark.boundary.get(record.topic, {})
        return record.offset < places.get(record.partition, 0)

    def refuse_changes(self, request: Request) -> None:
        """A dependency of routes. Raises a 503 problem for what would change anything while state is rebuilt."""
        if self.active and request.method not in ("GET", "HEAD"):
            raise Problem(503, "State is being rebuilt from the log. Try again later.", type="rebuilding")

    # What the outbox relay asks

    async def holds(self, raw: Any) -> bool:
        """Whether the mark is still there, asked of the database (`raw`: an asyncpg connection)."""
        if self._mark is None:
            return False
        there: bool = await raw.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{self._plan.aside}.mark")
        return there

    def keeps_back(self, headers: Mapping[str, str]) -> bool:
        """Whether a message with these headers is not said while the mark is there."""
        return headers.get("ce_type") in self._plan.withheld

    # The end

    async def watch(self) -> None:
        """Wait until all is applied, then end the rebuild; waits for ever when there is none (Service.background)."""
        targets: dict[tuple[str, str], Places] | None = None
        while self._mark is not None:
            try:
                async with Offsets(self._settings.kafka_bootstrap_servers, self._settings.topic_prefix) as offsets:
                    while not await self._applied(offsets, targets):
                        if targets is None and await self._translated(offsets, self._mark):
                            targets = await self._targets(offsets)
                        else:
                            await asyncio.sleep(LOOK_EVERY_S)
                        if await self._ended_elsewhere():
                            break
                await self._end()
            except (KafkaError, OSError) as error:
                log.warning("the rebuild's progress cannot be seen", error=type(error).__name__)
                await asyncio.sleep(LOOK_EVERY_S)
        await asyncio.Event().wait()

    async def _translated(self, offsets: Offsets, mark: _Mark) -> bool:
        """Whether the connectors have read the raw logs up to where they ended when this began."""
        groups = [each for each in await offsets.groups() if each.endswith(RAW_GROUP_SUFFIX)]
        for topic, places in mark.boundary.items():
            beginnings = await offsets.places(topic, "beginning")
            wanted = {number: offset for number, offset in places.items() if offset > beginnings.get(number, 0)}
            found = [await offsets.committed(group, topic) for group in groups]
            if wanted and not any(each and reached(each, wanted) for each in found):
                return False
        return True

    async def _targets(self, offsets: Offsets) -> dict[tuple[str, str], Places]:
        """Where each of our topics ends, now that all has been translated."""
        return {
            (group, str(topic)): await offsets.places(str(topic), "end")
            for group, (topic, _) in self._plan.groups.items()
            if not self._plan.translates
        }

    async def _applied(self, offsets: Offsets, targets: Mapping[tuple[str, str], Places] | None) -> bool:
        if targets is None:
            return False
        for (group, topic), wanted in targets.items():
            if not reached(await offsets.committed(group, topic), wanted):
                return False
        return True

    async def _ended_elsewhere(self) -> bool:
        async with self._engine.connect() as conn:
            return await read_mark(conn, self._plan.aside) is None

    async def _end(self) -> None:
        """One transaction: nobody sees a state that is neither silent nor true."""
        plan = self._plan
        async with self._engine.begin() as conn:
            await conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": plan.aside})
            if await read_mark(conn, plan.aside) is not None:
                for table, mode in plan.locked:
                    await conn.execute(text(f"LOCK TABLE {table} IN {mode} MODE"))
                if plan.withheld:
                    await conn.execute(
                        text(f"DELETE FROM {plan.schema}.outbox WHERE headers->>'ce_type' = ANY(:types)"),  # noqa: S608
                        {"types": sorted(plan.withheld)},
                    )
                if plan.finish is not None:
                    await plan.finish(conn, plan.aside)
                await conn.execute(text(f"DROP SCHEMA {plan.aside} CASCADE"))
        self._mark = None
        self._over.set()
        log.info("state has been rebuilt from the log", schema=plan.schema)


async def read_mark(conn: AsyncConnection, aside: str) -> _Mark | None:
    """The mark of a rebuild, if one is under way."""
    if await conn.scalar(text("SELECT to_regclass(:name)"), {"name": f"{aside}.mark"}) is None:
        return None
    row = (await conn.execute(text(f"SELECT started_at, boundary FROM {aside}.mark"))).one_or_none()  # noqa: S608
    if row is None:
        return None
    stored = json.loads(row.boundary)
    return _Mark(
        row.started_at,
        {topic: {int(number): offset for number, offset in places.items()} for topic, places in stored.items()},
    )


async def write_mark(conn: AsyncConnection, aside: str, boundary: Mapping[str, Mapping[int, int]]) -> None:
    """Leave the mark; of a rebuild that is under way already only the boundary moves on."""
    await conn.execute(text(f"CREATE SCHEMA IF NOT EXISTS {aside}"))
    await conn.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {aside}.mark (one boolean PRIMARY KEY, started_at timestamptz NOT NULL,"
            " boundary text NOT NULL)"
        )
    )
    await conn.execute(
        text(
            f"INSERT INTO {aside}.mark VALUES (true, now(), :boundary)"  # noqa: S608
            " ON CONFLICT (one) DO UPDATE SET boundary = EXCLUDED.boundary"
        ),
        {"boundary": json.dumps(boundary)},
    )


async def set_aside(conn: AsyncConnection, aside: str, table: str, query: str, *, key: str) -> None:
    """Keep what `query` finds as `<aside>.<table>` until the rebuild ends; what a rebuild under way has kept stays."""
    await conn.execute(text(f"CREATE TABLE IF NOT EXISTS {aside}.{table} AS {query}"))
    await conn.execute(text(f"CREATE INDEX IF NOT EXISTS {table}_{key} ON {aside}.{table} ({key})"))
    await conn.execute(text(f"ANALYZE {aside}.{table}"))
