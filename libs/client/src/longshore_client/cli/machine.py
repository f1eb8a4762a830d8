"""Commands for whoever has the hub's machine: they need its settings and its database, not its API.

They are the gateway's own (`python -m longshore_gateway ...`), run where it is installed beside this command.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import click

from longshore_client.cli.exits import ExitCode, Failure

GATEWAY = "longshore_gateway"


def run_gateway(context: click.Context, *arguments: str) -> None:
    """Run it with the terminal that we have, and end as it ends."""
    if importlib.util.find_spec(GATEWAY) is None:
        raise Failure(
            f"This is for the hub's own machine: run it where {GATEWAY} is installed, with the hub's settings.",
            ExitCode.USAGE,
        )
    context.exit(subprocess.run([sys.executable, "-m", GATEWAY, *arguments], check=False).returncode)


@click.group()
def admin() -> None:
    """On the hub's machine: people, without an API key."""


@admin.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def create(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Make an owner: --email ADDRESS [--name NAME] [--org ID] [--password-stdin]. The password is asked for."""
    run_gateway(context, "admin", "create", *arguments)


@click.command()
@click.pass_context
def rotate(context: click.Context) -> None:
    """On the hub's machine: seal all credentials anew with the newest encryption key."""
    run_gateway(context, "keys", "rotate")


@click.command()
@click.pass_context
def check(context: click.Context) -> None:
    """On the hub's machine: see whether the encryption keys open all that is stored."""
    run_gateway(context, "keys", "check")
