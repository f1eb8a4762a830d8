"""The client against a simulated shop, over OAuth and over Basic."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from longshore.contracts import OrderSnapshot, ProductSnapshot, Tracking
from longshore.platforms.protocols import (
    FetchRequest,
    StoreError,
    StoreRefused,
    StoreUnauthorized,
    StoreUnavailable,
)
from longshore_connector_woo.client.references import reference
from longshore_connector_woo.client.webhooks import TOPICS
from longshore_connector_woo.translate import WooTranslator
from longshore_devkit.stores.woo import SimulatedWoo

CALLBACK = "http://127.0.0.1:9/webhooks/woocommerce/1"
READ_ONLY = ("ck_" + "1" * 40, "cs_" + "1" * 40)


class TestCheck:
    async def test_full_rights(self, client: Any) -> None:
        info = await client.check()
        assert (info.platform_version, info.currency, info.missing) == ("11.0.1", "USD", ())
        assert info.name

    async def test_read_only(self, woo: SimulatedWoo, client_of: Any) -> None:
        client = client_of(woo.url, *READ_ONLY)
        assert (await client.check()).missing == ("write",)
        await client.close()

    @pytest.mark.parametrize("scheme", ["http", "https"])
    async def test_wrong_keys(self, woo: SimulatedWoo, client_of: Any, scheme: str) -> None:
        url = woo.url if scheme == "http" else woo.https_url
        for key, secret in (("ck_nobody", "cs_x"), (woo.config.consumer_key, "cs_wrong")):
            client = client_of(url, key, secret, str(woo.ca_file))
            with pytest.raises(StoreUnauthorized):
                await client.check()
            await client.close()

    async def test_an_unknown_authority(self, woo: SimulatedWoo, client_of: Any) -> None:
        client = client_of(woo.https_url, woo.config.consumer_key, woo.config.consumer_secret)
        with pytest.raises(StoreUnavailable) as caught:
            await client.check()
        assert caught.value.code == "certificate"
        await client.close()

    async def test_a_page_instead_of_json(self, woo: SimulatedWoo, client: Any) -> None:
        woo.faults.html_rate = 1.0
        with pytest.raises(StoreUnavailable) as caught:
            await client.check()
        assert caught.value.code == "maintenance"


class TestWebhooks:
    async def test_each_topic_once(self, woo: SimulatedWoo, client: Any) -> None:
        for _ in range(2):
            assert await client.ensure_webhooks(CALLBACK) == list(TOPICS)
        hooks = list(woo.shop.webhooks.values())
        assert Counter(hook.topic for hook in hooks) == Counter(TOPICS)
        assert all(hook.secret == 'a "webhook" & secret' for hook in hooks)
        assert woo.shop.api_calls["POST webhooks"] == len(TOPICS)

    async def test_repairs(self, woo: SimulatedWoo, client: Any) -> None:
        await client.ensure_webhooks(CALLBACK)
        hooks = list(woo.shop.webhooks.values())
        hooks[0].status = "disabled"
        hooks[1].name, hooks[1].secret = "Longshore order.updated (00000000)", "of an older connection"
        await client._http.post(
            "/webhooks", {"topic": "order.created", "delivery_url": CALLBACK, "name": "twin", "secret": "s"}
        )
        await client._http.post(
            "/webhooks", {"topic": "order.created", "delivery_url": "http://127.0.0.1:9/other", "secret": "s"}
        )
        await client.ensure_webhooks(CALLBACK)
        ours = [hook for hook in woo.shop.webhooks.values() if hook.delivery_url == CALLBACK]
        assert Counter(hook.topic for hook in ours) == Counter(TOPICS)
        assert {(hook.status, hook.secret) for hook in ours} == {("active", 'a "webhook" & secret')}
        assert len(woo.shop.webhooks) == len(TOPICS) + 1

    async def test_what_the_store_has_is_told_topic_by_topic(self, woo: SimulatedWoo, client: Any) -> None:
        async def states() -> dict[str, tuple[str, str | None]]:
            return {each.topic: (each.status.value, each.detail) for each in await client.webhooks(CALLBACK)}

        assert await states() == dict.fromkeys(TOPICS, ("missing", None))
        await client.ensure_webhooks(CALLBACK)
        assert await states() == dict.fromkeys(TOPICS, ("active", None))
        hooks = {hook.topic: hook for hook in woo.shop.webhooks.values()}
        hooks["order.created"].status = "disabled"
        hooks["order.updated"].status = "paused"
        hooks["product.updated"].name = "Longshore product.updated (00000000)"
        hooks["order.deleted"].delivery_url = "http://127.0.0.1:9/other"
        await client._http.post(
            "/webhooks", {"topic": "product.created", "delivery_url": CALLBACK, "name": "twin", "secret": "s"}
        )
        assert {topic: state for topic, state in (await states()).items() if state[0] != "active"} == {
            "order.created": ("disabled", "The store has it as disabled."),
            "order.updated": ("disabled", "The store has it as paused."),
            "product.updated": ("wrong", "It may be signed with an older secret."),
            "order.deleted": ("missing", None),
            "product.created": ("wrong", "It is registered 2 times."),
        }
        await client.ensure_webhooks(CALLBACK)
        assert await states() == dict.fromkeys(TOPICS, ("active", None))

    async def test_remove(self, woo: SimulatedWoo, client: Any) -> None:
        await client._http.post("/webhooks", {"topic": "order.created", "delivery_url": "http://127.0.0.1:9/other"})
        await client.ensure_webhooks(CALLBACK)
        await client.remove_webhooks(CALLBACK)
        assert [hook.delivery_url for hook in woo.shop.webhooks.values()] == ["http://127.0.0.1:9/other"]

    async def test_with_lost_answers(self, woo: SimulatedWoo, client: Any, until_done: Any) -> None:
        woo.faults.drop_after_write_rate = 0.4
        await until_done(lambda: client.ensure_webhooks(CALLBACK))
        assert Counter(hook.topic for hook in woo.shop.webhooks.values()) == Counter(TOPICS)


class TestFetch:
    async def test_order_with_refunds(self, client: Any, sim: Any, record: Any) -> None:
        order = (await sim("POST", "/orders", {"sku": "LS-0001", "quantity": 3}))["orders"][0]
        await sim("POST", f"/orders/{order['id']}/refund", {"lines": [{"sku": "LS-0001", "quantity": 1}]})
        (entity,) = await client.fetch(FetchRequest("order", str(order["id"])))
        assert not entity.gone
        raw = record(entity.body, resource="order", external_id=str(order["id"]), received_at=datetime.now(UTC))
        (event,) = WooTranslator().translate(raw).events
        assert isinstance(event, OrderSnapshot)
        assert (event.reconciled, event.problems) == (True, [])
        assert [line.quantity for line in event.refunds[0].lines] == [1]
        assert event.lines[0].refunded_quantity == 1

    async def test_the_bytes_are_the_stores(self, client: Any, sim: Any) -> None:
        order = (await sim("POST", "/orders", {"sku": "LS-0001"}))["orders"][0]
        (entity,) = await client.fetch(FetchRequest("order", str(order["id"])))
        answer = await client._http.get(f"/orders/{order['id']}")
        assert entity.body.decode() == f'{{"order":{answer.body},"refunds":[]}}'

    async def test_trash_is_not_gone(self, client: Any, sim: Any, record: Any) -> None:
        order = (await sim("POST", "/orders", {"sku": "LS-0001"}))["orders"][0]
        await sim("POST", f"/orders/{order['id']}/trash")
        (entity,) = await client.fetch(FetchRequest("order", str(order["id"])))
        (event,) = WooTranslator().translate(record(entity.body, resource="order", external_id=str(order["id"]))).events
        assert isinstance(event, OrderSnapshot)
        assert (event.platform_status, event.status) == ("trash", "cancelled")

    @pytest.mark.parametrize("resource", ["order", "product", "stock", "customer"])
    async def test_gone(self, client: Any, resource: Any) -> None:
        for id in ("999999", "gid://x"):
            (entity,) = await client.fetch(FetchRequest(resource, id))
            assert (entity.gone, entity.resource, entity.external_id) == (True, resource, id)

    async def test_a_missing_route_is_not_a_missing_order(self, serve: Any) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.json_response({"code": "rest_no_route", "message": "No route"}, status=404)

        client = await serve(handler)
        # Of a store that has worked it may pass (WooCommerce is being updated); one that is new has another address.
        with pytest.raises(StoreUnavailable) as passing:
            await client.fetch(FetchRequest("order", "5"))
        with pytest.raises(StoreRefused) as final:
            await client.check()
        assert passing.value.code == final.value.code == "no-rest-api"

    @pytest.mark.parametrize("resource", ["order", "product", "customer"])
    async def test_something_else_than_was_asked_for_is_no_entity(self, serve: Any, resource: Any) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.json_response({"id": 6, "success": False})

        with pytest.raises(StoreUnavailable) as caught:
            await (await serve(handler)).fetch(FetchRequest(resource, "5"))
        assert caught.value.code == "unexpected-json"

    async def test_catalogue(self, woo: SimulatedWoo, client: Any, record: Any) -> None:
        entities = [entity async for page in client.import_catalogue() for entity in page]
        assert {entity.external_id for entity in entities} == {str(id) for id in woo.shop.products}
        skus = set()
        for entity in entities:
            raw = record(entity.body, resource="product", external_id=entity.external_id)
            for event in WooTranslator().translate(raw).events:
                if isinstance(event, ProductSnapshot):
                    assert event.problems == []
                    skus |= {variant.sku for variant in event.variants}
        assert set(woo.shop.by_sku) <= skus


class TestFulfilment:
    @pytest.fixture
    async def order(self, sim: Any) -> dict[str, Any]:
        body = {"lines": [{"sku": "LS-0001", "quantity": 2}, {"sku": "LS-0002", "quantity": 1}], "status": "processing"}
        placed: dict[str, Any] = (await sim("POST", "/orders", body))["orders"][0]
        return placed

    async def test_complete(self, client: Any, sim: Any, order: dict[str, Any], ship: Any, record: Any) -> None:
        command = ship(order)
        result = await client.create_fulfillment(command)
        assert (result.external_id, result.existed) == (command.fulfillment_id.hex, False)
        shipped = (await sim("GET", "/fulfilments"))["orders"][str(order["id"])]
        assert (shipped["status"], shipped["completed_count"]) == ("completed", 1)
        (item,) = shipped["tracking_items"]
        assert (item["tracking_number"], item["custom_tracking_provider"]) == ("00340434161094", "DHL")
        (note,) = shipped["customer_notes"]
        assert "00340434161094" in note
        assert reference(command.fulfillment_id) in note
        (entity,) = await client.fetch(FetchRequest("order", str(order["id"])))
        (event,) = WooTranslator().translate(record(entity.body, resource="order", external_id=str(order["id"]))).events
        assert isinstance(event, OrderSnapshot)
        assert event.fulfillments[0].id == command.fulfillment_id
        assert event.fulfillments[0].external_id == result.external_id
        assert [line.fulfilled_quantity for line in event.lines] == [2, 1]

    async def test_two_parts(self, client: Any, sim: Any, order: dict[str, Any], ship: Any, record: Any) -> None:
        first = ship(order, completes_order=False)
        first = first.model_copy(update={"lines": first.lines[:1]})
        second = ship(order, tracking=Tracking(number="2"))
        second = second.model_copy(update={"lines": second.lines[1:]})
        await client.create_fulfillment(first)
        (entity,) = await client.fetch(FetchRequest("order", str(order["id"])))
        (event,) = WooTranslator().translate(record(entity.body, resource="order", external_id=str(order["id"]))).events
        assert isinstance(event, OrderSnapshot)
        assert (event.status, event.platform_status) == ("partially_fulfilled", "processing")
        await client.create_fulfillment(second)
        found = await sim("GET", "/fulfilments")
        shipped = found["orders"][str(order["id"])]
        assert shipped["status"] == "completed"
        assert shipped["tracking_numbers"] == ["00340434161094", "2"]
        assert len(shipped["customer_notes"]) == 2
        assert found["twice"] == []

    async def test_again(self, client: Any, sim: Any, order: dict[str, Any], ship: Any) -> None:
        command = ship(order)
        await client.create_fulfillment(command)
        before = (await sim("GET", "/fulfilments"))["orders"]
        assert (await client.create_fulfillment(command)).existed
        assert (await sim("GET", "/fulfilments"))["orders"] == before

    async def test_at_the_same_time(self, client: Any, sim: Any, order: dict[str, Any], ship: Any) -> None:
        """Shipments of one order read, add and write back the same meta."""
        commands = [ship(order, completes_order=False, tracking=Tracking(number=str(n))) for n in range(5)]
        await asyncio.gather(*(client.create_fulfillment(command) for command in commands))
        shipped = (await sim("GET", "/fulfilments"))["orders"][str(order["id"])]
        assert sorted(shipped["tracking_numbers"]) == ["0", "1", "2", "3", "4"]

    async def test_quietly_and_without_tracking(self, client: Any, sim: Any, order: dict[str, Any], ship: Any) -> None:
        await client.create_fulfillment(ship(order, notify_customer=False, tracking=None))
        shipped = (await sim("GET", "/fulfilments"))["orders"][str(order["id"])]
        assert (shipped["status"], shipped["tracking_items"], shipped["customer_notes"]) == ("completed", [], [])

    async def test_answers_lost_after_the_write(
        self, woo: SimulatedWoo, client: Any, sim: Any, ship: Any, until_done: Any
    ) -> None:
        """Each fulfilment once, though half of all writes look as if they had failed."""
        orders = (await sim("POST", "/orders", {"sku": "LS-0003", "quantity": 1, "n": 12, "status": "processing"}))[
            "orders"
        ]
        await sim("PUT", "/faults", {"drop_after_write_rate": 0.5, "error_rate_5xx": 0.1})
        failed = 0
        for order in orders:
            command = ship(order, tracking=Tracking(number=f"T{order['id']}", carrier="DHL"))
            _, failures = await until_done(lambda command=command: client.create_fulfillment(command))
            failed += failures
        found = await sim("GET", "/fulfilments")
        assert failed > 0
        assert found["twice"] == []
        for order in orders:
            shipped = found["orders"][str(order["id"])]
            assert shipped["status"] == "completed"
            assert shipped["tracking_numbers"] == [f"T{order['id']}"]
            assert shipped["completed_count"] == 1
            # The note's own answer may be lost too: a later try finds it by its reference.
            assert len(shipped["customer_notes"]) == 1

    async def test_a_store_that_lies(
        self, woo: SimulatedWoo, client: Any, sim: Any, ship: Any, until_done: Any
    ) -> None:
        """Whatever it says of what it did: each fulfilment once, and never taken for done when it is not."""
        orders = (await sim("POST", "/orders", {"sku": "LS-0003", "quantity": 1, "n": 8, "status": "processing"}))[
            "orders"
        ]
        lies = ("html_rate", "warning_rate", "truncated_rate", "wrong_type_rate", "wrong_json_rate")
        await sim("PUT", "/faults", dict.fromkeys(lies, 0.2))
        failed = 0
        for order in orders:
            command = ship(order, tracking=Tracking(number=f"T{order['id']}", carrier="DHL"))
            _, failures = await until_done(lambda command=command: client.create_fulfillment(command))
            failed += failures
            shipped = (await sim("GET", "/fulfilments"))["orders"][str(order["id"])]
            assert (shipped["status"], shipped["tracking_numbers"]) == ("completed", [f"T{order['id']}"])
            assert len(shipped["customer_notes"]) == 1
        assert failed > 0
        assert (await sim("GET", "/fulfilments"))["twice"] == []

    async def test_an_answer_without_the_shipment_is_no_success(
        self, serve: Any, order: dict[str, Any], ship: Any
    ) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.json_response({"id": order["id"], "status": "processing", "meta_data": []})

        with pytest.raises(StoreUnavailable) as caught:
            await (await serve(handler)).create_fulfillment(ship(order))
        assert caught.value.code == "not-written"

    @pytest.mark.parametrize("status", ["cancelled", "refunded"])
    async def test_closed_orders(self, client: Any, sim: Any, order: dict[str, Any], ship: Any, status: str) -> None:
        await sim("POST", f"/orders/{order['id']}/status", {"status": status})
        with pytest.raises(StoreRefused) as caught:
            await client.create_fulfillment(ship(order))
        assert caught.value.code == "order-closed"

    async def test_unknown_order(self, client: Any, order: dict[str, Any], ship: Any) -> None:
        with pytest.raises(StoreRefused) as caught:
            await client.create_fulfillment(ship(order, order_external_id="999999"))
        assert caught.value.code == "not-found"

    async def test_read_only_key(self, woo: SimulatedWoo, client_of: Any, order: dict[str, Any], ship: Any) -> None:
        client = client_of(woo.url, *READ_ONLY)
        with pytest.raises(StoreUnauthorized) as caught:
            await client.create_fulfillment(ship(order))
        assert caught.value.code == "read-only-key"
        await client.close()


class TestStock:
    async def products(self, client: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        simple, variations = [], []
        async for page in client.import_catalogue():
            for entity in page:
                body = json.loads(entity.body)
                if "variation" in body:
                    variations.append(body["variation"])
                elif body["type"] == "simple":
                    simple.append(body)
        return simple, variations

    async def test_products_and_variations(self, woo: SimulatedWoo, client: Any, sim: Any, stock_target: Any) -> None:
        simple, variations = await self.products(client)
        targets = [stock_target(product, 10 + n) for n, product in enumerate([*simple[:3], *variations[:3]])]
        results = await client.set_stock(targets)
        assert [(each.listing_id, each.sequence, each.quantity, each.error) for each in results] == [
            (target.listing_id, 1, target.quantity, None) for target in targets
        ]
        stock = await sim("GET", "/stock")
        assert all(stock[target.sku] == target.quantity for target in targets)

    async def test_a_bad_item_fails_alone(self, client: Any, stock_target: Any) -> None:
        simple, _ = await self.products(client)
        targets = [
            stock_target({"id": 999999}, 1),
            stock_target(simple[0], 5),
            stock_target({"id": "x"}, 1),
        ]
        results = await client.set_stock(targets)
        assert [(each.code, each.quantity, each.retry) for each in results] == [
            ("not-found", None, False),
            (None, 5, False),
            ("not-found", None, False),
        ]

    async def test_a_variation_that_we_took_for_a_product(self, client: Any, stock_target: Any) -> None:
        _, variations = await self.products(client)
        (result,) = await client.set_stock([stock_target(variations[0], 6, parent_external_id=None)])
        assert (result.quantity, result.error) == (6, None)

    async def test_the_newest_of_one_product_wins(self, client: Any, sim: Any, stock_target: Any) -> None:
        simple, _ = await self.products(client)
        targets = [stock_target(simple[0], 9, sequence=2), stock_target(simple[0], 4, sequence=1)]
        results = await client.set_stock(targets)
        assert [each.quantity for each in results] == [9, 9]

    async def test_lost_answers(self, woo: SimulatedWoo, client: Any, stock_target: Any) -> None:
        simple, variations = await self.products(client)
        woo.faults.drop_after_write_rate = 0.5
        targets = [stock_target(product, 30 + n) for n, product in enumerate([*simple, *variations])]
        wanted = {target.inventory_external_id: target.quantity for target in targets}
        left = {target.listing_id: target for target in targets}
        for _ in range(200):
            try:
                results = await client.set_stock(list(left.values()))
            except StoreUnavailable:
                continue
            for result in results:
                if not result.retry:
                    assert result.error is None
                    del left[result.listing_id]
            if not left:
                break
        assert left == {}
        assert {str(id): product.stock for id, product in woo.shop.products.items() if str(id) in wanted} == wanted


async def test_errors_hold_no_secrets(woo: SimulatedWoo, client_of: Any) -> None:
    client = client_of(woo.url, woo.config.consumer_key, "cs_very_secret")
    with pytest.raises(StoreError) as caught:
        await client.fetch(FetchRequest("order", str(uuid4().int % 1000)))
    assert "cs_very_secret" not in f"{caught.value!r} {caught.value.detail}"
    await client.close()
