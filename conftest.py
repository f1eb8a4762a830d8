"""What holds for the whole workspace: real Kafka and PostgreSQL, shared by all tests of a process; who runs where."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["longshore_devkit.testing"]

ACROSS_SERVICES = Path(__file__).parent / "tests"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In several processes (`-n`): what crosses services goes first and into one process, since it shares a running
    stack and mostly waits for what it has broken; all else is shared out by files."""
    if config.getoption("dist", "no") != "loadgroup":
        return
    items.sort(key=lambda item: ACROSS_SERVICES not in item.path.parents)
    for item in items:
        group = "across services" if ACROSS_SERVICES in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
