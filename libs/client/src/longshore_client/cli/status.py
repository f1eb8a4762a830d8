"""status: how the hub fares."""

from __future__ import annotations

import time

import click

from longshore_client.cli.exits import ExitCode
from longshore_client.cli.output import show_one
from longshore_client.cli.session import HubCommand, Session, pass_session
from longshore_client.errors import NoAnswer, Unavailable
from longshore_client.models import SystemState
from longshore_client.sync import Longshore

_EVERY_S = 0.5


@click.command(cls=HubCommand)
@click.option("--wait", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait so long for it to be settled.")
@pass_session
@click.pass_context
def status(context: click.Context, session: Session, wait: float | None) -> None:
    """Services, lag and dead letters. Exit code 1 if the hub is not ready (with --wait: not settled in time)."""
    with session.hub() as hub:
        state = hub.system.state() if wait is None else _settled(hub, wait)
    behind = {name: lag for name, lag in state.lag.items() if lag}
    show_one(
        session,
        state,
        {
            "version": state.version,
            "ready": state.ready,
            "settled": state.settled,
            **{each.name: _service(each.ready, each.version, each.missing) for each in state.services},
            "lag": behind or 0,
            "outbox": sum(state.outbox.values()),
            "jobs due": sum(state.jobs.values()),
            "dead letters": state.dead_letters,
            "halted": ", ".join(state.halted) or None,
            "rebuilding": ", ".join(state.rebuilding) or None,
            "refusing": state.refusing,
        },
    )
    good = state.ready if wait is None else state.settled
    context.exit(ExitCode.DONE if good else ExitCode.FAILED)


def _service(ready: bool, version: str | None, missing: dict[str, str]) -> str:
    if ready:
        return f"ready ({version})"
    return "not ready: " + ("; ".join(f"{name}: {why}" for name, why in missing.items()) or "it does not answer")


def _settled(hub: Longshore, wait: float) -> SystemState:
    """The state once it is settled, or the last one when time is over. A hub that is still starting is waited for."""
    deadline = time.monotonic() + wait
    while True:
        late = time.monotonic() >= deadline
        try:
            state = hub.system.state()
            if state.settled or late:
                return state
        except (NoAnswer, Unavailable):
            if late:
                raise
        time.sleep(_EVERY_S)
