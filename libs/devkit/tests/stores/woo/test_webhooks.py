"""Deliveries, as PLATFORMS.md says they were measured."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.stores.woo.buyers import draft_for
from longshore_devkit.stores.woo.models import Order
from longshore_devkit.stores.woo.webhooks import delivery_id, signing_key

SECRET = 'a "secret" & more'


async def _subscribe(api: httpx.AsyncClient, url: str, *topics: str, secret: str = SECRET) -> list[int]:
    ids = []
    for topic in topics:
        answer = await api.post("/webhooks", json={"topic": topic, "delivery_url": url, "secret": secret})
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    return ids


def _buy(woo: SimulatedWoo, sku: str = "LS-0005", quantity: int = 1) -> Order:
    product = woo.shop.product_by_sku(sku)
    assert product is not None
    return woo.shop.place_order(draft_for(woo.shop, woo.shop.rng, [(product, quantity)]))


class TestPing:
    async def test_is_sent_unsigned_before_the_answer(
        self, api: httpx.AsyncClient, sink: Any, recorded: Callable[[str], Any]
    ) -> None:
        (webhook_id,) = await _subscribe(api, sink.url, "order.created")
        ((headers, body),) = sink.received
        assert body == f"webhook_id={webhook_id}".encode()
        assert not [name for name in headers if name.startswith("x-wc")]
        theirs = {name.lower(): value for name, value in recorded("webhooks/001").headers.items()}
        assert set(headers) == set(theirs)
        assert headers["content-type"] == theirs["content-type"]
        assert headers["user-agent"] == theirs["user-agent"]

    @pytest.mark.parametrize("status", [204, 201, 500])
    async def test_comes_again_after_every_delivery_until_200(
        self, status: int, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        sink.status = status
        await _subscribe(api, sink.url, "order.created")
        for expected in (2, 3):
            _buy(woo)
            await woo.queue.settled()
            assert len(sink.pings) == expected
        sink.status = 200
        for _ in range(2):
            _buy(woo)
            await woo.queue.settled()
        assert len(sink.pings) == 4


class TestDeliveries:
    async def test_headers_and_signature(
        self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo, recorded: Callable[[str], Any]
    ) -> None:
        (webhook_id,) = await _subscribe(api, sink.url, "order.created")
        order = _buy(woo)
        await woo.queue.settled()
        ((headers, body),) = sink.deliveries()
        assert set(headers) == {name.lower() for name in recorded("webhooks/018").headers}
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
        assert headers["x-wc-webhook-signature"] == base64.b64encode(digest).decode()
        assert headers["x-wc-webhook-source"] == f"{woo.url}/"
        assert (headers["x-wc-webhook-id"], headers["x-wc-webhook-resource"]) == (str(webhook_id), "order")
        assert json.loads(body)["id"] == order.id

    def test_the_key_is_the_secret_with_entities_decoded(self) -> None:
        assert signing_key("a &quot;b&quot; &amp; &#039;c&#039; &lt;d&gt;") == "a \"b\" & 'c' <d>"
        assert signing_key("a & b &eacute;") == "a & b &eacute;"

    def test_ids_collide_within_a_second(self) -> None:
        assert delivery_id(1, 1000.1) == delivery_id(1, 1000.9) != delivery_id(1, 1001.0)
        assert delivery_id(1, 1000.1) != delivery_id(2, 1000.1)

    async def test_a_new_order_comes_created_and_updated_with_one_body(
        self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        await _subscribe(api, sink.url, "order.created", "order.updated", "product.updated")
        order = _buy(woo, quantity=2)
        await woo.queue.settled()
        ((_, created),) = sink.deliveries("order.created")
        ((_, updated),) = sink.deliveries("order.updated")
        assert created == updated
        (product,) = sink.bodies("product.updated")
        assert (product["sku"], product["stock_quantity"]) == ("LS-0005", 98)
        assert json.loads(created)["id"] == order.id

    async def test_stock_of_a_variation_comes_as_a_product(
        self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        await _subscribe(api, sink.url, "product.updated")
        _buy(woo, sku="LS-0001")
        await woo.queue.settled()
        (product,) = sink.bodies("product.updated")
        assert (product["type"], product["parent_id"] > 0) == ("variation", True)

    async def test_body_is_built_late_and_updates_collapse(
        self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        await _subscribe(api, sink.url, "order.created", "order.updated")
        order = _buy(woo)
        woo.shop.set_status(order, "completed")
        woo.shop.save_order(order)
        await woo.queue.settled()
        assert [body["status"] for body in sink.bodies("order.created")] == ["completed"]
        assert [body["status"] for body in sink.bodies("order.updated")] == ["completed"]

    async def test_no_op_put_echoes_and_notes_do_not(
        self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        order = _buy(woo)
        await _subscribe(api, sink.url, "order.updated")
        await api.post(f"/orders/{order.id}/notes", json={"note": "hello"})
        await woo.queue.settled()
        assert sink.deliveries() == []
        await api.put(f"/orders/{order.id}", json={})
        await woo.queue.settled()
        assert len(sink.deliveries("order.updated")) == 1

    async def test_trash_and_force(self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo) -> None:
        trashed, deleted = _buy(woo), _buy(woo)
        product_id = woo.shop.by_sku["LS-0006"]
        topics = ("order.deleted", "order.updated", "order.restored", "product.deleted", "coupon.deleted")
        await _subscribe(api, sink.url, *topics)
        await api.delete(f"/orders/{trashed.id}")
        await api.delete(f"/orders/{deleted.id}", params={"force": "true"})
        await api.delete(f"/products/{product_id}")
        await woo.queue.settled()
        await api.put(f"/orders/{trashed.id}", json={"status": "processing"})
        await woo.queue.settled()
        assert sink.bodies("order.deleted") == [{"id": trashed.id}]
        assert sink.bodies("product.deleted") == sink.bodies("coupon.deleted") == [{"id": product_id}]
        assert [body["status"] for body in sink.bodies("order.updated")] == ["processing"]
        assert sink.bodies("order.restored") == []

    async def test_a_resource_that_is_gone_is_delivered_as_a_signed_error(
        self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        await _subscribe(api, sink.url, "order.created")
        woo.shop.delete_order(_buy(woo))
        await woo.queue.settled()
        ((headers, body),) = sink.deliveries()
        assert json.loads(body) == {
            "code": "woocommerce_rest_shop_order_invalid_id",
            "message": "Invalid ID.",
            "data": {"status": 404},
        }
        assert headers["x-wc-webhook-signature"]

    async def test_any_order(self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo) -> None:
        await _subscribe(api, sink.url, "order.created")
        placed = [_buy(woo).id for _ in range(30)]
        await woo.queue.settled()
        arrived = [body["id"] for body in sink.bodies("order.created")]
        assert sorted(arrived) == placed
        assert arrived != placed


class TestFailures:
    async def test_one_attempt_and_off_at_the_seventh_failure(
        self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        (webhook_id,) = await _subscribe(api, sink.url, "order.created")
        sink.status = 500
        for number in range(1, 8):
            _buy(woo)
            await woo.queue.settled()
            assert len(sink.deliveries()) == number
            status = (await api.get(f"/webhooks/{webhook_id}")).json()["status"]
            assert status == ("disabled" if number == 7 else "active")
        _buy(woo)
        await woo.queue.settled()
        assert len(sink.deliveries()) == 7

        # Back on by hand; nothing that was missed comes, and one success forgives all.
        sink.status = 200
        await api.put(f"/webhooks/{webhook_id}", json={"status": "active"})
        _buy(woo)
        await woo.queue.settled()
        assert len(sink.deliveries()) == 8
        assert woo.shop.webhooks[webhook_id].failure_count == 0

    @pytest.mark.parametrize(("status", "failures"), [(200, 0), (204, 0), (302, 0), (303, 1), (401, 1), (503, 1)])
    async def test_success_is_200_to_302(
        self, status: int, failures: int, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        (webhook_id,) = await _subscribe(api, sink.url, "order.created")
        sink.script = [status]
        _buy(woo)
        await woo.queue.settled()
        assert woo.shop.webhooks[webhook_id].failure_count == failures

    async def test_nobody_there(self, api: httpx.AsyncClient, woo: SimulatedWoo, unused_tcp_port: int) -> None:
        (webhook_id,) = await _subscribe(api, f"http://127.0.0.1:{unused_tcp_port}/", "order.created")
        _buy(woo)
        await woo.queue.settled()
        webhook = woo.shop.webhooks[webhook_id]
        assert (webhook.failure_count, webhook.pending_ping, woo.queue.failed) == (1, True, 1)


class TestSubscriptions:
    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"topic": "order.shipped", "delivery_url": "http://x"}, "invalid_topic"),
            ({"topic": "order.created", "delivery_url": "ftp://x"}, "invalid_delivery_url"),
            ({}, "invalid_topic"),
        ],
    )
    async def test_refused(self, body: dict[str, str], code: str, api: httpx.AsyncClient) -> None:
        answer = await api.post("/webhooks", json=body)
        assert (answer.status_code, answer.json()["code"]) == (400, f"woocommerce_rest_shop_webhook_{code}")

    async def test_delete_needs_force(self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo) -> None:
        (webhook_id,) = await _subscribe(api, sink.url, "order.created")
        assert (await api.delete(f"/webhooks/{webhook_id}")).status_code == 501
        assert (await api.delete(f"/webhooks/{webhook_id}", params={"force": "true"})).status_code == 200
        _buy(woo)
        await woo.queue.settled()
        assert sink.deliveries() == []

    async def test_a_new_address_is_pinged(self, api: httpx.AsyncClient, sink: Any, woo: SimulatedWoo) -> None:
        (webhook_id,) = await _subscribe(api, sink.url, "order.created")
        await api.put(f"/webhooks/{webhook_id}", json={"name": "same address"})
        assert len(sink.pings) == 1
        await api.put(f"/webhooks/{webhook_id}", json={"delivery_url": sink.url + "/other"})
        assert len(sink.pings) == 2


class TestFaults:
    @pytest.mark.parametrize(("knob", "expected"), [("webhook_loss_rate", 0), ("webhook_duplicate_rate", 10)])
    async def test_lost_and_doubled(
        self, knob: str, expected: int, api: httpx.AsyncClient, sim: httpx.AsyncClient, sink: Any, woo: SimulatedWoo
    ) -> None:
        await _subscribe(api, sink.url, "order.created")
        assert (await sim.put("/faults", json={knob: 1})).status_code == 200
        for _ in range(5):
            _buy(woo)
        await woo.queue.settled()
        assert len(sink.deliveries()) == expected
        assert woo.queue.lost == (5 if knob == "webhook_loss_rate" else 0)

    async def test_html_instead_of_json(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        await sim.put("/faults", json={"html_rate": 1})
        answer = await api.get("/orders")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=UTF-8")
        assert (await sim.get("/faults")).json()["html_rate"] == 1

    async def test_dropped_after_the_write(
        self, served: SimulatedWoo, client_with: Callable[[tuple[str, str]], httpx.AsyncClient]
    ) -> None:
        order = _buy(served)
        served.faults.update({"drop_after_write_rate": 1})
        async with client_with(("ck_test", "cs_test")) as client:
            with pytest.raises(httpx.TransportError):
                await client.put(f"/orders/{order.id}", json={"status": "completed"})
            assert order.status == "completed"
            assert (await client.get(f"/orders/{order.id}")).json()["status"] == "completed"

    async def test_unknown_knobs_are_refused(self, sim: httpx.AsyncClient) -> None:
        assert (await sim.put("/faults", json={"gremlins": 1})).status_code == 400


async def test_stopping_with_deliveries_under_way(config: Callable[..., WooConfig], sink: Any) -> None:
    woo = SimulatedWoo(config(webhook_delay_s=(5.0, 5.0)))
    await woo.start()
    _buy(woo)
    async with asyncio.timeout(5):
        await woo.stop()
        await woo.stop()
