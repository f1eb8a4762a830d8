"""GET /api/v1/commands: what was pushed, tried, refused. The gateway merges inventory's list with this one."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.contracts import CommandStatus, CommandView
from longshore.internal import OrgDep
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore_order_sync.commands.store import list_commands


class CommandPage(BaseModel):
    """A page of commands, newest first."""

    items: list[CommandView]
    next_cursor: str | None


def commands_router(engine: AsyncEngine) -> APIRouter:
    """Routes of commands."""
    router = APIRouter(prefix="/api/v1/commands", tags=["commands"])

    @router.get("", summary="List commands to stores")
    async def get_commands(
        org_id: OrgDep,
        order_id: UUID | None = None,
        status: CommandStatus | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> CommandPage:
        """Ordered by (created_at, id), newest first."""
        async with engine.connect() as conn:
            found = await list_commands(
                conn, org_id, order_id=order_id, status=status, after=read_cursor(cursor), limit=limit + 1
            )
        items, following = page(found, limit, lambda each: write_cursor(each.created_at, each.id))
        return CommandPage(items=items, next_cursor=following)

    return router
