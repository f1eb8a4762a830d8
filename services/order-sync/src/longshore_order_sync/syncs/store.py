"""Queries of sync runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import Platform, SyncRun, SyncRunChanged
from longshore.db import for_org
from longshore.paging import Place
from longshore.pruning import Past
from longshore_order_sync.database import SCHEMA
from longshore_order_sync.syncs.models import sync_runs


def past_syncs(history_days: int) -> list[Past]:
    """Runs that ended so long ago."""
    return [Past(f"{SCHEMA}.sync_runs", "finished_at < :before", timedelta(days=history_days))]


async def lock_syncs(conn: AsyncConnection, integration_id: UUID) -> None:
    """Requests of one store take turns until the transaction ends: two at once must not begin the same run twice."""
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{SCHEMA}.sync/{integration_id}"}
    )


async def open_runs(conn: AsyncConnection, org_id: UUID, integration_id: UUID) -> list[SyncRun]:
    """Runs of a store that have not ended, the oldest first."""
    query = for_org(select(sync_runs), sync_runs, org_id).where(
        sync_runs.c.integration_id == integration_id, sync_runs.c.finished_at.is_(None)
    )
    return [_run(row) for row in await conn.execute(query.order_by(sync_runs.c.created_at, sync_runs.c.id))]


async def create_run(conn: AsyncConnection, org_id: UUID, platform: Platform, run: SyncRun) -> bool:
    """Write a run that was asked for; False if it is there already."""
    values = {**_values(run), "org_id": org_id, "platform": platform.value, "sequence": 0}
    result = await conn.execute(insert(sync_runs).values(**values).on_conflict_do_nothing())
    return result.rowcount == 1


async def upsert_runs(conn: AsyncConnection, events: Sequence[SyncRunChanged]) -> None:
    """Write what connectors tell of runs, each where it is newer than what is known."""
    newest: dict[UUID, SyncRunChanged] = {}
    for each in events:
        if each.id not in newest or each.sequence > newest[each.id].sequence:
            newest[each.id] = each
    for id in sorted(newest):
        event = newest[id]
        values = _values(event) | {
            "org_id": event.org_id,
            "platform": event.platform.value,
            "sequence": event.sequence,
        }
        statement = insert(sync_runs).values(**values)
        await conn.execute(
            statement.on_conflict_do_update(
                index_elements=[sync_runs.c.id],
                set_={name: statement.excluded[name] for name in values if name != "id"},
                where=sync_runs.c.sequence < statement.excluded.sequence,
            )
        )


async def get_run(conn: AsyncConnection, org_id: UUID, run_id: UUID) -> tuple[SyncRun, Platform] | None:
    """One run of an organisation, and its store's platform."""
    row = (
        await conn.execute(for_org(select(sync_runs), sync_runs, org_id).where(sync_runs.c.id == run_id))
    ).one_or_none()
    return None if row is None else (_run(row), Platform(row.platform))


async def list_runs(
    conn: AsyncConnection, org_id: UUID, integration_id: UUID, after: Place | None, limit: int
) -> list[SyncRun]:
    """Runs of a store, the newest first."""
    query = for_org(select(sync_runs), sync_runs, org_id).where(sync_runs.c.integration_id == integration_id)
    if after is not None:
        query = query.where(tuple_(sync_runs.c.created_at, sync_runs.c.id) < tuple_(*after))
    query = query.order_by(sync_runs.c.created_at.desc(), sync_runs.c.id.desc()).limit(limit)
    return [_run(row) for row in await conn.execute(query)]


def _values(run: SyncRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "integration_id": run.integration_id,
        "resource": run.resource,
        "mode": run.mode.value,
        "trigger": run.trigger.value,
        "items_of": run.items_of,
        "status": run.status.value,
        "progress": run.progress.model_dump(mode="json"),
        "failed_items": [each.model_dump(mode="json") for each in run.failed_items],
        "error": None if run.error is None else run.error.model_dump(mode="json"),
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
    }


def _run(row: Row[Any]) -> SyncRun:
    return SyncRun.model_validate(dict(row._mapping))
