"""How a store's connection fares: what a test of it found, and its webhooks."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from longshore.contracts.base import Contract, Platform, UtcDatetime


class CheckStatus(StrEnum):
    """`warn`: it works, or could not be looked at; `fail`: somebody has to do something."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class ConnectionCheck(Contract):
    """One thing that was looked at. `remedy`: what to do; None where there is nothing to do."""

    name: str
    status: CheckStatus
    detail: str
    remedy: str | None = None


class ConnectionTest(Contract):
    """A test of a store's connection. `status` is that of the worst check.

    The checks are `reachable`, `tls`, `authenticated`, `permissions`, `platform_version`, `webhooks` and `clock`.
    """

    integration_id: UUID
    status: CheckStatus
    checks: list[ConnectionCheck]
    tested_at: UtcDatetime


class WebhookStatus(StrEnum):
    """`wrong`: it is there, but not as it must be (`detail` says how). `silent`: the store calls it active, and polling
    sees changes that it does not deliver."""

    ACTIVE = "active"
    MISSING = "missing"
    DISABLED = "disabled"
    WRONG = "wrong"
    SILENT = "silent"


class Webhook(Contract):
    """A topic that we need, and what the store has of it. `external_id` is the store's id of the subscription."""

    topic: str
    status: WebhookStatus
    external_id: str | None = None
    detail: str | None = None


class WebhookRepair(Contract):
    """A webhook that was put right, and what it was before."""

    topic: str
    was: WebhookStatus


class WebhooksRepaired(Contract):
    """Webhooks of a store were put right: what it had to say meanwhile was not delivered. On `integrations.events`,
    keyed by integration. `heard_at`: the last delivery before, as far as one is known; what has changed since is read
    by sync runs with the trigger `repair`."""

    event_type: ClassVar[str] = "longshore.integration.webhooks_repaired.v1"

    integration_id: UUID
    org_id: UUID
    platform: Platform
    webhooks: list[WebhookRepair]
    heard_at: UtcDatetime | None = None
    at: UtcDatetime
