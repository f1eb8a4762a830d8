"""The `longshore` command."""

from __future__ import annotations

from longshore_client.cli.app import app


def main() -> None:
    """The console script."""
    app(prog_name="longshore")
