"""A toy platform: stores in memory behind the kit's protocols, which fail when they are told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from longshore.broker import Message
from longshore.contracts import FulfillmentCreate, OrderDeleted, StockSet, Webhook, WebhookStatus
from longshore.observability import current_traceparent
from longshore.platforms.commanding import NoActions
from longshore.platforms.protocols import (
    FetchedEntity,
    FetchRequest,
    FulfillmentResult,
    Integration,
    RawRecord,
    StockResult,
    StoreClient,
    StoreInfo,
    SyncPage,
    SyncRequest,
    Translation,
    Untranslatable,
)

NOW = datetime(2026, 11, 20, 21, 30, 25, tzinfo=UTC)

OnStock = Callable[[StockSet], StockResult]


@dataclass
class Shop:
    """One store: what it holds, what it was asked, and what goes wrong there."""

    missing: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    webhooks: set[str] = field(default_factory=set)
    shipments: dict[UUID, str] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    entities: dict[str, bytes] = field(default_factory=dict)
    catalogue: list[list[FetchedEntity]] = field(default_factory=list)
    # The pages of a sync run by resource; a cursor is the number of the next one.
    pages: dict[str, list[SyncPage]] = field(default_factory=dict)
    # What a sync run of a resource is told instead.
    denied: dict[str, Exception] = field(default_factory=dict)
    synced: list[tuple[SyncRequest, str | None]] = field(default_factory=list)
    ended: list[tuple[SyncRequest, str | None]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    # In which trace each call was made.
    traces: list[str | None] = field(default_factory=list)
    pushes: list[list[StockSet]] = field(default_factory=list)
    # Raised by the calls to come, in this order, before anything is done.
    troubles: list[Exception] = field(default_factory=list)
    # Raised by the next fetches.
    later: list[Exception] = field(default_factory=list)
    # Raised by the next shipment after it was written: the answer is lost.
    after_write: list[BaseException] = field(default_factory=list)
    on_stock: dict[UUID, OnStock] = field(default_factory=dict)
    clock_ahead_s: float = 0.0
    # While set, calls that push stock wait for it.
    gate: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def call(self, name: str) -> None:
        self.calls.append(name)
        self.traces.append(current_traceparent())
        self.asked.set()
        if self.troubles:
            raise self.troubles.pop(0)


class ToyClient(NoActions):
    """Talks to a Shop."""

    def __init__(self, shop: Shop, batch: int = 2) -> None:
        self.shop = shop
        self.closed = False
        self._batch = batch

    async def check(self) -> StoreInfo:
        self.shop.call("check")
        return StoreInfo("Toy", "1", "EUR", self.shop.missing, self.shop.lacking)

    async def webhooks(self, callback_url: str) -> list[Webhook]:
        self.shop.call("webhooks")
        there = callback_url in self.shop.webhooks
        return [Webhook(topic="order", status=WebhookStatus.ACTIVE if there else WebhookStatus.MISSING)]

    async def ensure_webhooks(self, callback_url: str) -> list[str]:
        self.shop.call("ensure_webhooks")
        self.shop.webhooks.add(callback_url)
        return ["order"]

    async def remove_webhooks(self, callback_url: str) -> None:
        self.shop.call("remove_webhooks")
        self.shop.webhooks.discard(callback_url)

    async def fetch(self, request: FetchRequest) -> list[FetchedEntity]:
        self.shop.call("fetch")
        if self.shop.later:
            raise self.shop.later.pop(0)
        body = self.shop.entities.get(request.external_id)
        return [FetchedEntity(request.resource, request.external_id, body or b"{}", gone=body is None)]

    async def import_catalogue(self) -> AsyncIterator[Sequence[FetchedEntity]]:
        self.shop.call("import_catalogue")
        for page in self.shop.catalogue:
            yield page

    async def sync_page(self, request: SyncRequest, cursor: str | None) -> SyncPage:
        self.shop.synced.append((request, cursor))
        self.shop.call("sync_page")
        if request.resource in self.shop.denied:
            raise self.shop.denied[request.resource]
        pages = self.shop.pages.get(request.resource) or [SyncPage([], 0, None, 0)]
        number = int(cursor or 0)
        following = number + 1 if number + 1 < len(pages) else None
        return replace(pages[number], cursor=None if following is None else str(following))

    async def end_sync(self, request: SyncRequest, cursor: str | None) -> None:
        self.shop.call("end_sync")
        self.shop.ended.append((request, cursor))

    async def create_fulfillment(self, command: FulfillmentCreate) -> FulfillmentResult:
        self.shop.call("create_fulfillment")
        existed = command.fulfillment_id in self.shop.shipments
        name = self.shop.shipments.setdefault(command.fulfillment_id, f"s{len(self.shop.shipments) + 1}")
        if self.shop.after_write:
            raise self.shop.after_write.pop(0)
        return FulfillmentResult(name, existed)

    async def set_stock(self, targets: Sequence[StockSet]) -> list[StockResult]:
        self.shop.pushes.append(list(targets))
        self.shop.call("set_stock")
        if self.shop.gate is not None:
            await self.shop.gate.wait()
        results = []
        for each in targets:
            said = self.shop.on_stock.get(each.listing_id, self._take)(each)
            if said.error is None:
                self.shop.stock[each.sku] = each.quantity
            results.append(said)
        return results

    def _take(self, target: StockSet) -> StockResult:
        return StockResult(target.listing_id, target.sequence, target.quantity)

    @property
    def stock_batch(self) -> int:
        return self._batch

    @property
    def clock_ahead_s(self) -> float:
        return self.shop.clock_ahead_s

    async def close(self) -> None:
        self.closed = True


class Shops:
    """All shops, by the store's address; makes their clients."""

    def __init__(self) -> None:
        self.at: dict[str, Shop] = {}
        self.clients: list[ToyClient] = []

    def __getitem__(self, store_url: str) -> Shop:
        return self.at.setdefault(store_url, Shop())

    def make_client(self, integration: Integration) -> StoreClient:
        client = ToyClient(self[integration.store_url])
        self.clients.append(client)
        return client


class ToyTranslator:
    """{"id": ...} says that an order is gone; {"look": ...} that an order has to be fetched."""

    def translate(self, record: RawRecord) -> Translation:
        try:
            body = json.loads(record.body)
        except ValueError:
            raise Untranslatable("the body is not JSON") from None
        if "look" in body:
            return Translation(fetches=[FetchRequest("order", body["look"])])
        event = OrderDeleted(
            org_id=record.org_id,
            integration_id=record.integration_id,
            platform=record.platform,
            external_id=body["id"],
            observed_at=record.received_at,
            raw=record.ref,
        )
        return Translation(events=[event])


class KeptMessages:
    """Stands for Kafka behind the producer's interface."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send_many(self, messages: Sequence[Message]) -> None:
        self.sent += messages
