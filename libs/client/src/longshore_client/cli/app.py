"""The command and its sub-commands, put together."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from longshore_client.cli.account import login, logout
from longshore_client.cli.actions import orders
from longshore_client.cli.commands import commands
from longshore_client.cli.dead_letters import dead_letters
from longshore_client.cli.ingest import ingest
from longshore_client.cli.integrations import integrations
from longshore_client.cli.inventory import inventory
from longshore_client.cli.keys import keys
from longshore_client.cli.machine import admin
from longshore_client.cli.people import audit, users
from longshore_client.cli.privacy import privacy
from longshore_client.cli.products import products
from longshore_client.cli.session import HubGroup, Session
from longshore_client.cli.status import status
from longshore_client.cli.sync import sync
from longshore_client.version import VERSION

EPILOG = (
    "The hub and the key: --url, LONGSHORE_URL and LONGSHORE_API_KEY, else what `longshore login` has kept. "
    "Exit codes: 0 done, 1 the result is not good, 2 usage, 3 not authenticated, 4 not allowed, 5 not found, "
    "6 refused (input or conflict), 7 unavailable."
)


@click.group(cls=HubGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", help="The hub's address.", metavar="URL")
@click.version_option(VERSION, prog_name="longshore")
@click.pass_context
def app(context: click.Context, url: str | None) -> None:
    """Stores, orders and stock of a Longshore hub."""
    context.ensure_object(Session).url = url


@app.command(cls=click.Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes this command in SHELL.

    \b
    bash:  eval "$(longshore completion bash)"            in ~/.bashrc
    zsh:   eval "$(longshore completion zsh)"             in ~/.zshrc
    fish:  longshore completion fish > ~/.config/fish/completions/longshore.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  (the choices above are click's own)
    click.echo(kind(app, {}, "longshore", "_LONGSHORE_COMPLETE").source())


for each in (
    login,
    logout,
    status,
    integrations,
    sync,
    orders,
    products,
    commands,
    inventory,
    dead_letters,
    ingest,
    keys,
    users,
    audit,
    privacy,
    admin,
):
    app.add_command(each)
