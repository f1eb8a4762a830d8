"""login and logout: which hub, and with which key."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import click

from longshore_client.cli import config
from longshore_client.cli.session import HubCommand, Session, pass_session

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@click.command(cls=HubCommand)
@click.option("--url", help="The hub's address.", metavar="URL")
@click.option("--api-key-stdin", is_flag=True, help="Read the key from standard input instead of asking for it.")
@pass_session
def login(session: Session, url: str | None, api_key_stdin: bool) -> None:
    """Keep the address of a hub and an API key, after a look whether they fit.

    They go into a file that only you can read (LONGSHORE_CONFIG says where; else your folder for such files).
    """
    session.url = url or session.url
    address = session.address()
    if session.url is None and not api_key_stdin:
        address = click.prompt("Hub", default=address).rstrip("/")
    key = sys.stdin.readline().strip() if api_key_stdin else click.prompt("API key", hide_input=True).strip()
    parts = urlsplit(address)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        click.echo("Warning: over plain http everybody on the way can read the key. Use https.", err=True)
    with session.hub(address, key) as hub:
        state = hub.system.state()
    config.save(session.path, config.Config(url=address, api_key=key))
    if session.as_json:
        click.echo(state.model_dump_json(include={"version", "ready"}))
    else:
        click.echo(f"Logged in to {address} (Longshore {state.version}); kept in {session.path}.")


@click.command(cls=HubCommand)
@pass_session
def logout(session: Session) -> None:
    """Forget the kept address and key. The key itself stays valid."""
    there = config.forget(session.path)
    if not session.as_json:
        click.echo("Forgotten." if there else "There was nothing to forget.")
