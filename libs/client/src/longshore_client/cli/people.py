"""users and audit: people of the organisation, and who changed what."""

from __future__ import annotations

from uuid import UUID

import click

from longshore_client.cli.output import page_size, show_list, show_one
from longshore_client.cli.session import HubCommand, HubGroup, Session, paged, pass_session

ROLES = ("owner", "operator", "viewer")


@click.group(cls=HubGroup)
def users() -> None:
    """People of the organisation."""


@users.command("list")
@paged
@pass_session
def list_(session: Session, limit: int, everything: bool) -> None:
    """List people, oldest first, also those who are disabled."""
    with session.hub() as hub:
        show_list(
            session,
            hub.users.list(limit=page_size(limit, everything=everything)),
            {
                "id": lambda each: each.id,
                "e-mail": lambda each: each.email,
                "role": lambda each: each.role,
                "name": lambda each: each.name,
                "disabled": lambda each: each.disabled,
                "last login": lambda each: each.last_login_at,
            },
            limit=limit,
            everything=everything,
            empty="Nobody.",
        )


@users.command()
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--name", default="", help="What they are called.")
@pass_session
def invite(session: Session, email: str, role: str, name: str) -> None:
    """Make a person. The invitation is printed this once; hand it on by a way that is safe."""
    with session.hub() as hub:
        made = hub.users.create(email, role, name=name)
    show_one(session, made, {"id": made.id, "e-mail": made.email, "role": made.role, "invitation": made.invitation})


@users.command()
@click.argument("id", type=click.UUID)
@click.option("--role", type=click.Choice(ROLES))
@click.option("--name")
@click.option("--disable/--enable", "disabled", default=None, help="Lock them out, or let them in again.")
@pass_session
def change(session: Session, id: UUID, role: str | None, name: str | None, disabled: bool | None) -> None:
    """Change a role or a name, disable or enable; what is not given stays."""
    if role is None and name is None and disabled is None:
        raise click.UsageError("Say what to change: --role, --name, --disable or --enable.")
    with session.hub() as hub:
        user = hub.users.change(id, role=role, name=name, disabled=disabled)
    show_one(session, user, {"id": user.id, "e-mail": user.email, "role": user.role, "disabled": user.disabled})


@click.command(cls=HubCommand)
@click.option("--actor", help="By whom: user:ID or api_key:ID.")
@click.option("--action", help="What was done.")
@click.option("--subject", help="To what.")
@paged
@pass_session
def audit(
    session: Session, actor: str | None, action: str | None, subject: str | None, limit: int, everything: bool
) -> None:
    """List who changed what, newest first."""
    with session.hub() as hub:
        show_list(
            session,
            hub.audit.list(actor=actor, action=action, subject=subject, limit=page_size(limit, everything=everything)),
            {
                "at": lambda each: each.at,
                "who": lambda each: each.actor_name or each.actor,
                "action": lambda each: each.action,
                "subject": lambda each: each.subject,
            },
            limit=limit,
            everything=everything,
            empty="No such change.",
        )
