"""The hub's main job, with both stores: orders come in, fulfilments and stock go out.

The stores are connected once, which takes longer than most tests; each test sells goods of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from longshore_devkit.loadgen import LoadPlan, run_load
from longshore_devkit.running import RunningStack
from longshore_devkit.stores.shopify.server import SimulatedShopify
from longshore_devkit.stores.shopify.shop import ShopConfig
from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.stores.woo.payloads import FIRST_ID, make_order_webhook
from longshore_devkit.testing import eventually
from tests.conftest import Hub, Stores, connected_stores

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

PREFIX = "STREAM-"
PRODUCTS = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(stack: RunningStack) -> AsyncIterator[Hub]:
    hub = Hub(stack)
    yield hub
    await hub.client.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stores(hub: Hub, shopify_port: int) -> AsyncIterator[Stores]:
    config = ShopConfig("e2e-stream.myshopify.com", products=PRODUCTS, sku_prefix=PREFIX)
    async with (
        SimulatedWoo(WooConfig(products=PRODUCTS, sku_prefix=PREFIX)) as woo,
        SimulatedShopify(config, port=shopify_port) as shopify,
        connected_stores(hub, woo, shopify) as stores,
    ):
        yield stores


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return iter(range(1, PRODUCTS))


@pytest.fixture
def sku(numbers: Iterator[int]) -> str:
    """What no other test has sold."""
    return f"{PREFIX}{next(numbers):04}"


@pytest.fixture
def another_sku(numbers: Iterator[int]) -> str:
    return f"{PREFIX}{next(numbers):04}"


async def place(url: str, **body: Any) -> list[dict[str, Any]]:
    """Buyers order in a simulated store."""
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.post(f"{url}/_sim/orders", json=body)
        answer.raise_for_status()
        found = answer.json()
    orders: list[dict[str, Any]] = found["orders"]
    return orders


async def sim(url: str, path: str, method: str = "GET", body: object = None) -> Any:
    async with httpx.AsyncClient(timeout=20) as client:
        answer = await client.request(method, f"{url}/_sim/{path}", json=body)
        answer.raise_for_status()
        return answer.json()


async def undelivered(url: str) -> int:
    """Deliveries that a simulated store has not made yet."""
    pending: int = (await sim(url, "state"))["deliveries"]["pending"]
    return pending


async def delivered(url: str) -> None:
    """Return when a simulated store has told all that it has to tell: the hub cannot know of it before."""

    async def none_left() -> bool:
        return await undelivered(url) == 0

    await eventually(none_left)


async def stock_at(url: str, sku: str) -> int:
    quantity: int = (await sim(url, "state"))["stock"][sku]
    return quantity


async def known(hub: Any, integration: dict[str, Any], external_id: object) -> dict[str, Any]:
    """The canonical order, as soon as it is there."""

    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] | None = await hub.order(integration, external_id)
        return found

    return await eventually(look, timeout=20) or {}


def whole_lines(order: dict[str, Any]) -> list[dict[str, Any]]:
    """All that goes into a parcel: a gift wrap or a tip does not, and no store ships it."""
    return [
        {"line_id": line["id"], "quantity": line["quantity"]} for line in order["lines"] if line["requires_shipping"]
    ]


async def ship(hub: Any, order: dict[str, Any], number: str, lines: Any = None, status: int = 202) -> dict[str, Any]:
    found: dict[str, Any] = await hub.post(
        f"orders/{order['id']}/fulfillments",
        {
            "lines": whole_lines(order) if lines is None else lines,
            "tracking": {"number": number, "carrier": "DHL", "url": f"https://track.example/{number}"},
            "notify_customer": True,
        },
        status,
    )
    return found


class TestOrders:
    async def test_what_happens_to_an_order_makes_revisions(self, hub: Any, stores: Any, sku: str) -> None:
        (placed,) = await place(stores.woo.url, sku=sku, quantity=1, status="processing")
        order = await known(hub, stores.woo_integration, placed["id"])
        await sim(stores.woo.url, f"orders/{placed['id']}/refund", "POST", {})

        async def refunded() -> bool:
            now = await hub.get(f"orders/{order['id']}")
            return bool(now["totals"]["refunded"]["amount"] == now["totals"]["total"]["amount"])

        await eventually(refunded, timeout=20)
        revisions = (await hub.get(f"orders/{order['id']}/revisions"))["items"]
        assert len(revisions) >= 2
        assert all(each["raw"]["topic"] == "raw.woocommerce" for each in revisions)

    async def test_a_trashed_order_is_cancelled_and_a_restored_one_is_back(
        self, hub: Any, stores: Any, sku: str
    ) -> None:
        (placed,) = await place(stores.woo.url, sku=sku, quantity=1, status="processing")
        order = await known(hub, stores.woo_integration, placed["id"])

        async def status() -> str:
            found: str = (await hub.get(f"orders/{order['id']}"))["status"]
            return found

        await sim(stores.woo.url, f"orders/{placed['id']}/trash", "POST", {})
        await eventually(lambda: _is(status, "cancelled"), timeout=20)
        await sim(stores.woo.url, f"orders/{placed['id']}/restore", "POST", {})
        await eventually(lambda: _is(status, order["status"]), timeout=20)

    async def test_the_same_deliveries_again_change_nothing(self, hub: Any) -> None:
        store = await hub.mute_store(11)
        plan = LoadPlan(
            url=store["webhook_url"],
            secret="mute-secret",
            rate=400,
            orders=100,
            body=lambda n, _: make_order_webhook(n, at=1_795_000_000 + n),
            order_id=lambda n: FIRST_ID + n,
        )
        first = await run_load(plan)
        await hub.settled()
        before = await hub.get("system/state-hash")
        revisions = (await hub.get("orders", integration_id=store["id"]))["items"][0]["id"]
        count = len((await hub.get(f"orders/{revisions}/revisions"))["items"])
        # Other times of delivery, other delivery ids, another order of the two: the same bytes.
        again = await run_load(plan)
        await hub.settled()
        assert first.accepted_ids == again.accepted_ids
        assert len(await hub.all("orders", integration_id=store["id"])) == 100
        after = await hub.get("system/state-hash")
        assert before["orders"] == after["orders"]
        assert len((await hub.get(f"orders/{revisions}/revisions"))["items"]) == count


class TestFulfilments:
    @pytest.mark.parametrize("platform", ["woo", "shopify"])
    async def test_a_whole_order_ships_once(self, hub: Any, stores: Any, sku: str, platform: str) -> None:
        store = getattr(stores, platform)
        integration = getattr(stores, f"{platform}_integration")
        body = {"sku": sku, "quantity": 2} | ({"status": "processing"} if platform == "woo" else {"plain": True})
        (placed,) = await place(store.url, **body)
        order = await known(hub, integration, placed["id"])
        asked = await ship(hub, order, "TRACK-1")
        assert asked["command"]["status"] == "pending"
        await hub.settled()
        now = await hub.get(f"orders/{order['id']}")
        assert now["status"] == "fulfilled"
        (fulfillment,) = now["fulfillments"]
        assert fulfillment["status"] == "success"
        assert fulfillment["tracking"]["number"] == "TRACK-1"
        assert all(line["fulfilled_quantity"] == line["quantity"] for line in now["lines"])
        commands = (await hub.get("commands", order_id=order["id"]))["items"]
        assert [(each["type"], each["status"]) for each in commands] == [("fulfillment.create", "succeeded")]
        await assert_shipped_once(store, platform, placed["id"], "TRACK-1")

    async def test_nothing_ships_twice(self, hub: Any, stores: Any, sku: str) -> None:
        (placed,) = await place(stores.shopify.url, sku=sku, quantity=2, plain=True)
        order = await known(hub, stores.shopify_integration, placed["id"])
        await ship(hub, order, "TRACK-2")
        # More than is open: refused, nothing changes.
        await ship(hub, order, "TRACK-3", status=409)
        await hub.settled()
        await ship(hub, order, "TRACK-3", status=409)
        await assert_shipped_once(stores.shopify, "shopify", placed["id"], "TRACK-2")

    async def test_in_parts(self, hub: Any, stores: Any, sku: str) -> None:
        (placed,) = await place(stores.woo.url, sku=sku, quantity=3, status="processing")
        order = await known(hub, stores.woo_integration, placed["id"])
        line = order["lines"][0]["id"]
        await ship(hub, order, "PART-1", [{"line_id": line, "quantity": 1}])
        await hub.settled()
        part = await hub.get(f"orders/{order['id']}")
        assert part["status"] == "partially_fulfilled"
        assert (await sim(stores.woo.url, "fulfilments"))["orders"][str(placed["id"])]["completed_count"] == 0
        await ship(hub, order, "PART-2", [{"line_id": line, "quantity": 2}])
        await hub.settled()
        whole = await hub.get(f"orders/{order['id']}")
        assert whole["status"] == "fulfilled"
        assert whole["lines"][0]["fulfilled_quantity"] == 3
        shipped = (await sim(stores.woo.url, "fulfilments"))["orders"][str(placed["id"])]
        assert sorted(shipped["tracking_numbers"]) == ["PART-1", "PART-2"]
        assert shipped["completed_count"] == 1

    async def test_an_answer_lost_after_the_write_does_not_ship_twice(self, hub: Any, stores: Any, sku: str) -> None:
        placed = await place(stores.woo.url, n=6, sku=sku, quantity=1, status="processing")
        orders = [await known(hub, stores.woo_integration, each["id"]) for each in placed]
        await sim(stores.woo.url, "faults", "PUT", {"drop_after_write_rate": 0.5})
        try:
            for order in orders:
                await ship(hub, order, f"LOST-{order['external_id']}")

            async def all_done() -> bool:
                found = [(await hub.get(f"orders/{order['id']}"))["status"] for order in orders]
                return all(status == "fulfilled" for status in found)

            await eventually(all_done, timeout=60)
        finally:
            await sim(stores.woo.url, "faults", "PUT", {"drop_after_write_rate": 0.0})
        state = await sim(stores.woo.url, "fulfilments")
        assert state["twice"] == []
        for each in placed:
            assert len(state["orders"][str(each["id"])]["tracking_items"]) == 1


class TestActions:
    async def test_what_people_ask_of_a_store_comes_back_with_the_order(self, hub: Any, stores: Any, sku: str) -> None:
        (placed,) = await place(stores.shopify.url, sku=sku, quantity=3, plain=True)
        order = await known(hub, stores.shopify_integration, placed["id"])
        path, line = f"orders/{order['id']}", order["lines"][0]["id"]
        await ship(hub, order, "TRACK-9")
        # The order can come back from the store before the answer to what was asked of it.
        shipped = await becomes(hub, path, lambda now: [each["status"] for each in now["fulfillments"]] == ["success"])
        assert shipped["status"] == "fulfilled"
        (parcel,) = shipped["fulfillments"]

        await hub.post(f"{path}/fulfillments/{parcel['id']}/tracking", {"number": "TRACK-10"}, 202)
        await becomes(hub, path, lambda now: now["fulfillments"][0]["tracking"]["number"] == "TRACK-10")
        await hub.post(f"{path}/fulfillments/{parcel['id']}/cancel", {}, 202)
        await becomes(hub, path, lambda now: now["status"] == "processing")
        await hub.post(f"{path}/refunds", {"lines": [{"line_id": line, "quantity": 1}], "reason": "Broken"}, 202)
        back = await becomes(hub, path, lambda now: now["totals"]["refunded"]["amount"] > 0)
        assert [(each["reason"], each["lines"][0]["quantity"]) for each in back["refunds"]] == [("Broken", 1)]
        assert back["reconciled"]
        await hub.post(f"{path}/notes", {"text": "Buyer rang."}, 202)
        await becomes(hub, path, lambda now: [each["text"] for each in now["notes"]] == ["Buyer rang."])

        async def answered() -> bool:
            found = (await hub.get("commands", order_id=order["id"]))["items"]
            return {each["status"] for each in found} == {"succeeded"}

        # The store tells of the refund before its command's outcome is known; until then both may not pay back.
        await eventually(answered, timeout=30)
        await hub.post(f"{path}/cancel", {"refund": True}, 202)
        gone = await becomes(hub, path, lambda now: now["status"] == "cancelled")
        await hub.post(f"{path}/cancel", {}, 409)

        commands = (await hub.get("commands", order_id=order["id"]))["items"]
        assert {each["type"] for each in commands} == {
            "fulfillment.create", "fulfillment.tracking", "fulfillment.cancel",
            "order.refund", "order.note", "order.cancel",
        }  # fmt: skip
        assert gone["financial_status"] == "refunded"


async def becomes(hub: Any, path: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The order, as soon as it is as wanted."""

    async def look() -> dict[str, Any] | None:
        now: dict[str, Any] = await hub.get(path)
        return now if wanted(now) else None

    return await eventually(look, timeout=30) or {}


class TestStock:
    async def test_a_sale_in_one_store_is_pushed_to_the_other(self, hub: Any, stores: Any, sku: str) -> None:
        before = await stock_at(stores.shopify.url, sku)
        await place(stores.woo.url, sku=sku, quantity=3, status="processing")

        async def pushed() -> bool:
            return await stock_at(stores.shopify.url, sku) == before - 3

        await eventually(pushed, timeout=20)
        await hub.settled()
        (level,) = (await hub.get("inventory", sku=sku))["items"]
        assert level["available"] == before - 3
        assert level["reserved"] == 3
        assert level["on_hand"] == before
        assert all(channel["in_sync"] for channel in level["channels"]), level

    async def test_what_we_pushed_and_hear_of_is_not_pushed_back(
        self, hub: Any, stores: Any, sku: str, another_sku: str
    ) -> None:
        await place(stores.shopify.url, sku=sku, quantity=1)
        await hub.settled()
        writes = len((await sim(stores.woo.url, "state"))["stock_writes"])
        assert writes >= 1
        # No-op updates make the store tell of its levels again.
        for _ in range(3):
            await place(stores.woo.url, sku=another_sku, quantity=1, status="pending")
        await delivered(stores.woo.url)
        await hub.settled()
        assert len((await sim(stores.woo.url, "state"))["stock_writes"]) == writes
        assert await stock_at(stores.woo.url, sku) == await stock_at(stores.shopify.url, sku)

    async def test_an_adjustment_goes_to_all_stores(self, hub: Any, stores: Any, sku: str) -> None:
        await hub.post("inventory/adjustments", {"sku": sku, "set": 42, "reason": "counted"})
        await hub.settled()
        assert await stock_at(stores.woo.url, sku) == 42
        assert await stock_at(stores.shopify.url, sku) == 42
        await hub.post("inventory/adjustments", {"sku": sku, "delta": -2, "reason": "damaged"})
        await hub.settled()
        assert await stock_at(stores.woo.url, sku) == 40
        movements = (await hub.get("inventory/movements", sku=sku))["items"]
        assert sum(each["delta"] for each in movements) == 40

    async def test_a_merchants_own_edit_goes_to_the_other_store(self, hub: Any, stores: Any, sku: str) -> None:
        await sim(stores.woo.url, "stock", "PUT", {"sku": sku, "quantity": 7})

        async def pushed() -> bool:
            return await stock_at(stores.shopify.url, sku) == 7

        await eventually(pushed, timeout=30)
        await hub.settled()
        assert await stock_at(stores.woo.url, sku) == 7

    async def test_goods_that_ship_leave_the_shelf_once(self, hub: Any, stores: Any, sku: str) -> None:
        (placed,) = await place(stores.woo.url, sku=sku, quantity=2, status="processing")
        order = await known(hub, stores.woo_integration, placed["id"])
        await hub.settled()
        (reserved,) = (await hub.get("inventory", sku=sku))["items"]
        await ship(hub, order, "SHELF-1")
        await hub.settled()
        (shipped,) = (await hub.get("inventory", sku=sku))["items"]
        assert (shipped["on_hand"], shipped["reserved"]) == (reserved["on_hand"] - 2, reserved["reserved"] - 2)
        assert shipped["available"] == reserved["available"]

    async def test_selling_the_last_piece_twice_is_said_aloud(self, hub: Any, stores: Any, sku: str) -> None:
        await hub.post("inventory/adjustments", {"sku": sku, "set": 1, "reason": "counted"})
        await hub.settled()
        # Both stores are cut off from us while their buyers take the last piece.
        for store in (stores.woo, stores.shopify):
            await sim(store.url, "faults", "PUT", {"latency_ms": 300})
        try:
            await place(stores.woo.url, sku=sku, quantity=1, status="processing", force=True)
            await place(stores.shopify.url, sku=sku, quantity=1)
        finally:
            for store in (stores.woo, stores.shopify):
                await sim(store.url, "faults", "PUT", {"latency_ms": 0})
        await hub.settled()
        orders = [
            *await hub.all("orders", integration_id=stores.woo_integration["id"]),
            *await hub.all("orders", integration_id=stores.shopify_integration["id"]),
        ]
        short = [line for order in orders for line in order["lines"] if line["oversold_quantity"]]
        assert [line["oversold_quantity"] for line in short] == [1]
        alerts = (await hub.get("inventory/alerts"))["items"]
        assert any(sku in str(alert) for alert in alerts)


class TestConnections:
    @pytest_asyncio.fixture(loop_scope="module")
    async def woo(self) -> AsyncIterator[SimulatedWoo]:
        async with SimulatedWoo(WooConfig(products=10, sku_prefix="CONNECTED-")) as store:
            yield store

    async def test_webhooks_are_registered_and_removed(self, hub: Any, woo: Any) -> None:
        integration = await hub.connect_woo(woo)
        hooks = (await sim(woo.url, "state"))["webhooks"]
        assert {hook["topic"] for hook in hooks} >= {"order.created", "order.updated", "product.updated"}
        assert all(hook["status"] == "active" for hook in hooks)
        assert (await hub.client.delete(f"/api/v1/integrations/{integration['id']}")).status_code == 204
        await hub.settled()
        assert (await sim(woo.url, "state"))["webhooks"] == []

    async def test_wrong_keys_are_an_error_with_its_reason(self, hub: Any, woo: Any) -> None:
        created = await hub.post(
            "integrations",
            {
                "platform": "woocommerce",
                "name": "Wrong",
                "store_url": woo.url,
                "credentials": {"consumer_key": "ck_wrong", "consumer_secret": "cs_wrong"},
            },
        )

        async def failed() -> bool:
            found = await hub.get(f"integrations/{created['id']}")
            return found["status"] == "error" and bool(found["status_reason"])

        await eventually(failed, timeout=20)


class TestAnyOrders:
    """Last, as they sell of everything."""

    async def test_each_order_of_both_stores_arrives_to_the_cent(self, hub: Any, stores: Any) -> None:
        for store, integration in (
            (stores.woo, stores.woo_integration),
            (stores.shopify, stores.shopify_integration),
        ):
            placed = await place(store.url, n=12)
            await delivered(store.url)
            await hub.settled()
            orders = {
                order["external_id"]: order for order in await hub.all("orders", integration_id=integration["id"])
            }
            for each in placed:
                order = orders[str(each["id"])]
                assert order["reconciled"], order["discrepancies"]
                total = order["totals"]["total"]
                assert Decimal(total["amount"]).scaleb(-total["exponent"]) == Decimal(str(each["total"]))
                assert order["org_id"]
                assert order["integration_id"] == integration["id"]
                assert order["lines"]


async def assert_shipped_once(store: Any, platform: str, external_id: object, number: str) -> None:
    """Counted at the store itself."""
    if platform == "woo":
        state = await sim(store.url, "fulfilments")
        shipped = state["orders"][str(external_id)]
        assert state["twice"] == []
        assert (shipped["tracking_numbers"], shipped["completed_count"]) == ([number], 1)
    else:
        shipped = (await sim(store.url, "fulfillments"))["by_order"][str(external_id)]
        assert len(shipped) == 1, shipped
        assert number in str(shipped)


async def _is(read: Any, wanted: object) -> bool:
    return bool(await read() == wanted)
