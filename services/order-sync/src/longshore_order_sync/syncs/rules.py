"""Which run answers a request. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from longshore.contracts import SyncMode, SyncResource, SyncRun


def serving(open_runs: Iterable[SyncRun], resource: SyncResource, mode: SyncMode) -> SyncRun | None:
    """The run under way that reads what is asked for: the same resource, and whole if all of it is wanted."""
    for run in open_runs:
        if run.resource == resource and (run.mode is SyncMode.FULL or mode is SyncMode.INCREMENTAL):
            return run
    return None
