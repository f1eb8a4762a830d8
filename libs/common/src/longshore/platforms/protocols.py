"""The two halves of a connector: a pure `Translator` and a `StoreClient` that does all I/O. They never mix.

The kit drives both: raw records go through the translator, its fetch requests and all commands go through durable jobs
to the store client. A platform's package implements these two protocols and declares itself; nothing here names one. A
client inherits commanding.NoActions, which refuses what its platform does not have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from longshore.contracts import (
    CustomerDeleted,
    CustomerSnapshot,
    FulfillmentCancel,
    FulfillmentCreate,
    FulfillmentTracking,
    OrderCancel,
    OrderDeleted,
    OrderMarkPaid,
    OrderNote,
    OrderRefund,
    OrderSnapshot,
    OrderStatusSet,
    OrderTags,
    Origin,
    Platform,
    PriceSet,
    ProductDeleted,
    ProductPublish,
    ProductSnapshot,
    ProductUnpublish,
    RawRef,
    StockLevel,
    StockSet,
    SyncResource,
    Webhook,
)
from longshore.ids import IntegrationId, OrgId

Resource = Literal["order", "product", "stock", "customer"]

NormalizedEvent = (
    OrderSnapshot | OrderDeleted | ProductSnapshot | ProductDeleted | StockLevel | CustomerSnapshot | CustomerDeleted
)


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record of a raw topic. `body` is exactly what the platform sent.

    `topic_name` is the platform's own topic word for a webhook ("orders/create", "order.updated"). For what a connector
    fetched (`origin` fetch), `resource` and `external_id` say what, and `gone` that the store no longer has it.
    `received_at` is the time of delivery or of the fetch. `headers` are the platform's, lower case.
    """

    platform: Platform
    org_id: OrgId
    integration_id: IntegrationId
    origin: Origin
    topic_name: str
    resource: Resource | None
    external_id: str | None
    gone: bool
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes
    ref: RawRef


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """ "Read this entity from the store": what a translator asks for when a delivery holds less than the entity.

    `external_id` is in the platform's own words, as `StoreClient.fetch` of the same platform understands it.
    """

    resource: Resource
    external_id: str


@dataclass(slots=True)
class Translation:
    """What a raw record means. `ignored` says why nothing came of it (a ping, a topic that we do not follow). `check`:
    what the store lets us do has changed, or so it says. `reread`: so much has changed that the resource is read whole.
    `bodies`: JSON of the events, in their order, if it is there already.
    """

    events: list[NormalizedEvent] = field(default_factory=list)
    fetches: list[FetchRequest] = field(default_factory=list)
    ignored: str | None = None
    check: bool = False
    reread: SyncResource | None = None
    bodies: Sequence[bytes] = ()


class Untranslatable(ValueError):
    """The record cannot be read by any version of this translator: it goes to the dead letters with this reason.

    The message names fields, never their content (buyers' data).
    """


class Translator(Protocol):
    """Pure: no clock, no network, no database. The same record always gives the same translation."""

    def translate(self, record: RawRecord) -> Translation:
        """Raises Untranslatable. Any other exception is a bug of ours and counts as a poison record too."""


@dataclass(frozen=True, slots=True)
class Integration:
    """A connected store, with what is needed to talk to it. Its repr shows no credentials."""

    id: IntegrationId
    org_id: OrgId
    platform: Platform
    name: str
    store_url: str
    credentials: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FetchedEntity:
    """One entity as the store answered it, exact bytes; it becomes one raw record.

    `gone`: the store says that it does not exist (body is then the store's answer).
    """

    resource: Resource
    external_id: str
    body: bytes
    gone: bool = False


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a sync run reads. `since`: only what has changed since then, by the store's own clock; None: all.

    `mark` is what the last run of the resource left for the next (`SyncPage.mark`), in the client's own words. `key`
    names the run: what a client begins at the store under this name it finds again after a crash.
    """

    resource: SyncResource
    since: datetime | None = None
    mark: str | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class SyncFailure:
    """An entity of a page that could not be read; the kit asks for it again by `StoreClient.fetch`."""

    request: FetchRequest
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class SyncPage:
    """One step of a sync run. `count`: how many of the resource it brought (what belongs to them does not count).

    `cursor`: where the next page begins, in the client's own words; it must hold however the store's rows change
    meanwhile. None: this was the last. `total`: how many there are in all, as far as the store says. `again_in_s`: the
    store prepares what comes next; ask for it so much later.
    """

    entities: Sequence[FetchedEntity]
    count: int
    cursor: str | None
    total: int | None = None
    failed: Sequence[SyncFailure] = ()
    mark: str | None = None
    again_in_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a connection check found out. `missing` names permissions that we cannot do without and lack, `lacking`
    those without which less is known. `version_warning`: what is to be said of the platform's version, if anything is.
    `note`: a sentence on how we work with this very store, where stores differ.
    """

    name: str
    platform_version: str | None
    currency: str | None
    missing: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    version_warning: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class FulfillmentResult:
    """`external_id`: the store's id of the shipment (None where a platform has none). `more`: of its other parcels,
    where a store ships from several places.

    `existed`: it was there already, written by an earlier try.
    """

    external_id: str | None
    existed: bool = False
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A store has done what was asked. `external_id`: its id of what that made (a refund, a note, a parcel), `more` of
    what else.

    `existed`: it was so already, by an earlier try or without us.
    """

    external_id: str | None = None
    existed: bool = False
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StockResult:
    """What became of one listing of a stock push. `quantity` is what the store has now, as far as it said.

    `error` is None on success. `retry`: a passing fault, try the same again; else it is final. A stale compare-and-set
    is final with code STALE and the quantity that the store has, even if that is the one that was wanted: who asked
    decides anew. `slipped`: the level changed between our look and our write, where a platform has no compare-and-set.
    """

    listing_id: object
    sequence: int
    quantity: int | None
    error: str | None = None
    code: str | None = None
    retry: bool = False
    slipped: bool = False


class StoreError(Exception):
    """A store did not do what was asked. `code` is stable, `detail` for people; neither holds a secret."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class StoreUnavailable(StoreError):
    """A passing fault (time-out, 5xx, connection lost, HTML instead of JSON): try again, after `retry_after` seconds if
    the store named a time. Whether a write was done is unknown: look before repeating it. `untouched`: none was sent.
    """

    def __init__(self, code: str, detail: str, retry_after: float | None = None, *, untouched: bool = False) -> None:
        super().__init__(code, detail)
        self.retry_after = retry_after
        self.untouched = untouched


class StoreThrottled(StoreUnavailable):
    """The store asks us to slow down; it is not a fault and does not count for the circuit breaker."""


class StoreRefused(StoreError):
    """The store says no, and would say so again."""


class StoreUnauthorized(StoreRefused):
    """The credentials are not (or no longer) good, or lack a permission.

    `partial`: only for what was asked; the store lets us in for other things.
    """

    def __init__(self, code: str, detail: str, *, partial: bool = False) -> None:
        super().__init__(code, detail)
        self.partial = partial


class StoreClient(Protocol):
    """All I/O with one store. Raises StoreError and nothing else for what a store or the network does.

    Every write is safe to repeat after a crash or a lost answer: by the platform's idempotency key, or a look before.
    One client is used by many tasks at a time. Pacing to the store's rate limit is the client's; retries are the kit's.
    """

    async def check(self) -> StoreInfo:
        """Reach, authenticate, and compare permissions with what we need."""

    async def webhooks(self, callback_url: str) -> list[Webhook]:
        """Each topic that we need and may have, and what the store has of it for `callback_url`."""

    async def ensure_webhooks(self, callback_url: str) -> list[str]:
        """Make sure that each topic we follow is delivered to `callback_url`, once; answers the topics registered.

        WooCommerce signs with credentials["webhook_secret"], Shopify with the app's secret.
        """

    async def remove_webhooks(self, callback_url: str) -> None:
        """Remove what `ensure_webhooks` made."""

    async def fetch(self, request: FetchRequest) -> list[FetchedEntity]:
        """Read one entity (and what belongs to it, each as an entity of its own)."""

    def import_catalogue(self) -> AsyncIterator[Sequence[FetchedEntity]]:
        """All products (with variations) and their stock, page by page: what a new connection begins with."""

    async def sync_page(self, request: SyncRequest, cursor: str | None) -> SyncPage:
        """One page of a sync run, and where the next begins; `cursor` None is the beginning.

        A row that exists from the run's beginning to its end is read, whatever changes around it. What changes while
        the run goes on may be missed: it has changed after the run began, and the next incremental run reads it.
        """

    async def end_sync(self, request: SyncRequest, cursor: str | None) -> None:
        """A run ends before its time, at `cursor`: stop what it has under way at the store, if anything."""

    async def create_fulfillment(self, command: FulfillmentCreate) -> FulfillmentResult:
        """Tell the store of a shipment, once: looks for an earlier try of the same command before it writes."""

    async def cancel_order(self, command: OrderCancel) -> Done:
        """Cancel an order, and wait until the store has done it."""

    async def add_note(self, command: OrderNote) -> Done:
        """Add a remark, once."""

    async def refund_order(self, command: OrderRefund) -> Done:
        """Pay back, once: looks for `refund_id` at the store before it writes."""

    async def change_tags(self, command: OrderTags) -> Done:
        """Add tags and take tags away."""

    async def mark_paid(self, command: OrderMarkPaid) -> Done:
        """Write down a payment of what is outstanding, once."""

    async def set_order_status(self, command: OrderStatusSet) -> Done:
        """Put an order into a state of the store's own."""

    async def update_tracking(self, command: FulfillmentTracking) -> Done:
        """Set how a parcel is followed; the buyer is told once."""

    async def cancel_fulfillment(self, command: FulfillmentCancel) -> Done:
        """Take a shipment back."""

    async def publish_product(self, command: ProductPublish | ProductUnpublish) -> Done:
        """Show a product to buyers, or hide it."""

    async def set_price(self, command: PriceSet) -> Done:
        """Set the price of a listing."""

    async def set_stock(self, targets: Sequence[StockSet]) -> list[StockResult]:
        """Set the stock of up to `stock_batch` listings; one result for each target, errors per item."""

    @property
    def stock_batch(self) -> int:
        """How many listings one `set_stock` may hold."""

    @property
    def clock_ahead_s(self) -> float:
        """How far the store's clock is ahead of ours, by its last answer (see store_clock)."""

    async def close(self) -> None:
        """Close connections."""
