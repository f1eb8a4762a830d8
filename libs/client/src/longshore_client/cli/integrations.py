"""integrations: connected stores."""

from __future__ import annotations

import json
import time
from typing import Any, TextIO
from uuid import UUID

import click

from longshore.contracts import IntegrationStatus, Platform
from longshore_client.cli.exits import ExitCode, Failure
from longshore_client.cli.output import page_size, show_list, show_one
from longshore_client.cli.session import HubGroup, Session, paged, pass_session
from longshore_client.models import Integration
from longshore_client.sync import Longshore

_EVERY_S = 0.5
_ASKED_FOR = {
    Platform.WOOCOMMERCE: {"consumer_key": "Consumer key", "consumer_secret": "Consumer secret"},
    Platform.SHOPIFY: {"access_token": "Admin API access token", "api_secret": "API secret key"},
    Platform.API: {},
}


@click.group(cls=HubGroup)
def integrations() -> None:
    """Connected stores."""


@integrations.command("list")
@paged
@pass_session
def list_(session: Session, limit: int, everything: bool) -> None:
    """List stores, oldest first."""
    with session.hub() as hub:
        show_list(
            session,
            hub.integrations.list(limit=page_size(limit, everything=everything)),
            {
                "id": lambda each: each.id,
                "platform": lambda each: each.platform,
                "status": lambda each: each.status,
                "name": lambda each: each.name,
                "store": lambda each: each.store_url,
                "reason": lambda each: each.status_reason,
            },
            limit=limit,
            everything=everything,
            empty="No store is connected yet: `longshore integrations create --help`.",
        )


@integrations.command()
@click.argument("id", type=click.UUID)
@pass_session
def show(session: Session, id: UUID) -> None:
    """Show one store."""
    with session.hub() as hub:
        _show(session, hub.integrations.get(id))


@integrations.command()
@click.argument("platform", type=click.Choice([each.value for each in Platform]))
@click.option("--name", required=True, help="What you call the store.")
@click.option("--store-url", help="Its address, such as https://tea.example.com.")
@click.option(
    "--credentials",
    type=click.File(),
    metavar="FILE",
    help="A JSON object of credentials, '-' for standard input; else they are asked for. There is no option for a "
    "secret itself: it would stay in the shell's history.",
)
@click.option("--settings", metavar="JSON", help="""Such as '{"stock": {"mode": "follower", "buffer": 2}}'.""")
@click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait so long for it to be active.")
@pass_session
@click.pass_context
def create(
    context: click.Context,
    session: Session,
    platform: str,
    name: str,
    store_url: str | None,
    credentials: TextIO | None,
    settings: str | None,
    wait: float | None,
) -> None:
    """Connect a store. With --wait exit code 1 unless it became active."""
    wanted = _read_object("--settings", settings) if settings else None
    if credentials is not None:
        secrets = _read_object("--credentials", credentials.read())
    else:
        asked = _ASKED_FOR[Platform(platform)].items()
        secrets = {field: click.prompt(label, hide_input=True, err=True) for field, label in asked}
    with session.hub() as hub:
        made = hub.integrations.create(platform, name, store_url, credentials=secrets, settings=wanted)
        if wait is not None:
            made = _checked(hub, made, wait)
    _show(session, made)
    context.exit(ExitCode.DONE if wait is None or made.status is IntegrationStatus.ACTIVE else ExitCode.FAILED)


@integrations.command()
@click.argument("id", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def delete(session: Session, id: UUID, yes: bool) -> None:
    """Disconnect a store: its webhooks and credentials go, its history stays."""
    with session.hub() as hub:
        if not yes:
            name = hub.integrations.get(id).name
            click.confirm(f"Disconnect {name}?", abort=True, err=True)
        hub.integrations.delete(id)
    if not session.as_json:
        click.echo("Disconnected.")


def _show(session: Session, each: Integration) -> None:
    show_one(
        session,
        each,
        {
            "id": each.id,
            "name": each.name,
            "platform": each.platform,
            "store": each.store_url,
            "status": each.status,
            "reason": each.status_reason,
            "webhooks go to": each.webhook_url,
            "settings": json.dumps(each.settings),
            "connected": each.created_at,
        },
    )


def _checked(hub: Longshore, made: Integration, wait: float) -> Integration:
    """The integration once its connector has looked at the store, or as it is when time is over."""
    deadline = time.monotonic() + wait
    while made.status is IntegrationStatus.CONNECTING and time.monotonic() < deadline:
        time.sleep(_EVERY_S)
        made = hub.integrations.get(made.id)
    return made


def _read_object(what: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Failure(f"{what} is no JSON object.", ExitCode.USAGE)
    return value
