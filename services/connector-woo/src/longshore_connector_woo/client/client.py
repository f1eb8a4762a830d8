"""The StoreClient of a WooCommerce store: one object for all tasks that talk to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

from longshore.contracts import (
    FulfillmentCancel,
    FulfillmentCreate,
    FulfillmentTracking,
    OrderCancel,
    OrderMarkPaid,
    OrderNote,
    OrderRefund,
    OrderStatusSet,
    PriceSet,
    ProductPublish,
    ProductUnpublish,
    StockSet,
    Webhook,
)
from longshore.platforms.commanding import NoActions
from longshore.platforms.protocols import (
    Done,
    FetchedEntity,
    FetchRequest,
    FulfillmentResult,
    Integration,
    StockResult,
    StoreInfo,
    StoreRefused,
    SyncPage,
    SyncRequest,
)
from longshore_connector_woo.client import (
    connection,
    entities,
    fulfillments,
    ordering,
    refunding,
    selling,
    stock,
    syncing,
    tracking,
    webhooks,
)
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.pace import Paces
from longshore_connector_woo.client.parcels import Parcels
from longshore_connector_woo.client.reader import Reader


class WooClient(NoActions):
    """See StoreClient. Credentials: `consumer_key`, `consumer_secret`, `webhook_secret`.

    `allow_private_stores` (development only): private addresses and plain http. `tls_ca_file`: a CA besides the usual.
    `paces`: shared with the clients of other stores.
    """

    def __init__(
        self,
        integration: Integration,
        *,
        allow_private_stores: bool = False,
        tls_ca_file: str | None = None,
        paces: Paces | None = None,
    ) -> None:
        self._integration = integration
        self._http = StoreHttp(
            integration.store_url,
            integration.credentials.get("consumer_key", ""),
            integration.credentials.get("consumer_secret", ""),
            allow_private=allow_private_stores,
            tls_ca_file=tls_ca_file,
            pace=(paces or Paces()).of(integration.store_url),
        )
        self._reader = Reader(self._http)
        self._parcels = Parcels(self._http)
        # An order is read, added to and written back: commands of one order must take turns.
        self._orders: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self) -> StoreInfo:
        """See StoreClient. Harmless: the only write is a batch of nothing."""
        return await connection.check(self._http, self._parcels, self._integration.store_url)

    async def webhooks(self, callback_url: str) -> list[Webhook]:
        """See StoreClient."""
        return await webhooks.states(self._http, callback_url, self._webhook_secret())

    async def ensure_webhooks(self, callback_url: str) -> list[str]:
        """See StoreClient."""
        return await webhooks.ensure(self._http, callback_url, self._webhook_secret())

    async def remove_webhooks(self, callback_url: str) -> None:
        """See StoreClient."""
        await webhooks.remove(self._http, callback_url)

    async def fetch(self, request: FetchRequest) -> list[FetchedEntity]:
        """See StoreClient. An order comes with its refunds in one body."""
        return await entities.fetch(self._http, request)

    def import_catalogue(self) -> AsyncIterator[Sequence[FetchedEntity]]:
        """See StoreClient."""
        return entities.catalogue(self._http)

    async def sync_page(self, request: SyncRequest, cursor: str | None) -> SyncPage:
        """See StoreClient."""
        return await syncing.sync_page(self._reader, request, cursor)

    async def create_fulfillment(self, command: FulfillmentCreate) -> FulfillmentResult:
        """See StoreClient. Looks for the fulfilment's id in the order's meta before it writes."""
        async with self._turn(command.order_external_id):
            return await fulfillments.create(self._http, command, self._parcels)

    async def cancel_order(self, command: OrderCancel) -> Done:
        """See StoreClient."""
        async with self._turn(command.order_external_id):
            return await ordering.cancel(self._http, command, self._now())

    async def add_note(self, command: OrderNote) -> Done:
        """See StoreClient."""
        async with self._turn(command.order_external_id):
            return await ordering.add_note(self._http, command)

    async def refund_order(self, command: OrderRefund) -> Done:
        """See StoreClient."""
        async with self._turn(command.order_external_id):
            return await refunding.refund(self._http, command, self._now())

    async def mark_paid(self, command: OrderMarkPaid) -> Done:
        """See StoreClient."""
        async with self._turn(command.order_external_id):
            return await ordering.mark_paid(self._http, command)

    async def set_order_status(self, command: OrderStatusSet) -> Done:
        """See StoreClient."""
        async with self._turn(command.order_external_id):
            return await ordering.set_status(self._http, command)

    async def update_tracking(self, command: FulfillmentTracking) -> Done:
        """See StoreClient."""
        async with self._turn(command.order_external_id):
            return await tracking.update(self._http, command, self._parcels)

    async def cancel_fulfillment(self, command: FulfillmentCancel) -> Done:
        """See StoreClient."""
        async with self._turn(command.order_external_id):
            return await tracking.cancel(self._http, command, self._parcels)

    async def publish_product(self, command: ProductPublish | ProductUnpublish) -> Done:
        """See StoreClient."""
        return await selling.publish(self._http, command)

    async def set_price(self, command: PriceSet) -> Done:
        """See StoreClient."""
        return await selling.set_price(self._http, command)

    async def set_stock(self, targets: Sequence[StockSet]) -> list[StockResult]:
        """See StoreClient. WooCommerce has no compare-and-set: the level is compared with `expected` just before."""
        return await stock.set_stock(self._http, targets)

    @property
    def stock_batch(self) -> int:
        """See StoreClient."""
        return stock.BATCH

    @property
    def clock_ahead_s(self) -> float:
        """See StoreClient."""
        return self._http.clock_ahead_s

    async def close(self) -> None:
        """See StoreClient."""
        self._reader.ahead.forget()
        await self._http.close()

    def _turn(self, order_external_id: str) -> AbstractAsyncContextManager[None]:
        """One command of an order at a time: what is read of it is still so when it is written."""
        return self._orders.setdefault(order_external_id, asyncio.Lock())

    def _now(self) -> datetime:
        """By the store's clock."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s)

    def _webhook_secret(self) -> str:
        secret = self._integration.credentials.get("webhook_secret")
        if not secret:
            raise StoreRefused("webhook-secret", "There is no secret for the store's webhooks.")
        return secret
