"""Commands to stores and what became of them. A command is safe to run twice: see each payload's key."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from longshore.contracts.actions import OrderAction, ProductAction
from longshore.contracts.base import Contract, Platform, UtcDatetime
from longshore.contracts.orders import Tracking


class CommandLine(Contract):
    """Pieces of an order line, in the store's own words."""

    line_id: UUID
    external_id: str
    quantity: int


class FulfillmentCreate(Contract):
    """Tell the store that goods left. `fulfillment_id` is the idempotency key: the connector looks for it, or for the
    same tracking and lines, before it writes.

    `completes_order`: with this one, nothing is left to ship (a store without partial shipments then closes the order).
    """

    type: Literal["fulfillment.create"] = "fulfillment.create"
    order_id: UUID
    order_external_id: str
    fulfillment_id: UUID
    lines: list[CommandLine]
    tracking: Tracking | None = None
    notify_customer: bool = True
    completes_order: bool = False


class StockSet(Contract):
    """Set what the store can sell of one listing. Newer commands for the same listing supersede older ones:
    `sequence` counts up per listing.

    `expected` is what we believe the store has now (compare-and-set where the platform can; None: unknown).
    """

    type: Literal["stock.set"] = "stock.set"
    listing_id: UUID
    sku: str
    product_external_id: str | None = None
    parent_external_id: str | None = None
    variant_external_id: str
    inventory_external_id: str
    location_external_id: str | None = None
    quantity: int
    expected: int | None = None
    sequence: int
    # When the sale that caused this push reached the gateway: where the oversell window begins. None: no sale did.
    caused_at: UtcDatetime | None = None


class EntityFetch(Contract):
    """Read one entity of the store anew into the raw log; asked for when two deliveries contradict each other, or one
    may be of before what we have written."""

    type: Literal["entity.fetch"] = "entity.fetch"
    resource: Literal["order", "product", "stock", "customer"]
    external_id: str


class SyncStart(Contract):
    """Read one resource of the store; the command's id is the run's. What becomes of it is told on
    `integrations.events`. `items_of`: read only what this other run could not."""

    type: Literal["sync.start"] = "sync.start"
    resource: Literal["orders", "products", "customers", "inventory"]
    mode: Literal["incremental", "full"]
    trigger: Literal["request", "repair"] = "request"
    items_of: UUID | None = None


class SyncCancel(Contract):
    """End a run before its time; one that has ended stays as it is."""

    type: Literal["sync.cancel"] = "sync.cancel"
    run_id: UUID


CommandPayload = Annotated[
    FulfillmentCreate | StockSet | EntityFetch | SyncStart | SyncCancel | OrderAction | ProductAction,
    Field(discriminator="type"),
]


class Command(Contract):
    """Something to do at a store; on `commands.<platform>`, keyed by integration. `reply_to`: who asked.

    `supersedes`: earlier commands of the same sender that set the same thing and are needless now, whatever has become
    of them: one that waits for another try must not undo this one.
    """

    event_type: ClassVar[str] = "longshore.command.v1"

    id: UUID
    org_id: UUID
    integration_id: UUID
    platform: Platform
    payload: CommandPayload
    reply_to: str
    created_at: UtcDatetime
    supersedes: list[UUID] = []


class CommandStatus(StrEnum):
    """`superseded`: a newer command for the same thing made this one needless."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


# The code of a stock.set that failed since the store did not have what was expected; `quantity` of the outcome is what
# it has. Nothing was overwritten: who asked decides anew, knowing that.
STALE = "stale"


class CommandError(Contract):
    """Why a store did not do it; `detail` is for people and holds no secrets."""

    code: str
    detail: str


class CommandOutcome(Contract):
    """What became of a command; on `commands.outcomes`, keyed by integration.

    `running` with an error tells of a try that failed and will be repeated. The others are final, sent at least once.
    """

    event_type: ClassVar[str] = "longshore.command.outcome.v1"

    command_id: UUID
    type: str
    org_id: UUID
    integration_id: UUID
    reply_to: str
    # A stock push that was under way when a newer command superseded it is still told of: as what the store took.
    status: CommandStatus
    attempts: int
    error: CommandError | None = None
    at: UtcDatetime
    # fulfillment.create: the store's id of it. stock.set: the listing and what the store has now.
    fulfillment_id: UUID | None = None
    fulfillment_external_id: str | None = None
    # Those of its other parcels, where the store ships it from several places.
    more_fulfillment_external_ids: list[str] = []
    # The store's id of what else a command has made: a refund, a note.
    made_external_id: str | None = None
    listing_id: UUID | None = None
    quantity: int | None = None
    sequence: int | None = None
    caused_at: UtcDatetime | None = None
    # stock.set: sequences of the listing that were sent to the store before this try and whose answers were lost (a
    # crash, a dropped connection); each may have taken effect.
    answers_lost: list[int] = []
    # stock.set: `at` by the store's own clock, which dates its orders, where that differs.
    at_store: UtcDatetime | None = None


class CommandView(Contract):
    """A command as the API lists it."""

    id: UUID
    type: str
    order_id: UUID | None = None
    integration_id: UUID
    status: CommandStatus
    attempts: int
    error: CommandError | None = None
    created_at: UtcDatetime
    finished_at: UtcDatetime | None = None
