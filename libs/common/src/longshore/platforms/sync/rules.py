"""Runs and their progress. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from longshore.contracts import (
    CommandError,
    FailedItem,
    Platform,
    SyncMode,
    SyncProgress,
    SyncResource,
    SyncRunChanged,
    SyncStatus,
    SyncTrigger,
)
from longshore.ids import IntegrationId, OrgId

# Stores date changes by the second, several servers of one host by clocks of their own, and a change is dated before it
# can be read. What is read twice changes nothing.
OVERLAP = timedelta(minutes=2)
DEFAULT_POLL_S = 900.0
# Why a run failed that the store does not permit. It is told once: the schedule begins no other until the store is
# connected anew, tells of a change of its permissions, or somebody asks for one.
MISSING_PERMISSION = "missing-permission"
# Of the time between two polls: a hundred stores that were connected in one minute are not polled in one.
JITTER = 0.1

FINAL = frozenset({SyncStatus.SUCCEEDED, SyncStatus.PARTIAL, SyncStatus.FAILED, SyncStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the connector keeps it.

    `cursor`: where the next page begins (None: at the beginning). `since`: what an incremental run asks for.
    `asked_at`: when the first page was asked for, by the store's clock: what has changed later is the next run's.
    `busy_s`: time spent on it, for the rate. `attempts`: tries of the next page that failed. `progressed_at`: the last
    page, or the start. `sequence`: how often it was told of. `reply_to`: who sent the command, None if nobody did.
    `items_of`: only what this other run could not read is read.
    """

    id: UUID
    org_id: OrgId
    integration_id: IntegrationId
    resource: SyncResource
    mode: SyncMode
    trigger: SyncTrigger
    status: SyncStatus
    created_at: datetime
    progressed_at: datetime
    reply_to: str | None = None
    items_of: UUID | None = None
    cursor: str | None = None
    since: datetime | None = None
    asked_at: datetime | None = None
    mark: str | None = None
    done: int = 0
    total: int | None = None
    busy_s: float = 0.0
    attempts: int = 0
    cancel: bool = False
    sequence: int = 0
    error: CommandError | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


def progress_of(run: Run) -> SyncProgress:
    """Rate over the time that was spent on it (pauses between tries included), and what is left at that rate."""
    rate = run.done / run.busy_s if run.busy_s > 0 and run.done else None
    eta = None
    if run.status in FINAL:
        eta = 0.0
    elif rate and run.total is not None:
        eta = round(max(0, run.total - run.done) / rate, 1)
    return SyncProgress(
        done=run.done,
        # A store that grows while it is read has more in the end than it said.
        total=None if run.total is None else max(run.total, run.done),
        rate_per_s=None if rate is None else round(rate, 1),
        eta_s=eta,
    )


def event_of(run: Run, platform: Platform, failed: list[FailedItem], at: datetime) -> SyncRunChanged:
    """What is told of a run now."""
    return SyncRunChanged(
        id=run.id,
        org_id=run.org_id,
        integration_id=run.integration_id,
        platform=platform,
        resource=run.resource,
        mode=run.mode,
        trigger=run.trigger,
        status=run.status,
        progress=progress_of(run),
        failed_items=failed,
        items_of=run.items_of,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        error=run.error,
        sequence=run.sequence,
        at=at,
    )


def poll_interval_s(settings: Mapping[str, object]) -> float:
    """Seconds between two polls, as the store's settings have it."""
    value = settings.get("poll_interval_s")
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else DEFAULT_POLL_S
    )


def is_due(read_at: datetime, interval_s: float, now: datetime) -> bool:
    """Whether a resource that was last read then is to be read now. Rounds come by the same interval, give or take its
    jitter: half of it is long enough ago, and what a request has just read is not."""
    return now - read_at >= timedelta(seconds=interval_s / 2)


def next_poll_s(interval_s: float, chance: float) -> float:
    """The interval, a little shorter or longer; `chance` is from 0 to 1."""
    return interval_s * (1 - JITTER + 2 * JITTER * chance)
