"""commands: what was sent to stores."""

from __future__ import annotations

from uuid import UUID

import click

from longshore.contracts import CommandStatus
from longshore_client.cli.output import page_size, show_list
from longshore_client.cli.session import HubGroup, Session, paged, pass_session


@click.group(cls=HubGroup)
def commands() -> None:
    """What was sent to stores, tried, refused."""


@commands.command("list")
@click.option("--order", type=click.UUID, help="Of one order.")
@click.option("--integration", type=click.UUID, help="To one store.")
@click.option("--status", type=click.Choice([each.value for each in CommandStatus]))
@paged
@pass_session
def list_(
    session: Session,
    limit: int,
    everything: bool,
    order: UUID | None,
    integration: UUID | None,
    status: str | None,
) -> None:
    """List commands, newest first."""
    with session.hub() as hub:
        show_list(
            session,
            hub.commands.list(
                order_id=order,
                status=status,
                integration_id=integration,
                limit=page_size(limit, everything=everything),
            ),
            {
                "id": lambda each: each.id,
                "type": lambda each: each.type,
                "status": lambda each: each.status,
                "tries": lambda each: each.attempts,
                "created": lambda each: each.created_at,
                "error": lambda each: each.error.detail if each.error else None,
            },
            limit=limit,
            everything=everything,
            empty="No such command.",
        )
