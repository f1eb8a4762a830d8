"""Everything that the hub does at one Shopify store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from longshore.contracts import (
    FulfillmentCancel,
    FulfillmentCreate,
    FulfillmentTracking,
    OrderCancel,
    OrderMarkPaid,
    OrderNote,
    OrderRefund,
    OrderTags,
    PriceSet,
    ProductPublish,
    ProductUnpublish,
    StockSet,
    SyncResource,
    Webhook,
)
from longshore.platforms.commanding import NoActions
from longshore.platforms.protocols import (
    Done,
    FetchedEntity,
    FetchRequest,
    FulfillmentResult,
    StockResult,
    StoreInfo,
    SyncPage,
    SyncRequest,
)
from longshore.platforms.usage import StoreUsage
from longshore_connector_shopify.client import fetching, importing, setup, syncing
from longshore_connector_shopify.client.admin_api import AdminApi, in_background
from longshore_connector_shopify.client.bulk import Files
from longshore_connector_shopify.client.ordering import OrderChanger, Turns
from longshore_connector_shopify.client.parcels import ParcelChanger
from longshore_connector_shopify.client.refunding import Refunder
from longshore_connector_shopify.client.selling import ProductChanger
from longshore_connector_shopify.client.shipping import Shipper
from longshore_connector_shopify.client.stock import BATCH, StockSetter
from longshore_connector_shopify.client.syncing import BULK_FROM


class ShopifyClient(NoActions):
    """A StoreClient. All tasks of a store share one: it paces them together and ships one command of an order at a
    time."""

    def __init__(self, api: AdminApi, bulk_from: Mapping[SyncResource, int] = BULK_FROM) -> None:
        self._api = api
        self._bulk_from = bulk_from
        self._files: Files = {}
        self._shipper = Shipper(api)
        self._stock = StockSetter(api)
        turns = Turns()
        self._orders = OrderChanger(api, turns)
        self._refunds = Refunder(api, turns)
        self._parcels = ParcelChanger(api, turns)
        self._products = ProductChanger(api, turns)

    async def check(self) -> StoreInfo:
        """Reach, authenticate, and compare access scopes with what we need."""
        return await setup.check(self._api)

    async def webhooks(self, callback_url: str) -> list[Webhook]:
        """Each topic that we need and may have, and whether it is delivered to `callback_url`."""
        return await setup.webhooks(self._api, callback_url)

    async def ensure_webhooks(self, callback_url: str) -> list[str]:
        """Make sure that each topic we follow is delivered to `callback_url`, once; answers the topics."""
        return await setup.ensure_webhooks(self._api, callback_url)

    async def remove_webhooks(self, callback_url: str) -> None:
        """Remove what `ensure_webhooks` made."""
        await setup.remove_webhooks(self._api, callback_url)

    async def fetch(self, request: FetchRequest) -> list[FetchedEntity]:
        """Read one entity, whole."""
        return await fetching.fetch(self._api, request)

    def import_catalogue(self) -> AsyncIterator[Sequence[FetchedEntity]]:
        """All products with variants, and all stock levels, page by page."""
        return importing.import_catalogue(self._api)

    async def sync_page(self, request: SyncRequest, cursor: str | None) -> SyncPage:
        """One step of a sync run: a page, or a part of a bulk operation's file."""
        with in_background():
            return await syncing.sync_page(self._api, request, cursor, self._files, self._bulk_from)

    async def end_sync(self, request: SyncRequest, cursor: str | None) -> None:
        """Cancel the run's bulk operation, if one is under way."""
        await syncing.end_sync(self._api, request, cursor)

    async def create_fulfillment(self, command: FulfillmentCreate) -> FulfillmentResult:
        """Tell the store of a shipment, once."""
        return await self._shipper.create(command)

    async def cancel_order(self, command: OrderCancel) -> Done:
        """Cancel an order, and wait for the store's job."""
        return await self._orders.cancel(command)

    async def add_note(self, command: OrderNote) -> Done:
        """Add a paragraph to the order's note."""
        return await self._orders.add_note(command)

    async def refund_order(self, command: OrderRefund) -> Done:
        """Pay back, once."""
        return await self._refunds.refund(command)

    async def update_tracking(self, command: FulfillmentTracking) -> Done:
        """Set how a shipment is followed."""
        return await self._parcels.track(command)

    async def cancel_fulfillment(self, command: FulfillmentCancel) -> Done:
        """Take a shipment back."""
        return await self._parcels.take_back(command)

    async def change_tags(self, command: OrderTags) -> Done:
        """Add tags and take tags away."""
        return await self._orders.change_tags(command)

    async def mark_paid(self, command: OrderMarkPaid) -> Done:
        """Write down a payment of what is outstanding."""
        return await self._orders.mark_paid(command)

    async def publish_product(self, command: ProductPublish | ProductUnpublish) -> Done:
        """Put a product on the shelf, or take it off."""
        return await self._products.publish(command)

    async def set_price(self, command: PriceSet) -> Done:
        """Set what a variant costs."""
        return await self._products.set_price(command)

    async def set_stock(self, targets: Sequence[StockSet]) -> list[StockResult]:
        """Set the stock of up to `stock_batch` listings."""
        return await self._stock.set_stock(targets)

    @property
    def stock_batch(self) -> int:
        """As many as one mutation takes."""
        return BATCH

    @property
    def clock_ahead_s(self) -> float:
        """How far the shop's clock is ahead of ours."""
        return self._api.clock_ahead_s

    @property
    def usage(self) -> StoreUsage:
        """What the calls of this shop have cost."""
        return self._api.usage

    async def close(self) -> None:
        """Close connections."""
        await self._api.close()
