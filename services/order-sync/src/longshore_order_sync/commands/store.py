"""Queries of commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.commands import command_view
from longshore.contracts import CommandError, CommandStatus, CommandView
from longshore.db import for_org
from longshore.pruning import Past
from longshore_order_sync.commands.models import commands
from longshore_order_sync.commands.rules import CommandState
from longshore_order_sync.database import SCHEMA


def past(history_days: int) -> list[Past]:
    """Commands that may go: ended so long ago. Their fulfilments stay."""
    return [Past(f"{SCHEMA}.commands", "finished_at < :before", timedelta(days=history_days))]


async def create_command(conn: AsyncConnection, org_id: UUID, command: CommandView) -> None:
    """Write a new command; one that is there already stays as it is."""
    await conn.execute(
        insert(commands)
        .values(
            id=command.id,
            org_id=org_id,
            integration_id=command.integration_id,
            type=command.type,
            order_id=command.order_id,
            status=command.status.value,
            attempts=command.attempts,
            error=None,
            created_at=command.created_at,
            finished_at=None,
        )
        .on_conflict_do_nothing(index_elements=[commands.c.id])
    )


async def find_command(conn: AsyncConnection, org_id: UUID, command_id: UUID) -> CommandView | None:
    """One command of an organisation; None when it is so old that it was pruned."""
    query = for_org(select(commands), commands, org_id).where(commands.c.id == command_id)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else command_view(row)


async def get_states(conn: AsyncConnection, command_ids: Sequence[UUID]) -> dict[UUID, CommandState]:
    """What is known of the fate of these; those that are not ours are left out."""
    # unscoped: by ids of commands that were ours to send
    rows = await conn.execute(select(commands).where(commands.c.id.in_(command_ids)))
    return {
        row.id: CommandState(CommandStatus(row.status), row.attempts, _error(row.error), row.finished_at)
        for row in rows
    }


async def update_command(conn: AsyncConnection, command_id: UUID, state: CommandState) -> None:
    """Write what became of a command."""
    # unscoped: by ids of commands that were ours to send
    await conn.execute(
        update(commands)
        .where(commands.c.id == command_id)
        .values(
            status=state.status.value,
            attempts=state.attempts,
            error=None if state.error is None else state.error.model_dump(mode="json"),
            finished_at=state.finished_at,
        )
    )


def _error(value: object) -> CommandError | None:
    return None if value is None else CommandError.model_validate(value)
