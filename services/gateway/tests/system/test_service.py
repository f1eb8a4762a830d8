"""When the whole counts as settled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longshore_gateway.system.lag import Lags
from longshore_gateway.system.service import Look, ServiceState, settled


def look(
    *,
    ready: bool = True,
    lag: int = 0,
    outbox: int = 0,
    jobs: int = 0,
    written: int = 100,
    complete: bool = True,
    kafka: bool = True,
) -> Look:
    return Look(
        services=[
            ServiceState(name="gateway", ready=True, version="1"),
            ServiceState(name="x", ready=ready, version="1"),
        ],
        outbox={"x": outbox},
        jobs={"connector-woo": jobs},
        lags=Lags({"x.orders": lag}, written) if kafka else None,
        complete=complete,
    )


def test_two_quiet_looks_with_nothing_written_in_between() -> None:
    assert settled(look(), look())


@pytest.mark.parametrize(
    "busy",
    [
        look(lag=1),
        look(outbox=1),
        look(jobs=1),
        look(ready=False),
        look(complete=False),
        look(kafka=False),
        replace(look(), rebuilding=["x"]),
    ],
    ids=["lag", "outbox", "jobs", "not ready", "a service is missing", "no Kafka", "a rebuild"],
)
def test_busy(busy: Look) -> None:
    assert not settled(busy, look())
    assert not settled(look(), busy)


def test_what_slipped_between_the_questions_of_a_look_shows_in_what_was_written() -> None:
    assert not settled(look(written=100), look(written=101))
