"""Each command reaches the method that is made for it, and a client that knows none of them refuses for good."""

from __future__ import annotations

import inspect
from typing import Any, get_args
from uuid import uuid4

import pytest

from longshore.contracts import (
    EntityFetch,
    FulfillmentCancel,
    FulfillmentCreate,
    FulfillmentTracking,
    OrderAction,
    OrderCancel,
    OrderMarkPaid,
    OrderNote,
    OrderRefund,
    OrderStatusSet,
    OrderTags,
    PriceSet,
    ProductAction,
    ProductPublish,
    ProductUnpublish,
    Tracking,
)
from longshore.money import Money
from longshore.platforms.commanding import NoActions, carry_out
from longshore.platforms.declaration import Ability
from longshore.platforms.protocols import Done, StoreClient, StoreRefused

from .toy import Shop, ToyClient

_ORDER: dict[str, Any] = {"order_id": uuid4(), "order_external_id": "1"}
_PARCEL: dict[str, Any] = _ORDER | {"fulfillment_id": uuid4()}
_PRODUCT: dict[str, Any] = {"product_id": uuid4(), "product_external_id": "7"}

COMMANDS: list[tuple[Any, str]] = [
    (OrderCancel(**_ORDER), "cancel_order"),
    (OrderNote(**_ORDER, note_id=uuid4(), text="Hi"), "add_note"),
    (OrderRefund(**_ORDER, refund_id=uuid4(), full=True), "refund_order"),
    (OrderTags(**_ORDER, add=["a"]), "change_tags"),
    (OrderMarkPaid(**_ORDER), "mark_paid"),
    (OrderStatusSet(**_ORDER, status="on-hold"), "set_order_status"),
    (FulfillmentTracking(**_PARCEL, tracking=Tracking(number="T")), "update_tracking"),
    (FulfillmentCancel(**_PARCEL), "cancel_fulfillment"),
    (ProductPublish(**_PRODUCT), "publish_product"),
    (ProductUnpublish(**_PRODUCT), "publish_product"),
    (
        PriceSet(listing_id=uuid4(), product_external_id="7", variant_external_id="8", price=Money(1, "EUR", 2)),
        "set_price",
    ),
]


class Recording(ToyClient):
    """Says what it was asked."""

    def __getattribute__(self, name: str) -> Any:
        if name in {method for _, method in COMMANDS}:

            async def done(command: Any) -> Done:
                return Done(f"{name}:{command.type}")

            return done
        return super().__getattribute__(name)


@pytest.mark.parametrize(("payload", "method"), COMMANDS, ids=[each.type for each, _ in COMMANDS])
class TestEach:
    async def test_it_reaches_its_method(self, payload: Any, method: str) -> None:
        done = await carry_out(Recording(Shop()), payload)
        assert done == Done(f"{method}:{payload.type}")

    async def test_a_client_that_has_none_of_it_refuses(self, payload: Any, method: str) -> None:
        with pytest.raises(StoreRefused, match="not-supported"):
            await carry_out(ToyClient(Shop()), payload)


async def test_a_shipment_and_what_is_no_call_of_this_kind() -> None:
    shop = Shop()
    ship = FulfillmentCreate(**_PARCEL, lines=[])
    assert await carry_out(ToyClient(shop), ship) == Done("s1", existed=False)
    assert await carry_out(ToyClient(shop), ship) == Done("s1", existed=True)
    assert await carry_out(ToyClient(shop), EntityFetch(resource="order", external_id="1")) is None


def test_no_action_is_forgotten() -> None:
    asked = {type(each) for each, _ in COMMANDS}
    assert asked == {*get_args(OrderAction), *get_args(ProductAction)}
    types = {each.type for each, _ in COMMANDS} | {FulfillmentCreate.model_fields["type"].default}
    # What a platform may lack of one is no type of its own.
    assert types == {each.value for each in Ability} - {Ability.NOTE_TO_CUSTOMER.value}
    methods = {name for name, _ in inspect.getmembers(NoActions, inspect.isfunction)}
    # That a sync run has ended is told, not asked for by a command.
    assert methods == {method for _, method in COMMANDS} | {"end_sync"}
    assert all(hasattr(StoreClient, each) for each in methods)
