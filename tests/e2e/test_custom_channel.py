"""An in-house shop that sends its orders, products, stock and customers to our own API, on real parts."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from longshore_devkit.testing import eventually
from tests.conftest import first_sku
from tests.e2e.test_stream import known, ship, stock_at

pytestmark = pytest.mark.e2e


def order(sku: str, external_id: str = "A-1001", **fields: Any) -> dict[str, Any]:
    return {
        "external_id": external_id,
        "currency": "EUR",
        "placed_at": "2026-11-20T09:30:00Z",
        "lines": [{"sku": sku, "title": "Tea", "quantity": 2, "unit_price": "12.50"}],
    } | fields


async def channel(hub: Any) -> dict[str, Any]:
    found: dict[str, Any] = await hub.post("integrations", {"platform": "api", "name": f"Till {uuid4()}"})
    assert found["status"] == "active"
    return found


class TestOrders:
    async def test_an_order_becomes_canonical_reserves_and_is_pushed_to_the_stores(self, hub: Any, stores: Any) -> None:
        till = await channel(hub)
        sku = first_sku(stores)
        before = await stock_at(stores.woo.url, sku)
        taken = await hub.post(f"ingest/{till['id']}/orders", order(sku), 202)
        found = await known(hub, till, "A-1001")
        assert taken == {"accepted": 1, "items": [{"external_id": "A-1001", "id": found["id"]}]}
        assert (found["platform"], found["status"], found["reconciled"]) == ("api", "processing", True)
        assert found["totals"]["total"] == {"amount": 2500, "currency": "EUR", "exponent": 2}
        await hub.settled()
        (level,) = (await hub.get("inventory", sku=sku))["items"]
        assert (level["reserved"], level["available"]) == (2, before - 2)
        # The other channels sell two less; the one that sold them is told by the API and the topics.
        assert await stock_at(stores.woo.url, sku) == before - 2
        assert await stock_at(stores.shopify.url, sku) == before - 2
        revisions = (await hub.get(f"orders/{found['id']}/revisions"))["items"]
        assert [each["raw"]["topic"] for each in revisions] == ["raw.api"]

        # A fulfilment is the shop's to read: it is carried out once it can.
        await ship(hub, found, "TILL-1")
        await hub.settled()
        shipped = await hub.get(f"orders/{found['id']}")
        assert shipped["status"] == "fulfilled"
        assert [each["status"] for each in shipped["fulfillments"]] == ["success"]
        commands = (await hub.get("commands", order_id=found["id"]))["items"]
        assert [(each["type"], each["status"]) for each in commands] == [("fulfillment.create", "succeeded")]
        (after,) = (await hub.get("inventory", sku=sku))["items"]
        assert (after["on_hand"], after["reserved"], after["available"]) == (before - 2, 0, before - 2)
        # And is counted once when the shop tells of it in its turn.
        again = order(
            sku,
            status="fulfilled",
            fulfillments=[{"lines": [{"external_id": "1", "quantity": 2}], "tracking": {"number": "TILL-1"}}],
        )
        await hub.post(f"ingest/{till['id']}/orders", again, 202)
        await hub.settled()
        told = await hub.get(f"orders/{found['id']}")
        assert len(told["fulfillments"]) == 1
        assert [line["fulfilled_quantity"] for line in told["lines"]] == [2]
        (same,) = (await hub.get("inventory", sku=sku))["items"]
        assert (same["on_hand"], same["reserved"]) == (before - 2, 0)

    async def test_a_cancelled_order_gives_its_pieces_back(self, hub: Any, stores: Any) -> None:
        till = await channel(hub)
        sku = first_sku(stores)
        before = await stock_at(stores.woo.url, sku)
        lines = [json.dumps(order(sku, f"N-{n}")) for n in range(3)]
        answer = await hub.client.post(
            f"/api/v1/ingest/{till['id']}/orders",
            content="\n".join(lines).encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        assert (answer.status_code, answer.json()["accepted"]) == (202, 3)
        await hub.settled()
        assert len(await hub.all("orders", integration_id=till["id"])) == 3
        assert await stock_at(stores.woo.url, sku) == before - 6
        await hub.post(f"ingest/{till['id']}/orders", order(sku, "N-1", status="cancelled"), 202)
        await hub.settled()
        assert await stock_at(stores.woo.url, sku) == before - 4

    async def test_what_the_api_answers_can_be_sent_as_it_is(self, hub: Any, stores: Any) -> None:
        till = await channel(hub)
        first = order(first_sku(stores), totals={"shipping": "4.90"}, shipping_lines=[{"total": "4.90"}])
        await hub.post(f"ingest/{till['id']}/orders", first, 202)
        found = await known(hub, till, "A-1001")
        await hub.post(f"ingest/{till['id']}/orders", [found], 202)
        await hub.settled()
        assert await hub.get(f"orders/{found['id']}") == found
        assert len((await hub.get(f"orders/{found['id']}/revisions"))["items"]) == 1


class TestCatalogueAndStock:
    async def test_products_stock_and_customers(self, hub: Any) -> None:
        till = await channel(hub)
        sku = f"MUG-{uuid4()}"
        product = {"external_id": "p1", "title": "Mug", "currency": "EUR", "variants": [{"sku": sku, "price": "7"}]}
        await hub.post(f"ingest/{till['id']}/products", product, 202)
        await hub.settled()
        # Counted before the order was placed: of an older order the shop's first report is without its pieces.
        counted = {"sku": sku, "quantity": 9, "updated_at": "2026-11-01T00:00:00Z"}
        await hub.post(f"ingest/{till['id']}/stock", counted, 202)

        async def level() -> dict[str, Any] | None:
            items = (await hub.get("inventory", sku=sku))["items"]
            return items[0] if items and items[0]["on_hand"] == 9 else None

        await eventually(level, timeout=20)
        await hub.post(f"ingest/{till['id']}/orders", order(sku), 202)
        await hub.settled()
        (found,) = (await hub.get("inventory", sku=sku))["items"]
        assert (found["on_hand"], found["reserved"], found["available"]) == (9, 2, 7)
        await hub.post(f"ingest/{till['id']}/customers", {"external_id": "c1", "email": "a@example.com"}, 202)
        await hub.settled()
        customers = [each for each in await hub.all("customers") if each["integration_id"] == till["id"]]
        assert [each["email"] for each in customers] == ["a@example.com"]


async def test_one_bad_item_and_none_is_taken(hub: Any) -> None:
    till = await channel(hub)
    items = [order("X-1", f"B-{n}") for n in range(3)]
    items[1]["lines"][0]["quantity"] = -1
    problem = await hub.post(f"ingest/{till['id']}/orders", items, 422)
    assert [(each["index"], each["pointer"]) for each in problem["errors"]] == [(1, "/lines/0/quantity")]
    await hub.settled()
    assert await hub.all("orders", integration_id=till["id"]) == []
