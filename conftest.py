"""What holds for the whole workspace: real Kafka and PostgreSQL, shared by all tests of a process; who runs where."""

from __future__ import annotations

import gc
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from longshore_devkit.forms import examples

# Until all tests are collected: it would look again and again through what stays.
gc.disable()

pytest_plugins = ["longshore_devkit.testing"]

# Without a deadline: how long an example takes is the machine's, which may have other work.
hypothesis.settings.register_profile("longshore", max_examples=examples(100), deadline=None)
hypothesis.settings.load_profile("longshore")

FAULTS = "tests/faults"
LAST = f"{FAULTS}/test_poison.py"
"""It leaves the stack that fault tests share with a consumer that is halted for ever."""
OF_THEIR_OWN = frozenset(
    f"{FAULTS}/test_{name}.py" for name in ("broken_deliveries", "disk", "network", "rebalances", "upgrades")
)
"""Fault tests that use no stack, or one of their own."""


OTHERS = frozenset(f"{FAULTS}/test_{name}.py" for name in ("clocks", "fulfilments", "killed_services", "stores"))
"""Fault tests that share a second stack, for they take longer in one process than all else in the others."""

SECOND = f"{FAULTS} (others)"
"""Their scope."""

LONGEST = (
    FAULTS,
    "tests/e2e",
    SECOND,
    "tests/door",
    "libs/common/tests/broker/test_consumer.py",
    f"{FAULTS}/test_network.py",
    f"{FAULTS}/test_upgrades.py",
)
"""They come first, so that no process is left alone with one at the end."""


def scope_of(nodeid: str) -> str:
    """What a test has to run in one process with: those who share a running stack, else those of its file."""
    path = nodeid.partition("::")[0]
    if path in OF_THEIR_OWN:
        return path
    if path in OTHERS:
        return SECOND
    return next((folder for folder in (FAULTS, "tests/door", "tests/e2e") if path.startswith(f"{folder}/")), path)


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # xdist's has no types for it
    """In several processes (`-n`): see `scope_of`. (xdist's own `loadgroup` has no effect with pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Sharing:
    """xdist's hook."""
    return Sharing(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest first, where there are several processes; what leaves a stack halted last on that stack."""
    if hasattr(config, "workerinput"):
        place = {scope: n for n, scope in enumerate(LONGEST)}
        items.sort(key=lambda item: place.get(scope_of(item.nodeid), len(place)))
    places = [n for n, item in enumerate(items) if scope_of(item.nodeid) == FAULTS]
    sharing = sorted((items[n] for n in places), key=lambda item: item.nodeid.startswith(LAST))
    for n, item in zip(places, sharing, strict=True):
        items[n] = item


def pytest_collection_finish() -> None:
    """A million objects that stay as long as the process: the collector leaves them alone."""
    gc.collect()
    gc.freeze()
    gc.enable()
