"""What happened, for anyone who subscribes: `orders.events`, `inventory.events`, `integrations.events`.

Decisions that people make through the API (a fulfilment asked for, stock adjusted) are events too, whole enough to
rebuild from (ARCHITECTURE, the stream, rule 2). Events name things by id and hold no buyers' data.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal
from uuid import UUID

from longshore.contracts.base import Contract, Platform, UtcDatetime
from longshore.contracts.commands import CommandError, CommandLine
from longshore.contracts.orders import OrderStatus, Tracking
from longshore.money import Money


class OrderChanged(Contract):
    """A canonical order is new or changed. On `orders.events`, keyed by the order's stream key."""

    event_type: ClassVar[str] = "longshore.order.changed.v1"

    order_id: UUID
    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    number: str
    created: bool
    status: OrderStatus
    previous_status: OrderStatus | None = None
    total: Money
    reconciled: bool
    updated_at: UtcDatetime


class FulfillmentRequested(Contract):
    """A decision: somebody asked through the API that lines be shipped."""

    event_type: ClassVar[str] = "longshore.fulfillment.requested.v1"

    order_id: UUID
    org_id: UUID
    integration_id: UUID
    order_external_id: str
    fulfillment_id: UUID
    command_id: UUID
    lines: list[CommandLine]
    tracking: Tracking | None = None
    notify_customer: bool = True
    requested_at: UtcDatetime


class FulfillmentSettled(Contract):
    """The store took a requested fulfilment, or refused it for good. `more_external_ids`: its other parcels, where the
    store ships from several places."""

    event_type: ClassVar[str] = "longshore.fulfillment.settled.v1"

    order_id: UUID
    org_id: UUID
    integration_id: UUID
    fulfillment_id: UUID
    command_id: UUID
    succeeded: bool
    external_id: str | None = None
    more_external_ids: list[str] = []
    error: CommandError | None = None
    at: UtcDatetime


class OrderActionRequested(Contract):
    """A decision: somebody asked through the API for something else than a shipment (`action`: the command's type).

    What a note says, and why something was asked for, is only in the command: it may tell of the buyer.
    """

    event_type: ClassVar[str] = "longshore.order.action_requested.v1"

    order_id: UUID
    org_id: UUID
    integration_id: UUID
    order_external_id: str
    command_id: UUID
    action: str
    # Of a fulfilment's action: ours of it. Of a refund: what the store is asked to pay back, where that was said.
    fulfillment_id: UUID | None = None
    tracking: Tracking | None = None
    lines: list[CommandLine] = []
    amount: Money | None = None
    full: bool = False
    requested_at: UtcDatetime


class OrderActionSettled(Contract):
    """The store did it, or refused it for good. `external_id`: the store's id of what was made (a refund, a note).

    `fulfillment.cancel` that succeeded: the shipment of that id, which had succeeded before, has not left after all.
    """

    event_type: ClassVar[str] = "longshore.order.action_settled.v1"

    order_id: UUID
    org_id: UUID
    integration_id: UUID
    command_id: UUID
    action: str
    fulfillment_id: UUID | None = None
    succeeded: bool
    external_id: str | None = None
    error: CommandError | None = None
    at: UtcDatetime


class DataErased(Contract):
    """A decision: personal data were erased. On `orders.events`, keyed by the integration; no rebuild brings them back.

    `scope` buyer: who bought these orders is gone from them, and these customers are without their person; the lists
    are in the store's own ids, and may name what never came. `store`: all of the store's that was observed until `at`.
    Whoever keeps copies of snapshots erases there too.
    """

    event_type: ClassVar[str] = "longshore.data.erased.v1"

    erasure_id: UUID
    org_id: UUID
    integration_id: UUID
    scope: Literal["buyer", "store"]
    order_external_ids: list[str] = []
    customer_external_ids: list[str] = []
    at: UtcDatetime


class StockAdjusted(Contract):
    """A decision: on-hand of a SKU changed for a reason that is not an order. `delta` in pieces."""

    event_type: ClassVar[str] = "longshore.stock.adjusted.v1"

    movement_id: UUID
    org_id: UUID
    variant_id: UUID
    sku: str
    location: str
    delta: int
    reason: str
    at: UtcDatetime


class AvailabilityChanged(Contract):
    """What can be sold of a SKU at a location changed."""

    event_type: ClassVar[str] = "longshore.stock.changed.v1"

    org_id: UUID
    variant_id: UUID
    sku: str
    location: str
    on_hand: int
    reserved: int
    available: int
    at: UtcDatetime


class OrderOversold(Contract):
    """Lines of an order that stock does not cover; `lines` maps the line id to the pieces short (0: covered again)."""

    event_type: ClassVar[str] = "longshore.order.oversold.v1"

    org_id: UUID
    integration_id: UUID
    order_id: UUID
    order_external_id: str
    lines: dict[UUID, int]
    at: UtcDatetime


class IntegrationStatus(StrEnum):
    """The state of a store's connection."""

    CONNECTING = "connecting"
    ACTIVE = "active"
    ERROR = "error"
    NEEDS_REAUTH = "needs_reauth"
    DELETED = "deleted"


class IntegrationChanged(Contract):
    """A store was connected, changed its state, or was disconnected. On `integrations.events`, keyed by integration."""

    event_type: ClassVar[str] = "longshore.integration.changed.v1"

    integration_id: UUID
    org_id: UUID
    platform: Platform
    status: IntegrationStatus
    reason: str | None = None
    # As the API shows them ({"stock": {"mode", "buffer"}, ...}); never a secret.
    settings: dict[str, Any] = {}
    at: UtcDatetime
