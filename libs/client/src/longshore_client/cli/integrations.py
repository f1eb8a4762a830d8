"""integrations: connected stores."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, TextIO
from uuid import UUID

import click

from longshore.contracts import CheckStatus, ConnectionCheck, IntegrationStatus, Platform, WebhookStatus
from longshore_client.cli.exits import ExitCode, Failure
from longshore_client.cli.output import page_size, show_list, show_one, text_of
from longshore_client.cli.session import HubGroup, Session, paged, pass_session
from longshore_client.models import Integration
from longshore_client.sync import Longshore

_EVERY_S = 0.5


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
    given = None if credentials is None else _read_object("--credentials", credentials.read())
    with session.hub() as hub:
        secrets = _ask(hub, platform) if given is None else given
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


@integrations.command()
@click.argument("id", type=click.UUID)
@click.option("--name", help="Another name.")
@click.option("--settings", metavar="JSON", help="""Merged with what is set: '{"stock": {"buffer": 3}}'.""")
@click.option("--credentials", type=click.File(), metavar="FILE", help="A JSON object, '-' for standard input.")
@pass_session
def change(session: Session, id: UUID, name: str | None, settings: str | None, credentials: TextIO | None) -> None:
    """Change a store's name, settings or credentials; what is not given stays."""
    if name is None and settings is None and credentials is None:
        raise click.UsageError("Say what to change: --name, --settings or --credentials.")
    wanted = _read_object("--settings", settings) if settings else None
    secrets = None if credentials is None else _read_object("--credentials", credentials.read())
    with session.hub() as hub:
        _show(session, hub.integrations.change(id, name=name, settings=wanted, credentials=secrets))


@integrations.command()
@click.argument("id", type=click.UUID)
@pass_session
@click.pass_context
def test(context: click.Context, session: Session, id: UUID) -> None:
    """Test a store's connection. Exit code 1 if something has to be done."""
    with session.hub() as hub:
        found = hub.integrations.test(id)
    if session.as_json:
        show_one(session, found, {})
    else:
        _show_checks(found.checks)
    context.exit(ExitCode.FAILED if found.status is CheckStatus.FAIL else ExitCode.DONE)


@integrations.command()
@click.argument("id", type=click.UUID)
@click.option("--repair", is_flag=True, help="Make sure that all are registered and alive.")
@pass_session
@click.pass_context
def webhooks(context: click.Context, session: Session, id: UUID, repair: bool) -> None:
    """List the webhooks that the hub needs of a store. Exit code 1 if one of them is not alive."""
    with session.hub() as hub:
        found = (hub.integrations.ensure_webhooks(id) if repair else hub.integrations.webhooks(id)).items
    columns = {"topic": lambda each: each.topic, "status": lambda each: each.status, "detail": lambda each: each.detail}
    show_list(session, found, columns, limit=len(found), everything=True, empty="None is needed.")
    alive = all(each.status is WebhookStatus.ACTIVE for each in found)
    context.exit(ExitCode.DONE if alive else ExitCode.FAILED)


@integrations.command()
@click.argument("platform", type=click.Choice([Platform.SHOPIFY.value, Platform.WOOCOMMERCE.value]))
@click.argument("store_url")
@click.option("--name", help="What you call the store.")
@pass_session
def link(session: Session, platform: str, store_url: str, name: str | None) -> None:
    """Make a link that connects a store when its owner follows it and agrees. It is as good as a key until then."""
    with session.hub() as hub:
        made = hub.integrations.connect_link(platform, store_url, name=name)
    show_one(session, made, {"link": made.url, "ends": made.expires_at})


def _ask(hub: Longshore, platform: str) -> dict[str, str]:
    """The credentials that a platform says it needs, typed in unseen."""
    schema = next((each.credentials for each in hub.integrations.platforms().items if each.platform == platform), {})
    secrets: dict[str, str] = {}
    for field, about in schema.get("properties", {}).items():
        needed = field in schema.get("required", [])
        label = str(about.get("title") or field) + ("" if needed else " (empty: none)")
        given = click.prompt(label, hide_input=True, err=True, default=None if needed else "", show_default=False)
        if given:
            secrets[field] = given
    return secrets


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


def _show_checks(checks: Sequence[ConnectionCheck]) -> None:
    """Each with all that is to be done: a remedy that is cut short is none."""
    names = max((len(each.name) for each in checks), default=0)
    for each in checks:
        click.echo(f"{each.name:<{names}}  {each.status.value:<4}  {text_of(each.detail)}")
        if each.remedy:
            click.echo(f"{'':<{names}}        {text_of(each.remedy)}")


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
