"""What holds for the whole workspace: real Kafka and PostgreSQL, shared by all tests of a process; who runs where."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["longshore_devkit.testing"]

FAULTS = "tests/faults"
OF_THEIR_OWN = frozenset(
    f"{FAULTS}/test_{name}.py" for name in ("broken_deliveries", "disk", "network", "poison", "rebalances", "upgrades")
)
"""Fault tests that use no stack, or one of their own."""


def scope_of(nodeid: str) -> str:
    """What a test has to run in one process with: those who share a running stack, else those of its file."""
    path = nodeid.partition("::")[0]
    if path in OF_THEIR_OWN:
        return path
    return next((folder for folder in (FAULTS, "tests/door", "tests/e2e") if path.startswith(f"{folder}/")), path)


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # xdist's has no types for it
    """In several processes (`-n`): see `scope_of`. (xdist's own `loadgroup` has no effect with pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    """xdist's hook."""
    return Sharing(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest first, so that no process is left alone with it at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (scope_of(item.nodeid) != FAULTS, not item.nodeid.startswith("tests/")))
