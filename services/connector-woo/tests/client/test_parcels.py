"""Shipments at a store that has WooCommerce's own fulfilments turned on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from longshore.contracts import FulfillmentCancel, FulfillmentCreate, FulfillmentTracking, Tracking
from longshore.platforms.protocols import StoreUnavailable
from longshore_connector_woo.client import WooClient
from longshore_connector_woo.client.connection import shipments_note
from longshore_connector_woo.client.parcels import LOOK_AGAIN_S, PARCEL_META, Parcels
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig


@pytest.fixture
async def woo() -> AsyncIterator[SimulatedWoo]:
    async with SimulatedWoo(WooConfig(products=5, own_fulfillments=True)) as shop:
        yield shop


@pytest.fixture
async def order(sim: Any) -> dict[str, Any]:
    body = {"lines": [{"sku": "LS-0001", "quantity": 2}, {"sku": "LS-0002", "quantity": 1}], "status": "processing"}
    placed: dict[str, Any] = (await sim("POST", "/orders", body))["orders"][0]
    return placed


@pytest.fixture
def shown(sim: Any, order: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    """What the store has of the order's shipments."""

    async def look() -> Any:
        return (await sim("GET", "/fulfilments"))["orders"][str(order["id"])]

    return look


@pytest.fixture
def through(woo: SimulatedWoo, until_done: Any) -> Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]:
    """Asks until it gets through, though half of the answers to writes are lost."""

    async def ask(call: Callable[[], Awaitable[object]]) -> None:
        woo.faults.drop_after_write_rate = 0.5
        await until_done(call)
        woo.faults.drop_after_write_rate = 0.0

    return ask


class TestShipment:
    async def test_is_one_of_the_store_and_the_buyer_gets_its_mail_alone(
        self, hub: WooClient, ship: Any, order: dict[str, Any], shown: Any
    ) -> None:
        command = ship(order)
        await hub.create_fulfillment(command)
        found = await shown()
        assert found["own_fulfillments"] == [
            {
                "_items": [{"item_id": line["id"], "qty": line["quantity"]} for line in order["lines"]],
                PARCEL_META: str(command.fulfillment_id),
                "_tracking_number": "00340434161094",
                "_tracking_url": "https://dhl.example/?id=00340434161094&lang=en",
                "_shipment_provider": "other",
                "_provider_name": "DHL",
            }
        ]
        assert (found["fulfillment_mails"], found["customer_notes"]) == (["created"], [])
        # What we go by is there as in every other store.
        assert (found["status"], found["tracking_numbers"]) == ("completed", ["00340434161094"])

    async def test_once_whatever_answers_are_lost(self, hub: WooClient, sim: Any, ship: Any, through: Any) -> None:
        body = {"sku": "LS-0003", "quantity": 1, "n": 8, "status": "processing"}
        orders = (await sim("POST", "/orders", body))["orders"]
        for order in orders:
            command = ship(order)
            await through(partial(hub.create_fulfillment, command))
            assert (await hub.create_fulfillment(command)).existed
        found = (await sim("GET", "/fulfilments"))["orders"]
        for order in orders:
            shown = found[str(order["id"])]
            assert (len(shown["own_fulfillments"]), shown["fulfillment_mails"]) == (1, ["created"])
            assert shown["customer_notes"] == []

    async def test_quietly(self, hub: WooClient, ship: Any, order: dict[str, Any], shown: Any) -> None:
        await hub.create_fulfillment(ship(order, notify_customer=False, tracking=None))
        found = await shown()
        assert found["own_fulfillments"][0].keys() == {"_items", PARCEL_META}
        assert (found["fulfillment_mails"], found["customer_notes"]) == ([], [])

    async def test_one_that_the_store_refuses_is_told_by_a_note(
        self, hub: WooClient, ship: Any, order: dict[str, Any], shown: Any
    ) -> None:
        command = ship(order)
        nothing = [each.model_copy(update={"external_id": "x"}) for each in command.lines]
        await hub.create_fulfillment(command.model_copy(update={"lines": nothing}))
        found = await shown()
        assert (found["own_fulfillments"], len(found["customer_notes"])) == ([], 1)


class TestLater:
    async def test_followed_otherwise(
        self, hub: WooClient, ship: Any, order: dict[str, Any], shown: Any, through: Any
    ) -> None:
        command = ship(order)
        await hub.create_fulfillment(command)
        change = FulfillmentTracking(**of(command), tracking=Tracking(number="1Z99"), notify_customer=True)
        await through(lambda: hub.update_tracking(change))
        await hub.update_tracking(change)
        found = await shown()
        (parcel,) = found["own_fulfillments"]
        # All else of it stays.
        assert parcel.keys() == {"_items", PARCEL_META, "_tracking_number"}
        assert parcel["_tracking_number"] == "1Z99"
        assert (found["fulfillment_mails"], found["customer_notes"]) == (["created", "updated"], [])

    async def test_taken_back(self, hub: WooClient, ship: Any, order: dict[str, Any], shown: Any, through: Any) -> None:
        command = ship(order)
        await hub.create_fulfillment(command)
        cancel = FulfillmentCancel(**of(command))
        await through(lambda: hub.cancel_fulfillment(cancel))
        found = await shown()
        assert (found["own_fulfillments"], found["tracking_numbers"], found["status"]) == ([], [], "processing")


class TestFoundOut:
    async def test_the_connection_test_says_it(self, hub: WooClient) -> None:
        assert "WooCommerce's own fulfilments" in ((await hub.check()).note or "")

    async def test_a_store_without_it(self, client_of: Any) -> None:
        async with SimulatedWoo(WooConfig(products=5)) as shop:
            client = client_of(shop.url, shop.config.consumer_key, shop.config.consumer_secret)
            try:
                assert "no place of its own" in ((await client.check()).note or "")
            finally:
                await client.close()

    def test_the_plugin_is_known_by_its_api(self) -> None:
        assert "Shipment Tracking" in shipments_note(False, ["wc/v3", "wc-shipment-tracking/v3"])
        assert "own fulfilments" in shipments_note(True, ["wc/v3", "wc-shipment-tracking/v3"])

    async def test_a_store_without_it_is_asked_again_an_hour_later(self, serve: Any, ship: Any) -> None:
        asked: list[str] = []

        async def without(request: web.Request) -> web.Response:
            asked.append(request.path)
            return web.json_response({"code": "rest_no_route", "message": "No route."}, status=404)

        now = 0.0
        parcels = Parcels((await serve(without))._http, lambda: now)
        command = ship({"id": 7, "lines": []})
        assert not await parcels.create(command)
        first = len(asked)
        assert not await parcels.create(command)
        assert len(asked) == first > 0
        now = LOOK_AGAIN_S + 1
        assert not await parcels.create(command)
        assert len(asked) == 2 * first

    async def test_a_key_that_may_not_see_them_ships_as_elsewhere(self, serve: Any, ship: Any) -> None:
        async def refusing(_: web.Request) -> web.Response:
            body = {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot view resources."}
            return web.json_response(body, status=401)

        parcels = Parcels((await serve(refusing))._http)
        assert not await parcels.are_there()
        assert not await parcels.create(ship({"id": 7, "lines": []}))

    async def test_a_store_that_is_down_says_nothing_of_it(self, serve: Any) -> None:
        async def failing(_: web.Request) -> web.Response:
            return web.json_response({"code": "busy", "message": "Busy."}, status=503)

        with pytest.raises(StoreUnavailable):
            await Parcels((await serve(failing))._http).are_there()


def of(command: FulfillmentCreate) -> dict[str, Any]:
    """What names a shipment in later commands."""
    return command.model_dump(include={"order_id", "order_external_id", "fulfillment_id"})
