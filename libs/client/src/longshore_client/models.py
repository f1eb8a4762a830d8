"""What the API answers and takes that is not among the contracts already. Unknown members are ignored: a newer hub may
say more than this client knows."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import Field

from longshore.contracts import (
    CommandView,
    Contract,
    Fulfillment,
    IntegrationStatus,
    Platform,
    ProductStatus,
    SyncRun,
    UtcDatetime,
    Webhook,
)
from longshore.money import Money

T = TypeVar("T")


class Page(Contract, Generic[T]):
    """A page of a list. `next_cursor` leads to the next one; None: this is the last."""

    items: list[T]
    next_cursor: str | None = None


class Integration(Contract):
    """A connected store. `webhook_url` is where it delivers. Credentials are never shown."""

    id: UUID
    org_id: UUID
    platform: Platform
    name: str
    store_url: str
    status: IntegrationStatus
    status_reason: str | None = None
    settings: dict[str, Any]
    webhook_url: str | None = None
    created_at: UtcDatetime
    updated_at: UtcDatetime


class ConnectLink(Contract):
    """Where a person connects a store in a browser: the link works once, and not for long."""

    url: str
    expires_at: UtcDatetime


class PlatformState(StrEnum):
    """Whether stores of a platform can be connected."""

    AVAILABLE = "available"
    COMING_SOON = "coming_soon"


class PlatformInfo(Contract):
    """A platform. `credentials` is the JSON Schema of what connecting one of its stores takes; `commands` is what its
    stores can be asked, `scopes` what its owner is asked to grant."""

    platform: str
    name: str
    status: PlatformState
    capabilities: list[str] = []
    credentials: dict[str, Any] = {}
    store_url: str | None = None
    setup_steps: list[str] = []
    commands: list[str] = []
    scopes: list[str] = []


class Platforms(Contract):
    """All platforms, those that are available first."""

    items: list[PlatformInfo]
    next_cursor: str | None = None


class Webhooks(Contract):
    """The webhooks that the hub needs of a store."""

    items: list[Webhook]
    next_cursor: str | None = None


class SyncRuns(Contract):
    """The sync runs that were asked for, one per resource."""

    items: list[SyncRun]


class PrivacyRequest(Contract):
    """A request about somebody's data, and the record of what was done. `source`: who passed it on."""

    id: UUID
    integration_id: UUID
    kind: str
    source: str
    customer_external_id: str | None = None
    order_external_ids: list[str] = []
    received_at: UtcDatetime
    done_at: UtcDatetime | None = None
    outcome: dict[str, Any] | None = None


class PrivacyExport(Contract):
    """All that is kept of a buyer: accounts, and each order in all states that are kept of it."""

    request: PrivacyRequest
    customers: list[dict[str, Any]]
    orders: list[dict[str, Any]]


class AcceptedItem(Contract):
    """An item that is safe in the log. `id` is its canonical id; None for stock."""

    external_id: str
    id: UUID | None = None


class Accepted(Contract):
    """All items that were sent, in their order."""

    accepted: int
    items: list[AcceptedItem]


class ApiKey(Contract):
    """An API key. `prefix` is its beginning; `last_used_at` is written now and then, not with each request."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_by: str
    created_at: UtcDatetime
    expires_at: UtcDatetime | None = None
    last_used_at: UtcDatetime | None = None


class ApiKeyCreated(ApiKey):
    """A new key, with the key itself: it is shown this once."""

    key: str = Field(repr=False)


class User(Contract):
    """A person of the organisation: an `owner`, `operator` or `viewer`."""

    id: UUID
    email: str
    name: str
    role: str
    disabled: bool
    created_by: str
    created_at: UtcDatetime
    last_login_at: UtcDatetime | None = None


class UserCreated(User):
    """A new person, and their invitation unless they were given a password. It is shown this once."""

    invitation: str | None = Field(default=None, repr=False)


class Invitation(Contract):
    """Good once and for seven days, to choose a password with."""

    invitation: str = Field(repr=False)


class AuditEntry(Contract):
    """Somebody (`actor`, as they were called then) did `action` to `subject`."""

    id: UUID
    at: UtcDatetime
    actor: str
    actor_name: str
    action: str
    subject: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    trace_id: str | None = None


class Caller(Contract):
    """Who is asking, and what they may do. `email` and `role` of a person; `name` of a key."""

    kind: str
    id: UUID
    org_id: UUID
    name: str
    email: str | None = None
    role: str | None = None
    scopes: list[str]


class Customer(Contract):
    """A customer of one store."""

    id: UUID
    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime


class FulfillmentAccepted(Contract):
    """A fulfilment, pending until the store has taken it, and its command."""

    fulfillment: Fulfillment
    command: CommandView


class CommandAccepted(Contract):
    """What was asked of a store, pending until it has been done."""

    command: CommandView


class Channel(Contract):
    """What one store was told of a SKU, and whether that is what it has."""

    integration_id: UUID
    listing_id: UUID
    quantity: int | None = None
    pushed_at: UtcDatetime | None = None
    in_sync: bool


class Level(Contract):
    """Stock of a SKU at a location, in pieces: available = on hand - reserved - buffer."""

    sku: str
    variant_id: UUID
    location: str
    on_hand: int
    reserved: int
    available: int
    channels: list[Channel]


class Movement(Contract):
    """An entry of the stock ledger. `delta` in pieces."""

    id: UUID
    number: int
    sku: str
    variant_id: UUID
    location: str
    kind: str
    delta: int
    reason: str
    at: UtcDatetime


class Adjusted(Contract):
    """The movement that an adjustment made, and the level after it."""

    movement: Movement
    level: Level


class Alert(Contract):
    """Something about stock that a person should know."""

    id: UUID
    kind: str
    sku: str | None = None
    variant_id: UUID | None = None
    order_id: UUID | None = None
    integration_id: UUID | None = None
    quantity: int | None = None
    detail: str
    created_at: UtcDatetime


class Listing(Contract):
    """What ties a variant to one store's ids."""

    id: UUID
    integration_id: UUID
    platform: Platform
    product_id: UUID
    product_external_id: str
    variant_external_id: str
    inventory_external_id: str
    variant_id: UUID | None = None
    sku: str | None = None
    title: str
    barcode: str | None = None
    price: Money | None = None
    tracked: bool
    active: bool


class Product(Contract):
    """A product as one store has it."""

    id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    parent_external_id: str | None = None
    title: str
    status: ProductStatus
    platform_status: str
    listings: list[Listing]


class DeadLetter(Contract):
    """A record that could not be applied: by which consumer group, and why. `size` in bytes."""

    id: UUID
    integration_id: UUID | None = None
    topic: str
    partition: int
    offset: int
    key: str
    consumer_group: str
    reason: str
    error: str
    size: int
    failed_at: UtcDatetime
    replayed_at: UtcDatetime | None = None


class DeadLetterDetail(DeadLetter):
    """With where the code failed and the beginning of the body (it may hold buyers' data)."""

    stack: str
    body: str
    body_truncated: bool


class Replayed(Contract):
    """How many dead letters went back to their topics."""

    replayed: int


class ServiceState(Contract):
    """One service; `missing` says what it waits for."""

    name: str
    ready: bool
    version: str | None = None
    missing: dict[str, str] = {}


class SystemState(Contract):
    """The whole hub: `ready` when every service is, `settled` when nothing is under way anywhere."""

    version: str
    ready: bool
    settled: bool
    services: list[ServiceState]
    lag: dict[str, int]
    outbox: dict[str, int]
    jobs: dict[str, int]
    dead_letters: int
    halted: list[str]
    rebuilding: list[str] = []
    refusing: str | None = None


class StateHash(Contract):
    """SHA-256 over the canonical content of the organisation, per kind."""

    orders: str
    customers: str
    products: str
    stock: str
    reservations: str
