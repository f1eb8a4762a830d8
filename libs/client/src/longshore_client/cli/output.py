"""Answers for people (aligned columns) and for scripts (JSON)."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import TypeVar

import click
from pydantic import BaseModel

from longshore.money import Money
from longshore_client.cli.session import Session
from longshore_client.models import CommandAccepted

T = TypeVar("T", bound=BaseModel)
Columns = Mapping[str, Callable[[T], object]]

PAGE = 200
_WIDEST = 60


def show_one(session: Session, item: BaseModel, fields: Mapping[str, object]) -> None:
    """One thing: a field a line."""
    if session.as_json:
        click.echo(json.dumps(item.model_dump(mode="json"), indent=2))
        return
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {text_of(value)}".rstrip())


def show_accepted(session: Session, accepted: CommandAccepted, then: str) -> None:
    """A command on its way; `then`: what shows how it went on."""
    command = accepted.command
    fields = {"command": command.id, "type": command.type, "status": command.status, "then": then}
    show_one(session, accepted, fields)


def show_list(
    session: Session, items: Iterable[T], columns: Columns[T], *, limit: int, everything: bool, empty: str
) -> None:
    """A list: a row each, or a JSON array, written as it is read."""
    chosen = items if everything else itertools.islice(items, limit)
    if session.as_json:
        separator = "["
        for item in chosen:
            click.echo(separator + json.dumps(item.model_dump(mode="json")), nl=False)
            separator = ",\n"
        click.echo("]" if separator != "[" else "[]")
        return
    # Pages are read one by one; the width of columns is settled per page.
    heading = True
    rows = ([text_of(column(item)) for column in columns.values()] for item in chosen)
    while batch := list(itertools.islice(rows, PAGE)):
        _show_rows(list(columns), batch, heading=heading)
        heading = False
    if heading:
        click.echo(empty, err=True)


def page_size(limit: int, *, everything: bool) -> int:
    """How many to ask for at once."""
    return PAGE if everything else min(limit, PAGE)


def text_of(value: object) -> str:
    """As people read it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case Money():
            return f"{Decimal(value.amount).scaleb(-value.exponent):f} {value.currency}"
        case Enum():
            return str(value.value)
        case Mapping():
            return " ".join(f"{name}={text_of(each)}" for name, each in value.items()) or "-"
        case _:
            return _printable(str(value))


def _printable(text: str) -> str:
    # What a buyer has typed must not move a terminal's cursor.
    return "".join(each if each.isprintable() else "?" for each in text.replace("\n", " "))


def _show_rows(names: Sequence[str], rows: Sequence[Sequence[str]], *, heading: bool) -> None:
    shown = [[each if len(each) <= _WIDEST else each[: _WIDEST - 3] + "..." for each in row] for row in rows]
    table = ([[name.upper() for name in names]] if heading else []) + shown
    widths = [max(len(row[place]) for row in table) for place in range(len(names))]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
