"""ingest: send what a shop of your own has."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, TextIO
from uuid import UUID

import click

from longshore_client.cli.exits import ExitCode, Failure
from longshore_client.cli.session import HubCommand, Session, pass_session

AT_ONCE = 500
KINDS = ("orders", "products", "stock", "customers")


@click.command(cls=HubCommand)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("integration", type=click.UUID)
@click.argument("file", type=click.File())
@pass_session
def ingest(session: Session, kind: str, integration: UUID, file: TextIO) -> None:
    """Send the orders, products, stock or customers of FILE ('-': standard input) to a store of the platform "api".

    FILE is a JSON array, or holds one object a line. It is sent in parts of 500; when one is refused, those before it
    are in, and sending all again does no harm.
    """
    sent = 0
    items = _items(file)
    with session.hub() as hub:
        send = {
            "orders": hub.ingest.orders,
            "products": hub.ingest.products,
            "stock": hub.ingest.stock,
            "customers": hub.ingest.customers,
        }[kind]
        while part := list(itertools.islice(items, AT_ONCE)):
            sent += send(integration, part).accepted
    click.echo(json.dumps({"accepted": sent}) if session.as_json else f"{sent} {kind} are in the log.")


def _items(file: TextIO) -> Iterator[dict[str, Any]]:
    """The objects of a file, read as they are needed where it is one a line."""
    first = file.readline()
    while first and not first.strip():
        first = file.readline()
    if first.lstrip().startswith("["):
        found = _read(first + file.read(), 1)
    else:
        lines = enumerate(itertools.chain([first], file), start=1)
        found = (_read(line, number) for number, line in lines if line.strip())
    for item in found:
        if not isinstance(item, dict):
            raise Failure("An item is no JSON object.", ExitCode.USAGE)
        yield item


def _read(text: str, line: int) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failure(f"Line {line} is no JSON: {error}", ExitCode.USAGE) from None
