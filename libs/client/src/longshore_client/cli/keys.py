"""keys: API keys for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import click

from longshore_client.cli.machine import check, rotate
from longshore_client.cli.output import page_size, show_list, show_one
from longshore_client.cli.session import HubGroup, Session, paged, pass_session


@click.group(cls=HubGroup)
def keys() -> None:
    """API keys; and, on the hub's machine, its encryption keys."""


keys.add_command(rotate)
keys.add_command(check)


@keys.command("list")
@paged
@pass_session
def list_(session: Session, limit: int, everything: bool) -> None:
    """List keys that are not revoked, oldest first."""
    with session.hub() as hub:
        show_list(
            session,
            hub.api_keys.list(limit=page_size(limit, everything=everything)),
            {
                "id": lambda each: each.id,
                "begins": lambda each: each.prefix,
                "name": lambda each: each.name,
                "scopes": lambda each: " ".join(each.scopes),
                "by": lambda each: each.created_by,
                "used": lambda each: each.last_used_at,
                "ends": lambda each: each.expires_at,
            },
            limit=limit,
            everything=everything,
            empty="No key.",
        )


@keys.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="Such as read or orders:write; repeat.")
@click.option("--days", type=click.IntRange(min=1), help="How long it is good; for ever if not given.")
@pass_session
def create(session: Session, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a key called NAME. It is printed this once and cannot be shown again."""
    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with session.hub() as hub:
        made = hub.api_keys.create(name, scopes, expires_at=ends)
    fields = {"id": made.id, "key": made.key, "scopes": " ".join(made.scopes), "ends": made.expires_at}
    show_one(session, made, fields)


@keys.command()
@click.argument("id", type=click.UUID)
@pass_session
def revoke(session: Session, id: UUID) -> None:
    """End a key; who uses it is refused within half a minute."""
    with session.hub() as hub:
        hub.api_keys.revoke(id)
    if not session.as_json:
        click.echo("Revoked.")
