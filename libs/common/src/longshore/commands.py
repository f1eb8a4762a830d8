"""Commands as those who send them keep and show them: the message to the connector, and GET /api/v1/commands.

Each sender has a table of its own; its columns are named like the fields of contracts.CommandView.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import Row, Select, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker import COMMANDS, Message, cloudevent_headers
from longshore.contracts import Command, CommandError, CommandStatus, CommandView
from longshore.db import for_org
from longshore.internal import OrgDep
from longshore.observability import current_traceparent
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, Place, page, read_cursor, write_cursor


class CommandPage(BaseModel):
    """A page of commands, newest first."""

    items: list[CommandView]
    next_cursor: str | None


def command_message(command: Command) -> Message:
    """A command for the connector of its platform, keyed by integration."""
    return Message(
        COMMANDS(command.platform.value).name,
        str(command.integration_id),
        command.to_json(),
        cloudevent_headers(
            type=command.event_type,
            source=f"/{command.reply_to}",
            subject=str(command.id),
            id=str(command.id),
            time=command.created_at,
            org_id=command.org_id,
            integration_id=command.integration_id,
            traceparent=current_traceparent(),
        ),
    )


def new_command_view(command: Command, order_id: UUID | None = None) -> CommandView:
    """A command that was just made, as the API shows it."""
    return CommandView(
        id=command.id,
        type=command.payload.type,
        order_id=order_id,
        integration_id=command.integration_id,
        status=CommandStatus.PENDING,
        attempts=0,
        created_at=command.created_at,
    )


def command_view(row: Row[Any], type: str | None = None) -> CommandView:
    """A row of a table of commands as the API shows it; `type` for a table that holds one kind, of no order."""
    return CommandView(
        id=row.id,
        type=type or row.type,
        order_id=getattr(row, "order_id", None),
        integration_id=row.integration_id,
        status=CommandStatus(row.status),
        attempts=row.attempts,
        error=None if row.error is None else CommandError.model_validate(row.error),
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def commands_router(
    engine: AsyncEngine, commands: Table, type: str | None = None, more: Table | None = None
) -> APIRouter:
    """Routes of commands, for the gateway, which merges its services' lists. `type` as for `command_view`; `more`: a
    second table, of commands of several types and of no order."""
    router = APIRouter(prefix="/api/v1/commands", tags=["commands"])

    @router.get("", summary="List commands to stores")
    async def get_commands(
        org_id: OrgDep,
        order_id: UUID | None = None,
        integration_id: UUID | None = None,
        status: CommandStatus | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> CommandPage:
        """Ordered by (created_at, id), newest first."""
        after = read_cursor(cursor)
        if order_id is not None and type is not None:
            return CommandPage(items=[], next_cursor=None)
        async with engine.connect() as conn:
            found = [
                command_view(row, type)
                for row in await conn.execute(
                    _query(commands, org_id, order_id, integration_id, status, after).limit(limit + 1)
                )
            ]
            if more is not None:
                query = _query(more, org_id, None, integration_id, status, after).limit(limit + 1)
                found += [command_view(row) for row in await conn.execute(query)]
                found.sort(key=lambda each: (each.created_at, each.id), reverse=True)
                del found[limit + 1 :]
        items, following = page(found, limit, lambda each: write_cursor(each.created_at, each.id))
        return CommandPage(items=items, next_cursor=following)

    return router


def _query(
    commands: Table,
    org_id: UUID,
    order_id: UUID | None,
    integration_id: UUID | None,
    status: CommandStatus | None,
    after: Place | None,
) -> Select[Any]:
    query = for_org(select(commands), commands, org_id)
    if order_id is not None:
        query = query.where(commands.c.order_id == order_id)
    if integration_id is not None:
        query = query.where(commands.c.integration_id == integration_id)
    if status is not None:
        query = query.where(commands.c.status == status.value)
    if after is not None:
        query = query.where(tuple_(commands.c.created_at, commands.c.id) < tuple_(*after))
    return query.order_by(commands.c.created_at.desc(), commands.c.id.desc())
