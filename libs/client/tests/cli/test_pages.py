"""Every `longshore ...` line of the documentation is one that the command understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from longshore_client.cli.app import app
from longshore_client.cli.exits import ExitCode

ROOT = Path(__file__).parents[4]
GUIDE = ROOT / "docs/guides/client.md"


def told() -> list[str]:
    lines: list[str] = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.split(r"&&|\|(?= jq)", re.split(r"\s{2,}#", line)[0]):
                    words = part.strip().removeprefix(".venv/bin/")
                    if words.startswith("longshore "):
                        lines.append(words)
    return lines


def understood(words: list[str]) -> None:
    """Raises click.UsageError for what the command would refuse before it asks the hub."""
    command: click.Command = app
    parent = None
    while True:
        # A shell's variable stands for an id, as a rule.
        words = [re.sub(r"\$\w+", "6f1c0b9e-0000-4000-8000-000000000001", each) for each in words]
        context = command.make_context(command.name, words, parent=parent)
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        name, found, words = command.resolve_command(context, rest)
        assert found is not None, name
        command, parent = found, context


def test_there_are_some() -> None:
    assert len(told()) > 5


@pytest.mark.parametrize("line", sorted(set(told())))
def test_a_line_is_understood(line: str) -> None:
    understood(shlex.split(line)[1:])


def test_what_is_wrong_would_be_noticed() -> None:
    for line in ("orders list --colour red", "order list", "orders show 17"):
        with pytest.raises(click.UsageError):
            understood(shlex.split(line))


def test_every_exit_code_is_told_of() -> None:
    rows = re.findall(r"^\| (\d) \|", GUIDE.read_text(), re.MULTILINE)
    assert [int(each) for each in rows] == [int(each) for each in ExitCode]
