"""When each store was last heard, and how many deliveries were missed since, in the connector's own schema: one process
hears, another watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from uuid import UUID

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.platforms.hearing import Heard, Voice
from longshore.platforms.metrics import ConnectorMetrics

# So many in a row, none heard between, and the webhooks have stopped: fewer may be a delivery that was lost on its way.
SILENT_AFTER = 3
# Webhooks that are made anew and stay silent are not the webhooks' fault.
RENEW_AGAIN_AFTER = timedelta(hours=6)
# That a store is heard is written so often; that a delivery was missed, at once.
WRITE_EVERY_S = 60.0


def hearing_table(metadata: MetaData) -> None:
    """Add the table to a connector's."""
    Table(
        "heard",
        metadata,
        Column("integration_id", Uuid, primary_key=True),
        Column("resource", Text, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        Column("heard_at", DateTime(timezone=True)),
        # Since it was last heard.
        Column("missed", Integer, nullable=False),
        Column("renewed_at", DateTime(timezone=True)),
    )


@dataclass(frozen=True, slots=True)
class Quiet:
    """What is known of one kind of entity of a store. `silent`: its webhooks have stopped, and it is time to make them
    anew."""

    resource: str
    heard_at: datetime | None
    silent: bool


class HeardStore:
    """Queries on it."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    async def note(self, conn: AsyncConnection, voice: Voice, heard: Heard) -> None:
        """Add what a batch told. What was heard ends a silence."""
        await conn.execute(
            text(
                f"INSERT INTO {self._schema}.heard AS h (integration_id, resource, org_id, heard_at, missed)"  # noqa: S608
                " VALUES (:integration, :resource, :org, :heard, :missed)"
                " ON CONFLICT (integration_id, resource) DO UPDATE SET"
                " heard_at = greatest(h.heard_at, EXCLUDED.heard_at),"
                " missed = EXCLUDED.missed + CASE WHEN EXCLUDED.heard_at IS NULL THEN h.missed ELSE 0 END"
            ),
            {
                "integration": voice.integration_id,
                "resource": voice.resource,
                "org": voice.org_id,
                "heard": heard.heard_at,
                "missed": heard.missed,
            },
        )

    async def of_store(self, conn: AsyncConnection, org_id: UUID, integration_id: UUID, now: datetime) -> list[Quiet]:
        """Each kind of entity that was heard of, or missed."""
        rows = await conn.execute(
            text(
                f"SELECT resource, heard_at, missed, renewed_at FROM {self._schema}.heard"  # noqa: S608
                " WHERE org_id = :org AND integration_id = :id ORDER BY resource"
            ),
            {"org": org_id, "id": integration_id},
        )
        return [
            Quiet(
                row.resource,
                row.heard_at,
                row.missed >= SILENT_AFTER and (row.renewed_at is None or now - row.renewed_at >= RENEW_AGAIN_AFTER),
            )
            for row in rows
        ]

    async def renewed(self, conn: AsyncConnection, org_id: UUID, integration_id: UUID, now: datetime) -> None:
        """The store's webhooks were made anew: the count begins again."""
        await conn.execute(
            text(
                f"UPDATE {self._schema}.heard SET missed = 0, renewed_at = :now"  # noqa: S608
                " WHERE org_id = :org AND integration_id = :id"
            ),
            {"org": org_id, "id": integration_id, "now": now},
        )


class Ears:
    """Counts what was missed, and writes what the watchdog has to know."""

    def __init__(self, platform: str, engine: AsyncEngine, store: HeardStore, metrics: ConnectorMetrics) -> None:
        self._platform = platform
        self._engine = engine
        self._store = store
        self._metrics = metrics
        self._written: dict[Voice, float] = {}

    async def note(self, found: Mapping[Voice, Heard]) -> None:
        """What a batch told."""
        now = monotonic()
        due = {
            voice: heard
            for voice, heard in found.items()
            if heard.missed or now - self._written.get(voice, -WRITE_EVERY_S) >= WRITE_EVERY_S
        }
        if not due:
            return
        async with self._engine.begin() as conn:
            # In one order: two processes must not wait for each other.
            for voice in sorted(due, key=lambda each: (each.integration_id, each.resource)):
                await self._store.note(conn, voice, due[voice])
        for voice, heard in due.items():
            if heard.heard_at is not None and not heard.missed:
                self._written[voice] = now
            else:
                self._written.pop(voice, None)
            if heard.missed:
                self._metrics.missed_deliveries.labels(self._platform, voice.resource).inc(heard.missed)
