"""Shipments that the store has are followed otherwise, and taken back; a lost answer changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import FulfillmentCancel, FulfillmentTracking, Tracking
from longshore.platforms.protocols import StoreRefused, StoreUnavailable
from longshore_devkit.stores.shopify.pricing import fulfillment_status

SKUS = [("LS-0001", 3), ("LS-0002", 1)]
NEW = Tracking(number="1Z2", carrier="UPS", url="https://example.com/1Z2")


async def ship(store: Any, pieces: dict[int, int]) -> tuple[Any, Any]:
    order = store.shop.place_order(SKUS, plain=True)
    await store.client.create_fulfillment(store.ship(order, pieces))
    return order, order.fulfillments[0]


def track(store: Any, order: Any, parcel: Any, tracking: Tracking = NEW, **more: Any) -> Any:
    fields: dict[str, Any] = {"fulfillment_id": uuid4(), "fulfillment_external_id": str(parcel.id)} | more
    return store.about(FulfillmentTracking, order, tracking=tracking, **fields)


def take_back(store: Any, order: Any, parcel: Any) -> Any:
    return store.about(FulfillmentCancel, order, fulfillment_id=uuid4(), fulfillment_external_id=str(parcel.id))


async def test_a_new_number(store: Any) -> None:
    order, parcel = await ship(store, {0: 1})
    await store.client.update_tracking(track(store, order, parcel, notify_customer=True))
    assert (parcel.tracking_numbers, parcel.tracking_company, parcel.tracking_urls) == (
        ["1Z2"],
        "UPS",
        ["https://example.com/1Z2"],
    )
    assert parcel.notify_customer


async def test_the_buyer_is_told_once(store: Any) -> None:
    order, parcel = await ship(store, {0: 1})
    command = track(store, order, parcel, notify_customer=True)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.update_tracking(command)
    store.sim.faults.drop_after_write_rate = 0.0
    assert (await store.again().update_tracking(command)).existed
    assert store.calls("fulfillmentTrackingInfoUpdate") == 1


async def test_taken_back_it_waits_again(store: Any) -> None:
    order, parcel = await ship(store, {0: 3, 1: 1})
    assert fulfillment_status(order) == "fulfilled"
    command = take_back(store, order, parcel)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.cancel_fulfillment(command)
    store.sim.faults.drop_after_write_rate = 0.0
    assert (await store.again().cancel_fulfillment(command)).existed
    assert (parcel.status, fulfillment_status(order)) == ("cancelled", None)
    # And it can be shipped once more, with the number of before.
    assert not (await store.client.create_fulfillment(store.ship(order, {0: 3, 1: 1}))).existed
    assert fulfillment_status(order) == "fulfilled"


async def test_one_that_was_taken_back_is_not_followed(store: Any) -> None:
    order, parcel = await ship(store, {0: 1})
    await store.client.cancel_fulfillment(take_back(store, order, parcel))
    with pytest.raises(StoreRefused, match="parcel-cancelled"):
        await store.client.update_tracking(track(store, order, parcel))


@pytest.mark.parametrize("external_id", [None, "9"])
async def test_one_that_is_not_there(store: Any, external_id: str | None) -> None:
    order, parcel = await ship(store, {0: 1})
    with pytest.raises(StoreRefused, match="parcel-not-found"):
        await store.client.update_tracking(track(store, order, parcel, fulfillment_external_id=external_id))
