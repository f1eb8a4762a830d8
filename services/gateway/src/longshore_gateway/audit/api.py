"""Routes of the audit log."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.contracts import Contract, UtcDatetime
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore_gateway.accounts.api import Admin
from longshore_gateway.audit import store

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

Wanted = Annotated[str | None, Query(max_length=500, pattern=r"^[^\x00]*$")]


class AuditEntry(Contract):
    """Somebody (`actor`, as they were called then) did `action` to `subject`.

    `before` and `after` hold what the change is about, without secrets and buyers' data. `trace_id` leads to the logs.
    """

    id: UUID
    at: UtcDatetime
    actor: str
    actor_name: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    trace_id: str | None


class AuditList(Contract):
    """A page of the audit log."""

    items: list[AuditEntry]
    next_cursor: str | None


@router.get("", response_model=AuditList)
async def list_audit(
    request: Request,
    caller: Admin,
    actor: Wanted = None,
    action: Wanted = None,
    subject: Wanted = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> AuditList:
    """Who changed what, newest first."""
    engine: AsyncEngine = request.app.state.service.engine
    async with engine.connect() as conn:
        found = await store.list_entries(
            conn,
            caller.org_id,
            actor=actor,
            action=action,
            subject=subject,
            after=read_cursor(cursor),
            limit=limit + 1,
        )
    items, following = page(found, limit, lambda each: write_cursor(each.at, each.id))
    return AuditList(items=[_view(entry) for entry in items], next_cursor=following)


def _view(entry: store.Entry) -> AuditEntry:
    return AuditEntry(
        id=entry.id,
        at=entry.at,
        actor=entry.actor,
        actor_name=entry.actor_name,
        action=entry.action,
        subject=entry.subject,
        before=entry.before,
        after=entry.after,
        trace_id=entry.trace_id,
    )
