"""Runs, what they could not read, and where the next one begins, in the connector's own schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import CommandError, FailedItem, SyncMode, SyncResource, SyncStatus, SyncTrigger
from longshore.ids import IntegrationId, OrgId
from longshore.platforms.protocols import FetchRequest, Integration, SyncFailure
from longshore.platforms.sync.rules import MISSING_PERMISSION, Run
from longshore.pruning import Past

MOST_ITEMS_TOLD = 100

_COLUMNS = ", ".join(field.name for field in fields(Run))


def sync_tables(metadata: MetaData) -> None:
    """Add the engine's tables to a connector's."""
    Table(
        "sync_runs",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        Column("integration_id", Uuid, nullable=False),
        Column("resource", Text, nullable=False),
        Column("mode", Text, nullable=False),
        Column("trigger", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("reply_to", Text),
        # A run that reads what this other one could not.
        Column("items_of", Uuid),
        # The checkpoint: where the next page begins, and what was read by then.
        Column("cursor", Text),
        Column("since", DateTime(timezone=True)),
        Column("asked_at", DateTime(timezone=True)),
        Column("mark", Text),
        Column("done", BigInteger, nullable=False),
        Column("total", BigInteger),
        Column("busy_s", Float, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("cancel", Boolean, nullable=False),
        Column("sequence", Integer, nullable=False),
        Column("error", JSONB),
        Column("created_at", DateTime(timezone=True), nullable=False),
        Column("progressed_at", DateTime(timezone=True), nullable=False),
        Column("started_at", DateTime(timezone=True)),
        Column("finished_at", DateTime(timezone=True)),
        Index("sync_runs_of_store", "integration_id", "resource", "created_at"),
        Index("sync_runs_by_age", "finished_at"),
    )
    Table(
        "sync_items",
        metadata,
        Column("run_id", Uuid, primary_key=True),
        Column("resource", Text, primary_key=True),
        Column("external_id", Text, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        Column("code", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("noted_at", DateTime(timezone=True), nullable=False),
    )
    Table(
        "sync_marks",
        metadata,
        Column("integration_id", Uuid, primary_key=True),
        Column("resource", Text, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        # What the next incremental run asks for; none: all.
        Column("since", DateTime(timezone=True)),
        Column("mark", Text),
        # When the last one ended, whether it read all or not.
        Column("read_at", DateTime(timezone=True), nullable=False),
    )


def past_syncs(schema: str, history_days: int) -> list[Past]:
    """Runs that ended so long ago, and what they could not read."""
    keep = timedelta(days=history_days)
    return [
        Past(f"{schema}.sync_items", "noted_at < :before", keep),
        Past(f"{schema}.sync_runs", "finished_at < :before", keep),
    ]


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the next run of a resource begins: `since` when, and the client's own `mark`; the last ended `read_at`."""

    since: datetime | None
    mark: str | None
    read_at: datetime


class SyncStore:
    """Queries on them."""

    def __init__(self, schema: str) -> None:
        self._schema = schema

    async def create(self, conn: AsyncConnection, run: Run) -> bool:
        """Write a new run; False if it is there already (its command came again)."""
        values = _values(run)
        names = ", ".join(values)
        result = await conn.execute(
            text(
                f"INSERT INTO {self._schema}.sync_runs ({names})"  # noqa: S608  (names of our own)
                f" VALUES ({', '.join(_place(name) for name in values)}) ON CONFLICT DO NOTHING"
            ),
            values,
        )
        return result.rowcount == 1

    async def get(self, conn: AsyncConnection, run_id: UUID, *, lock: bool = False) -> Run | None:
        """A run, locked if its row is to be written."""
        rows = await conn.execute(
            # unscoped: a job holds the id of its run, and knows nothing else of it
            text(
                f"SELECT {_COLUMNS} FROM {self._schema}.sync_runs WHERE id = :id"  # noqa: S608
                + (" FOR UPDATE" if lock else "")
            ),
            {"id": run_id},
        )
        row = rows.one_or_none()
        return None if row is None else _run(row)

    async def write(self, conn: AsyncConnection, run: Run) -> None:
        """Write all of a run; the caller has locked it."""
        values = _values(run)
        sets = ", ".join(f"{name} = {_place(name)}" for name in values if name != "id")
        await conn.execute(
            text(f"UPDATE {self._schema}.sync_runs SET {sets} WHERE id = :id AND org_id = :org_id"),  # noqa: S608
            values,
        )

    async def has_open(self, conn: AsyncConnection, org_id: UUID, integration_id: UUID, resource: SyncResource) -> bool:
        """Whether a run of this resource is queued or under way."""
        found = await conn.scalar(
            text(
                f"SELECT EXISTS (SELECT FROM {self._schema}.sync_runs WHERE org_id = :org"  # noqa: S608
                " AND integration_id = :id AND resource = :resource AND finished_at IS NULL)"
            ),
            {"org": org_id, "id": integration_id, "resource": resource},
        )
        return bool(found)

    async def has_full_queued(
        self, conn: AsyncConnection, org_id: UUID, integration_id: UUID, resource: SyncResource
    ) -> bool:
        """Whether a run of all of this resource waits for its turn."""
        found = await conn.scalar(
            text(
                f"SELECT EXISTS (SELECT FROM {self._schema}.sync_runs WHERE org_id = :org"  # noqa: S608
                " AND integration_id = :id AND resource = :resource AND mode = 'full' AND status = 'queued')"
            ),
            {"org": org_id, "id": integration_id, "resource": resource},
        )
        return bool(found)

    async def was_denied(
        self, conn: AsyncConnection, org_id: UUID, integration_id: UUID, resource: SyncResource
    ) -> bool:
        """Whether the last run of this resource ended because the store does not let us read it."""
        code = await conn.scalar(
            text(
                f"SELECT error ->> 'code' FROM {self._schema}.sync_runs WHERE org_id = :org"  # noqa: S608
                " AND integration_id = :id AND resource = :resource AND finished_at IS NOT NULL"
                " ORDER BY finished_at DESC LIMIT 1"
            ),
            {"org": org_id, "id": integration_id, "resource": resource},
        )
        return bool(code == MISSING_PERMISSION)

    async def cancel(self, conn: AsyncConnection, org_id: UUID, run_id: UUID) -> None:
        """Ask that a run be ended; who works at it sees that after its page."""
        await conn.execute(
            text(
                f"UPDATE {self._schema}.sync_runs SET cancel = true"  # noqa: S608
                " WHERE id = :id AND org_id = :org AND finished_at IS NULL"
            ),
            {"id": run_id, "org": org_id},
        )

    # What could not be read

    async def note_failures(
        self, conn: AsyncConnection, run: Run, failures: Sequence[SyncFailure], now: datetime
    ) -> None:
        """Remember what a page could not read."""
        for each in failures:
            await conn.execute(
                text(
                    f"INSERT INTO {self._schema}.sync_items"  # noqa: S608
                    " (run_id, resource, external_id, org_id, code, detail, noted_at)"
                    " VALUES (:run, :resource, :external_id, :org, :code, :detail, :now)"
                    " ON CONFLICT (run_id, resource, external_id) DO UPDATE SET code = EXCLUDED.code,"
                    " detail = EXCLUDED.detail"
                ),
                {
                    "run": run.id,
                    "org": run.org_id,
                    "resource": each.request.resource,
                    "external_id": each.request.external_id,
                    "code": each.code,
                    "detail": each.detail,
                    "now": now,
                },
            )

    async def inherit_failures(self, conn: AsyncConnection, run: Run, now: datetime) -> None:
        """What the last run of the same resource could not read, or the one that it mends, this one tries again."""
        await conn.execute(
            text(
                f"INSERT INTO {self._schema}.sync_items"  # noqa: S608
                " (run_id, resource, external_id, org_id, code, detail, noted_at)"
                f" SELECT :run, resource, external_id, org_id, code, detail, :now FROM {self._schema}.sync_items"
                f" WHERE run_id = (SELECT id FROM {self._schema}.sync_runs WHERE integration_id = :integration"
                " AND org_id = :org AND resource = :resource AND finished_at IS NOT NULL"
                " ORDER BY finished_at DESC LIMIT 1) OR (run_id = :items_of AND org_id = :org)"
                " ON CONFLICT DO NOTHING"
            ),
            {
                "run": run.id,
                "org": run.org_id,
                "integration": run.integration_id,
                "resource": run.resource,
                "items_of": run.items_of,
                "now": now,
            },
        )

    async def failures(self, conn: AsyncConnection, run_id: UUID) -> list[FailedItem]:
        """All that a run could not read."""
        rows = await conn.execute(
            text(
                f"SELECT resource, external_id, code, detail FROM {self._schema}.sync_items"  # noqa: S608
                " WHERE run_id = :run ORDER BY noted_at, resource, external_id"
            ),
            {"run": run_id},
        )
        return [
            FailedItem(resource=row.resource, external_id=row.external_id, code=row.code, detail=row.detail)
            for row in rows
        ]

    async def healed(self, conn: AsyncConnection, run_id: UUID, request: FetchRequest) -> None:
        """It could be read after all."""
        await conn.execute(
            text(
                f"DELETE FROM {self._schema}.sync_items"  # noqa: S608
                " WHERE run_id = :run AND resource = :resource AND external_id = :external_id"
            ),
            {"run": run_id, "resource": request.resource, "external_id": request.external_id},
        )

    # Where the next one begins

    async def marks(self, conn: AsyncConnection, org_id: UUID, integration_id: UUID) -> dict[str, Mark]:
        """Where the next runs of a store begin, by resource."""
        rows = await conn.execute(
            text(
                f"SELECT resource, since, mark, read_at FROM {self._schema}.sync_marks"  # noqa: S608
                " WHERE org_id = :org AND integration_id = :id"
            ),
            {"org": org_id, "id": integration_id},
        )
        return {row.resource: Mark(row.since, row.mark, row.read_at) for row in rows}

    async def set_mark(
        self,
        conn: AsyncConnection,
        integration: Integration,
        resource: SyncResource,
        since: datetime | None,
        mark: str | None,
        read_at: datetime,
    ) -> None:
        """Where the next run begins. A `since` or `mark` of None changes nothing."""
        await conn.execute(
            text(
                f"INSERT INTO {self._schema}.sync_marks AS m (integration_id, resource, org_id, since, mark, read_at)"  # noqa: S608
                " VALUES (:integration, :resource, :org, :since, :mark, :read)"
                " ON CONFLICT (integration_id, resource) DO UPDATE SET since = coalesce(EXCLUDED.since, m.since),"
                " mark = coalesce(EXCLUDED.mark, m.mark), read_at = EXCLUDED.read_at"
            ),
            {
                "integration": integration.id,
                "resource": resource,
                "org": integration.org_id,
                "since": since,
                "mark": mark,
                "read": read_at,
            },
        )


def _place(name: str) -> str:
    return "CAST(:error AS jsonb)" if name == "error" else f":{name}"


def _values(run: Run) -> dict[str, Any]:
    values = {field.name: getattr(run, field.name) for field in fields(Run)}
    values |= {"mode": run.mode.value, "trigger": run.trigger.value, "status": run.status.value}
    values["error"] = None if run.error is None else run.error.to_json().decode()
    return values


def _run(row: Row[Any]) -> Run:
    values = dict(row._mapping)
    values |= {
        "org_id": OrgId(row.org_id),
        "integration_id": IntegrationId(row.integration_id),
        "mode": SyncMode(row.mode),
        "trigger": SyncTrigger(row.trigger),
        "status": SyncStatus(row.status),
        "error": None if row.error is None else CommandError.model_validate(row.error),
    }
    return Run(**values)
