"""Sync runs: reading a store's orders, products, customers or stock, whole or what has changed since the last time."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal
from uuid import UUID

from longshore.contracts.base import Contract, Platform, UtcDatetime
from longshore.contracts.commands import CommandError

SyncResource = Literal["orders", "products", "customers", "inventory"]


class SyncMode(StrEnum):
    """`full`: all that the store has. `incremental`: what has changed since the last run, with an overlap."""

    INCREMENTAL = "incremental"
    FULL = "full"


class SyncTrigger(StrEnum):
    """Why a run was begun. `repair`: the store's webhooks were put right, and had not delivered for a while."""

    REQUEST = "request"
    SCHEDULE = "schedule"
    CONNECTION = "connection"
    REPAIR = "repair"


class SyncStatus(StrEnum):
    """`partial`: read to the end, but `failed_items` could not be read."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


class SyncProgress(Contract):
    """`done` and `total` count entities (`total` None: the store does not say). `eta_s`: seconds that are left."""

    done: int = 0
    total: int | None = None
    rate_per_s: float | None = None
    eta_s: float | None = None


class FailedItem(Contract):
    """An entity that could not be read; `detail` is for people."""

    resource: str
    external_id: str
    code: str
    detail: str


class SyncRun(Contract):
    """One reading of one resource of one store. `failed_items` names the first hundred. `items_of`: it reads only what
    this other run could not."""

    id: UUID
    integration_id: UUID
    resource: SyncResource
    mode: SyncMode
    trigger: SyncTrigger
    status: SyncStatus
    progress: SyncProgress = SyncProgress()
    failed_items: list[FailedItem] = []
    items_of: UUID | None = None
    created_at: UtcDatetime
    started_at: UtcDatetime | None = None
    finished_at: UtcDatetime | None = None
    error: CommandError | None = None


class SyncRunChanged(SyncRun):
    """A run was begun, went on, or ended. On `integrations.events`, keyed by integration.

    `sequence` counts up per run: what has a lower one is older.
    """

    event_type: ClassVar[str] = "longshore.sync.run.v1"

    org_id: UUID
    platform: Platform
    sequence: int
    at: UtcDatetime
