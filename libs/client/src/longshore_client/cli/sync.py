"""sync: reading stores anew."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import get_args
from uuid import UUID

import click

from longshore.contracts import SyncMode, SyncResource, SyncRun, SyncStatus
from longshore_client.cli.exits import ExitCode
from longshore_client.cli.output import page_size, show_list, show_one
from longshore_client.cli.session import HubGroup, Session, paged, pass_session
from longshore_client.sync import Longshore

_EVERY_S = 0.5
_UNDER_WAY = (SyncStatus.QUEUED, SyncStatus.RUNNING)


@click.group(cls=HubGroup)
def sync() -> None:
    """Read stores anew, and see how far that is."""


@sync.command()
@click.argument("integration_id", type=click.UUID)
@click.option(
    "--resource",
    "resources",
    multiple=True,
    type=click.Choice(get_args(SyncResource)),
    help="What to read, may be given more than once; all of it if it is not given.",
)
@click.option("--full", is_flag=True, help="Everything, not only what has changed.")
@click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait so long for the end of the runs.")
@pass_session
@click.pass_context
def start(
    context: click.Context,
    session: Session,
    integration_id: UUID,
    resources: tuple[SyncResource, ...],
    full: bool,
    wait: float | None,
) -> None:
    """Begin to read a store. With --wait exit code 1 unless all was read."""
    with session.hub() as hub:
        runs = hub.integrations.sync(
            integration_id, resources or None, mode=SyncMode.FULL if full else SyncMode.INCREMENTAL
        ).items
        if wait is not None:
            runs = _ended(hub, runs, wait)
    _show_list(session, runs, limit=len(runs), everything=True)
    done = wait is None or all(each.status is SyncStatus.SUCCEEDED for each in runs)
    context.exit(ExitCode.DONE if done else ExitCode.FAILED)


@sync.command("list")
@click.argument("integration_id", type=click.UUID)
@paged
@pass_session
def list_(session: Session, integration_id: UUID, limit: int, everything: bool) -> None:
    """List a store's runs, newest first."""
    with session.hub() as hub:
        runs = hub.integrations.sync_runs(integration_id, limit=page_size(limit, everything=everything))
        _show_list(session, runs, limit=limit, everything=everything)


@sync.command()
@click.argument("run_id", type=click.UUID)
@pass_session
def show(session: Session, run_id: UUID) -> None:
    """Show one run, with its progress and what could not be read."""
    with session.hub() as hub:
        _show(session, hub.integrations.sync_run(run_id))


@sync.command()
@click.argument("run_id", type=click.UUID)
@pass_session
def cancel(session: Session, run_id: UUID) -> None:
    """End a run after the page that is being read."""
    with session.hub() as hub:
        _show(session, hub.integrations.cancel_sync(run_id))


@sync.command()
@click.argument("run_id", type=click.UUID)
@pass_session
def retry(session: Session, run_id: UUID) -> None:
    """Read once more what a run that is over could not."""
    with session.hub() as hub:
        _show(session, hub.integrations.retry_sync(run_id))


def _ended(hub: Longshore, runs: Sequence[SyncRun], wait: float) -> list[SyncRun]:
    """The runs once they have all ended, or as they are when time is over."""
    deadline = time.monotonic() + wait
    found = list(runs)
    while any(each.status in _UNDER_WAY for each in found) and time.monotonic() < deadline:
        time.sleep(_EVERY_S)
        found = [hub.integrations.sync_run(each.id) if each.status in _UNDER_WAY else each for each in found]
    return found


def _of(run: SyncRun) -> str:
    total = run.progress.total
    return f"{run.progress.done}" if total is None else f"{run.progress.done} of {total}"


def _show_list(session: Session, runs: Iterable[SyncRun], *, limit: int, everything: bool) -> None:
    show_list(
        session,
        runs,
        {
            "id": lambda each: each.id,
            "resource": lambda each: each.resource,
            "mode": lambda each: each.mode,
            "status": lambda each: each.status,
            "done": _of,
            "failed": lambda each: len(each.failed_items),
            "error": lambda each: each.error and each.error.detail,
        },
        limit=limit,
        everything=everything,
        empty="This store has not been read yet.",
    )


def _show(session: Session, run: SyncRun) -> None:
    show_one(
        session,
        run,
        {
            "id": run.id,
            "integration": run.integration_id,
            "resource": run.resource,
            "mode": run.mode,
            "status": run.status,
            "done": _of(run),
            "per second": run.progress.rate_per_s,
            "seconds left": run.progress.eta_s,
            "started": run.started_at,
            "finished": run.finished_at,
            "error": run.error and run.error.detail,
            "failed": "; ".join(f"{each.resource} {each.external_id}: {each.detail}" for each in run.failed_items),
        },
    )
