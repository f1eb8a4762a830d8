"""Which method of a store client carries out which command, and what a client does that knows none of them."""

from __future__ import annotations

from typing import NoReturn

from longshore.contracts import (
    CommandPayload,
    FulfillmentCancel,
    FulfillmentCreate,
    FulfillmentTracking,
    OrderCancel,
    OrderMarkPaid,
    OrderNote,
    OrderRefund,
    OrderStatusSet,
    OrderTags,
    PriceSet,
    ProductPublish,
    ProductUnpublish,
)
from longshore.platforms.protocols import Done, StoreClient, StoreRefused, SyncRequest


class NoActions:
    """The base of a store client: each action that a platform does not have is refused, for good.

    Who asks is told so before there is a command (`Declaration.commands`); this is for a command that was on its way.
    """

    async def end_sync(self, request: SyncRequest, cursor: str | None) -> None:
        """See StoreClient: nothing of a run is under way at a store that is read page by page."""

    async def cancel_order(self, command: OrderCancel) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def add_note(self, command: OrderNote) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def refund_order(self, command: OrderRefund) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def change_tags(self, command: OrderTags) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def mark_paid(self, command: OrderMarkPaid) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def set_order_status(self, command: OrderStatusSet) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def update_tracking(self, command: FulfillmentTracking) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def cancel_fulfillment(self, command: FulfillmentCancel) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def publish_product(self, command: ProductPublish | ProductUnpublish) -> Done:
        """See StoreClient."""
        _refuse(command.type)

    async def set_price(self, command: PriceSet) -> Done:
        """See StoreClient."""
        _refuse(command.type)


async def carry_out(client: StoreClient, payload: CommandPayload) -> Done | None:
    """Have a store do what a command says; None for one that is not done by a call of this kind. Raises StoreError."""
    match payload:
        case FulfillmentCreate():
            made = await client.create_fulfillment(payload)
            return Done(made.external_id, made.existed, made.more)
        case OrderCancel():
            return await client.cancel_order(payload)
        case OrderNote():
            return await client.add_note(payload)
        case OrderRefund():
            return await client.refund_order(payload)
        case OrderTags():
            return await client.change_tags(payload)
        case OrderMarkPaid():
            return await client.mark_paid(payload)
        case OrderStatusSet():
            return await client.set_order_status(payload)
        case FulfillmentTracking():
            return await client.update_tracking(payload)
        case FulfillmentCancel():
            return await client.cancel_fulfillment(payload)
        case ProductPublish() | ProductUnpublish():
            return await client.publish_product(payload)
        case PriceSet():
            return await client.set_price(payload)
        case _:
            return None


def _refuse(type: str) -> NoReturn:
    raise StoreRefused("not-supported", f"Longshore cannot do this at a store of this platform ({type}).")
