"""What all sub-commands share: the hub that is asked, and how answers are shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import httpx

from longshore_client.cli import config
from longshore_client.cli.exits import ExitCode, Failure, failure_of
from longshore_client.errors import LongshoreError
from longshore_client.sync import Longshore


@dataclass
class Session:
    """One run of the command."""

    url: str | None = None
    as_json: bool = False
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    path: Path = field(default_factory=config.config_path)
    transport: httpx.BaseTransport | None = None

    def address(self) -> str:
        """The hub to ask: --url, LONGSHORE_URL, what login kept, or one on this machine."""
        given = self.url or self.environ.get("LONGSHORE_URL")
        if given:
            return given.rstrip("/")
        kept = config.load(self.path)
        return kept.url if kept else config.DEFAULT_URL

    def key(self) -> str:
        """LONGSHORE_API_KEY, or what login kept for this very hub: a key is never shown to another one."""
        given = self.environ.get("LONGSHORE_API_KEY")
        if given:
            return given.strip()
        kept = config.load(self.path)
        if kept is not None and kept.url == self.address():
            return kept.api_key
        raise Failure(
            f"There is no key for {self.address()}: run `longshore login`, or set LONGSHORE_API_KEY.",
            ExitCode.NOT_AUTHENTICATED,
        )

    @contextmanager
    def hub(self, url: str | None = None, key: str | None = None) -> Iterator[Longshore]:
        """The client. Its errors end the command with their exit code."""
        try:
            with Longshore(url or self.address(), key or self.key(), transport=self.transport) as hub:
                yield hub
        except LongshoreError as error:
            raise failure_of(error, as_json=self.as_json) from None


pass_session = click.make_pass_decorator(Session, ensure=True)


class HubCommand(click.Command):
    """A sub-command: every one takes --json."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.params.append(
            click.Option(
                ["--json"],
                is_flag=True,
                expose_value=False,
                callback=_set_json,
                help="Answer in JSON (as the API does), errors too.",
            )
        )


class HubGroup(click.Group):
    """A group of such sub-commands."""

    command_class = HubCommand
    group_class = type


def _set_json(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    context.ensure_object(Session).as_json |= value


def paged(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a list."""
    command = click.option("--all", "everything", is_flag=True, help="All of them, page by page.")(command)
    return click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")(
        command
    )
