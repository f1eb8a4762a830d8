"""Connecting, testing, mending and changing stores, as a person does it by the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from longshore_connector_woo.client.webhooks import TOPICS
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.testing import eventually
from tests.conftest import first_sku, sku_prefix
from tests.e2e.test_stream import known, place, sim

pytestmark = pytest.mark.e2e

READ_ONLY = ("ck_" + "1" * 40, "cs_" + "1" * 40)


def statuses(test: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["status"] for each in test["checks"]}


def check(test: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in test["checks"] if each["name"] == name)


@pytest.fixture
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedWoo]:
    """A shop that has a read-only key as well."""
    config = WooConfig(
        products=2, sku_prefix=sku_prefix(request), read_only_key=READ_ONLY[0], read_only_secret=READ_ONLY[1]
    )
    async with SimulatedWoo(config) as store:
        yield store


def connection(shop: SimulatedWoo, key: tuple[str, str] | None = None) -> dict[str, Any]:
    config = shop.shop.config
    consumer_key, consumer_secret = key or (config.consumer_key, config.consumer_secret)
    return {
        "platform": "woocommerce",
        "name": "Woo",
        "store_url": shop.url,
        "credentials": {"consumer_key": consumer_key, "consumer_secret": consumer_secret},
    }


async def becomes(hub: Any, integration: dict[str, Any], status: str) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        found: dict[str, Any] = await hub.get(f"integrations/{integration['id']}")
        return found if found["status"] == status else None

    return await eventually(there, timeout=20) or {}


class TestTest:
    async def test_stores_that_are_well(self, hub: Any, stores: Any) -> None:
        for integration in (stores.woo_integration, stores.shopify_integration):
            found = await hub.post(f"integrations/{integration['id']}/test", None, 200)
            unwell = {name: status for name, status in statuses(found).items() if status != "ok"}
            # Both are called over plain http here.
            assert set(unwell) <= {"tls"}, found
            assert "fail" not in unwell.values()

    async def test_a_read_only_key_is_named_and_a_good_one_put_in_its_place(self, hub: Any, shop: SimulatedWoo) -> None:
        created = await hub.post("integrations", connection(shop, READ_ONLY))
        failed = await becomes(hub, created, "error")
        assert "read-only" in failed["status_reason"]
        found = await hub.post(f"integrations/{created['id']}/test", None, 200)
        assert found["status"] == "fail"
        permissions = check(found, "permissions")
        assert permissions["status"] == "fail"
        assert "read-only" in permissions["detail"]
        assert statuses(found)["authenticated"] == "ok"

        path = f"/api/v1/integrations/{created['id']}"
        answer = await hub.client.patch(path, json={"credentials": connection(shop)["credentials"]})
        assert (answer.status_code, answer.json()["status"]) == (200, "connecting")
        await becomes(hub, created, "active")
        assert statuses(await hub.post(f"integrations/{created['id']}/test", None, 200))["permissions"] == "ok"

    async def test_a_wrong_key_and_a_wrong_clock(self, hub: Any, shop: SimulatedWoo) -> None:
        created = await hub.post("integrations", connection(shop, ("ck_wrong", "cs_wrong")))
        await becomes(hub, created, "error")
        found = await hub.post(f"integrations/{created['id']}/test", None, 200)
        assert statuses(found)["reachable"] == "ok"
        assert statuses(found)["authenticated"] == "fail"
        assert all(each["remedy"] for each in found["checks"] if each["status"] != "ok")
        assert "wrong" not in str(found)

    async def test_a_store_that_is_away(self, hub: Any, shop: SimulatedWoo) -> None:
        created = await hub.connect(connection(shop))
        await shop.stop()
        found = await hub.post(f"integrations/{created['id']}/test", None, 200)
        assert (found["status"], statuses(found)["reachable"]) == ("fail", "fail")
        problem = await hub.client.get(f"/api/v1/integrations/{created['id']}/webhooks")
        assert (problem.status_code, problem.json()["code"]) == (502, "unreachable")

    async def test_a_custom_channel_has_nothing_to_test(self, hub: Any) -> None:
        till = await hub.post("integrations", {"platform": "api", "name": "Nothing to test"})
        assert (await hub.post(f"integrations/{till['id']}/test", None, 200))["status"] == "ok"
        assert (await hub.get(f"integrations/{till['id']}/webhooks"))["items"] == []


class TestWebhooks:
    """Of stores whose webhooks the hub does not manage: the watchdog leaves them alone."""

    async def test_what_is_missing_or_disabled_is_seen_mended_and_delivers(self, hub: Any, woo: SimulatedWoo) -> None:
        integration = await hub.connect_woo(woo, manage_webhooks=False)
        path = f"integrations/{integration['id']}"

        async def seen() -> set[str]:
            return {each["status"] for each in (await hub.get(f"{path}/webhooks"))["items"]}

        assert await seen() == {"missing"}
        mended = (await hub.post(f"{path}/webhooks", None, 200))["items"]
        assert {each["status"] for each in mended} == {"active"}
        for hook in woo.shop.webhooks.values():
            hook.status = "disabled"
        assert await seen() == {"disabled"}
        found = await hub.post(f"{path}/test", None, 200)
        assert check(found, "webhooks")["status"] == "warn"
        await hub.post(f"{path}/webhooks", None, 200)
        assert await seen() == {"active"}
        sku = f"{woo.shop.config.sku_prefix}0001"
        (placed,) = await place(woo.url, sku=sku, quantity=1, status="processing")
        assert await known(hub, integration, placed["id"])

    async def test_deleted_ones_of_shopify(self, hub: Any, shopify: SimulatedShopify) -> None:
        integration = await hub.connect_shopify(shopify, manage_webhooks=False)
        path = f"integrations/{integration['id']}/webhooks"
        await hub.post(path, None, 200)
        subscriptions = shopify.shop().webhooks.subscriptions
        gone = subscriptions.pop(next(iter(subscriptions)))
        items = (await hub.get(path))["items"]
        assert [each["topic"] for each in items if each["status"] == "missing"] == [gone.topic]
        mended = (await hub.post(path, None, 200))["items"]
        assert {each["status"] for each in mended} == {"active"}


class TestWatchdog:
    async def test_what_a_store_disables_or_deletes_is_put_right_by_itself(self, hub: Any, stores: Any) -> None:
        hooks = stores.woo.shop.webhooks
        for hook in hooks.values():
            hook.status = "disabled"
        hooks.pop(next(iter(hooks)))
        subscriptions = stores.shopify.shop().webhooks.subscriptions
        wanted = len(subscriptions)
        subscriptions.pop(next(iter(subscriptions)))

        def mended() -> bool:
            active = [hook for hook in hooks.values() if hook.status == "active"]
            return len(active) == len(TOPICS) and len(subscriptions) == wanted

        await eventually(mended, timeout=30)
        (placed,) = await place(stores.woo.url, sku=first_sku(stores), quantity=1, status="processing")
        assert await known(hub, stores.woo_integration, placed["id"])


async def test_disconnected_and_connected_again(hub: Any, shop: SimulatedWoo) -> None:
    """The webhooks go, the key goes, the history stays; and it goes on under the same id."""
    first = await hub.connect(connection(shop))
    (placed,) = await place(shop.url, sku=f"{shop.shop.config.sku_prefix}0001", quantity=1, status="processing")
    order = await known(hub, first, placed["id"])
    assert (await hub.client.delete(f"/api/v1/integrations/{first['id']}")).status_code == 204

    async def clean() -> bool:
        return not (await sim(shop.url, "state"))["webhooks"]

    await eventually(clean, timeout=20)
    await hub.settled()
    assert (await hub.get(f"orders/{order['id']}"))["external_id"] == str(placed["id"])
    assert (await hub.client.post(f"/api/v1/integrations/{first['id']}/test")).status_code == 404
    again = await hub.connect(connection(shop))
    assert again["id"] == first["id"]
    (later,) = await place(shop.url, sku=f"{shop.shop.config.sku_prefix}0001", quantity=1, status="processing")
    await known(hub, again, later["id"])
    orders = {each["external_id"] for each in await hub.all("orders", integration_id=again["id"])}
    assert orders == {str(placed["id"]), str(later["id"])}
