"""The REST API over the wire: paging, filters, writes, batches, refusals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from longshore_devkit.stores.woo import SimulatedWoo, WooConfig
from longshore_devkit.stores.woo.buyers import draft_for
from longshore_devkit.stores.woo.checkout import OrderDraft


async def _place(sim: httpx.AsyncClient, n: int = 1, **more: Any) -> list[int]:
    answer = await sim.post("/orders", json={"n": n, **more})
    assert answer.status_code == 200, answer.text
    return [order["id"] for order in answer.json()["orders"]]


class TestPaging:
    async def test_headers_and_links(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        await _place(sim, 7)
        answer = await api.get("/orders", params={"per_page": 3, "page": 2})
        assert (answer.headers["x-wp-total"], answer.headers["x-wp-totalpages"]) == ("7", "3")
        assert len(answer.json()) == 3
        assert 'rel="prev"' in answer.headers["link"]
        assert 'rel="next"' in answer.headers["link"]

    async def test_past_the_end_is_an_empty_200(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        await _place(sim, 3)
        answer = await api.get("/orders", params={"page": 99})
        assert (answer.status_code, answer.json()) == (200, [])
        assert answer.headers["x-wp-total"] == "0"

    @pytest.mark.parametrize("params", [{"per_page": 101}, {"per_page": 0}, {"page": "x"}, {"orderby": "colour"}])
    async def test_bad_parameters_are_named(self, params: dict[str, Any], api: httpx.AsyncClient) -> None:
        answer = await api.get("/orders", params=params)
        assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")
        assert list(answer.json()["data"]["params"]) == list(params)

    async def test_fields(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        await _place(sim, 1)
        answer = await api.get("/orders", params={"_fields": "id,total"})
        assert [list(order) for order in answer.json()] == [["id", "total"]]


class TestOrderFilters:
    async def test_trash_is_only_seen_when_asked_for_by_itself(
        self, api: httpx.AsyncClient, sim: httpx.AsyncClient
    ) -> None:
        kept, trashed = await _place(sim, 2)
        assert (await api.delete(f"/orders/{trashed}")).status_code == 200

        async def ids(status: str) -> list[int]:
            return [order["id"] for order in (await api.get("/orders", params={"status": status})).json()]

        assert await ids("any") == await ids("any,trash") == [kept]
        assert await ids("trash") == [trashed]
        assert (await api.get(f"/orders/{trashed}")).json()["status"] == "trash"
        assert (await api.delete(f"/orders/{trashed}")).status_code == 410

    async def test_include_search_and_order(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        first, second, third = await _place(sim, 3)
        by_id = await api.get("/orders", params={"include": f"{first},{third}", "orderby": "id", "order": "asc"})
        assert [order["id"] for order in by_id.json()] == [first, third]
        found = await api.get("/orders", params={"search": str(second)})
        assert second in [order["id"] for order in found.json()]

    @pytest.mark.parametrize(
        ("zone", "flag", "suffix", "found"),
        [
            ("Europe/Berlin", True, "", True),
            ("Europe/Berlin", False, "Z", True),
            ("Europe/Berlin", True, "Z", False),  # shifted by the shop's offset: rows are dropped (measured)
            ("Europe/Berlin", False, "", True),  # read as local time, which is an hour earlier
            ("America/New_York", False, "", False),
        ],
    )
    async def test_modified_after(
        self, zone: str, flag: bool, suffix: str, found: bool, config: Callable[..., WooConfig]
    ) -> None:
        moment = datetime(2026, 11, 20, 21, 33, 7, 500_000, tzinfo=UTC)
        woo = SimulatedWoo(config(timezone=zone), now=lambda: moment)
        woo.shop.place_order(_draft(woo))
        asked = (moment - timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S") + suffix
        assert await _listed(woo, modified_after=asked, dates_are_gmt=str(flag).lower()) is found

    async def test_modified_after_is_exclusive_by_the_second(self, config: Callable[..., WooConfig]) -> None:
        moment = datetime(2026, 11, 20, 21, 33, 7, 999_999, tzinfo=UTC)
        woo = SimulatedWoo(config(), now=lambda: moment)
        woo.shop.place_order(_draft(woo))
        assert not await _listed(woo, modified_after="2026-11-20T21:33:07", dates_are_gmt="true")
        assert await _listed(woo, modified_after="2026-11-20T21:33:06", dates_are_gmt="true")

    async def test_dates_are_the_shops_own_beside_gmt(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        (order_id,) = await _place(sim)
        order = (await api.get(f"/orders/{order_id}")).json()
        local = datetime.fromisoformat(order["date_created"]).replace(tzinfo=ZoneInfo("America/New_York"))
        assert local == datetime.fromisoformat(order["date_created_gmt"]).replace(tzinfo=UTC)


class TestOrderWrites:
    async def test_post(self, api: httpx.AsyncClient, woo: SimulatedWoo) -> None:
        product = woo.shop.product_by_sku("LS-0005")
        assert product is not None
        asked = {
            "line_items": [{"product_id": product.id, "quantity": 2}, {"sku": "LS-0006", "total": "1.00"}],
            "shipping_lines": [{"method_id": "flat_rate", "method_title": "Flat", "total": "5.00"}],
            "set_paid": True,
            "billing": {"email": "a@example.test"},
        }
        answer = await api.post("/orders", json=asked)
        order = answer.json()
        assert (answer.status_code, order["status"], order["billing"]["email"]) == (201, "processing", "a@example.test")
        assert answer.headers["location"].endswith(f"/orders/{order['id']}")
        assert [line["sku"] for line in order["line_items"]] == ["LS-0005", "LS-0006"]
        assert product.stock == 98

    async def test_put_ships_with_tracking(
        self, api: httpx.AsyncClient, sim: httpx.AsyncClient, recorded: Callable[[str], Any]
    ) -> None:
        (order_id,) = await _place(sim, sku="LS-0005", quantity=1)
        item = {"tracking_provider": "DHL", "tracking_number": "0034", "date_shipped": "1763640000"}
        meta = [{"key": "_wc_shipment_tracking_items", "value": [item]}]
        for _ in range(2):  # the same again replaces, it does not add
            answer = await api.put(f"/orders/{order_id}", json={"status": "completed", "meta_data": meta})
            assert answer.status_code == 200
        order = answer.json()
        assert (order["status"], order["date_completed"] is not None) == ("completed", True)
        assert [entry["value"] for entry in order["meta_data"] if entry["key"].startswith("_wc_ship")] == [[item]]
        note = await api.post(f"/orders/{order_id}/notes", json={"note": "Shipped", "customer_note": True})
        assert (note.status_code, set(note.json())) == (201, set(recorded("rest/53").json))
        shipped = (await sim.get("/fulfilments")).json()
        assert (shipped["shipped"], shipped["twice"]) == (1, [])
        entry = shipped["orders"][str(order_id)]
        assert (entry["completed_count"], entry["tracking_numbers"], entry["tracking_writes"]) == (1, ["0034"], 2)
        assert entry["customer_notes"] == ["Shipped"]

    async def test_meta_is_changed_by_id_and_deleted_by_null(
        self, api: httpx.AsyncClient, sim: httpx.AsyncClient
    ) -> None:
        (order_id,) = await _place(sim)
        added = await api.put(f"/orders/{order_id}", json={"meta_data": [{"key": "a", "value": 1}]})
        row = next(entry for entry in added.json()["meta_data"] if entry["key"] == "a")
        changed = await api.put(f"/orders/{order_id}", json={"meta_data": [{"id": row["id"], "key": "a", "value": 2}]})
        assert {"id": row["id"], "key": "a", "value": 2} in changed.json()["meta_data"]
        gone = await api.put(f"/orders/{order_id}", json={"meta_data": [{"key": "a", "value": None}]})
        assert "a" not in [entry["key"] for entry in gone.json()["meta_data"]]

    @pytest.mark.parametrize(("status", "back"), [("cancelled", 2), ("failed", 2), ("pending", 2), ("trash", 0)])
    async def test_which_status_gives_stock_back(
        self, status: str, back: int, api: httpx.AsyncClient, sim: httpx.AsyncClient, woo: SimulatedWoo
    ) -> None:
        """As a real store does (WooCommerce 11.0): a failed payment gives it back, the trash does not."""
        product = woo.shop.product_by_sku("LS-0005")
        assert product is not None
        assert product.stock is not None
        (order_id,) = await _place(sim, sku="LS-0005", quantity=2)
        left = product.stock
        if status == "trash":
            await api.delete(f"/orders/{order_id}")
        else:
            await api.put(f"/orders/{order_id}", json={"status": status})
        shown = (await api.get(f"/orders/{order_id}")).json()
        kept = {meta["key"] for meta in shown["line_items"][0]["meta_data"]}
        assert (shown["status"], product.stock) == (status, left + back)
        assert ("_reduced_stock" in kept) is (back == 0)

    async def test_notes_leave_the_order_alone(self, config: Callable[..., WooConfig]) -> None:
        clock = [datetime(2026, 11, 20, 12, 0, tzinfo=UTC)]
        shop = SimulatedWoo(config(), now=lambda: clock[0]).shop
        order = shop.place_order(OrderDraft())
        clock[0] += timedelta(seconds=5)
        shop.add_note(order, "a note")
        assert order.modified < clock[0]
        shop.save_order(order)
        assert order.modified == clock[0]

    @pytest.mark.parametrize(("method", "status"), [("GET", 404), ("PUT", 400), ("DELETE", 404)])
    async def test_unknown_order(
        self, method: str, status: int, api: httpx.AsyncClient, recorded: Callable[[str], Any]
    ) -> None:
        answer = await api.request(method, "/orders/999999")
        assert (answer.status_code, answer.json()["code"]) == (status, recorded("rest/37").json["code"])
        if method == "GET":
            assert answer.content == recorded("rest/37").body

    async def test_unknown_route(self, api: httpx.AsyncClient, recorded: Callable[[str], Any]) -> None:
        answer = await api.get("/nope")
        assert (answer.status_code, answer.content) == (404, recorded("rest/38").body)

    async def test_unknown_status_and_broken_json(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        (order_id,) = await _place(sim)
        answer = await api.put(f"/orders/{order_id}", json={"status": "wc-completed"})
        assert (answer.status_code, answer.json()["code"]) == (400, "rest_invalid_param")
        broken = await api.put(f"/orders/{order_id}", content=b"{", headers={"content-type": "application/json"})
        assert (broken.status_code, broken.json()["code"]) == (400, "rest_invalid_json")


class TestRefunds:
    async def test_by_line_goes_back_into_stock(
        self, api: httpx.AsyncClient, sim: httpx.AsyncClient, woo: SimulatedWoo
    ) -> None:
        (order_id,) = await _place(sim, sku="LS-0006", quantity=3)
        line = woo.shop.orders[order_id].lines[0]
        item = {"id": line.id, "quantity": 1, "refund_total": "2.00", "refund_tax": [{"id": 1, "refund_total": "0.18"}]}
        answer = await api.post(f"/orders/{order_id}/refunds", json={"amount": "2.18", "line_items": [item]})
        assert (answer.status_code, answer.json()["amount"]) == (201, "2.18")
        assert answer.json()["line_items"][0]["total"] == "-2.00"
        order = (await api.get(f"/orders/{order_id}")).json()
        assert (order["status"], order["refunds"][0]["total"]) == ("processing", "-2.18")
        product = woo.shop.product_by_sku("LS-0006")
        assert product is not None
        assert product.stock == 98

    async def test_full_then_once_more(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        (order_id,) = await _place(sim, sku="LS-0005", quantity=1)
        total = (await api.get(f"/orders/{order_id}")).json()["total"]
        first = await api.post(f"/orders/{order_id}/refunds", json={"amount": total})
        again = await api.post(f"/orders/{order_id}/refunds", json={"amount": total})
        assert (first.status_code, again.status_code, again.json()["amount"]) == (201, 201, "0.00")
        assert (await api.get(f"/orders/{order_id}")).json()["status"] == "refunded"
        assert (await api.get("/refunds")).json()[0]["parent_id"] == order_id

    async def test_too_much_is_a_500_with_data_500(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        (order_id,) = await _place(sim, sku="LS-0005", quantity=1)
        answer = await api.post(f"/orders/{order_id}/refunds", json={"amount": "99999"})
        assert (answer.status_code, answer.json()["data"]) == (500, 500)

    async def test_without_amount(self, api: httpx.AsyncClient, sim: httpx.AsyncClient) -> None:
        (order_id,) = await _place(sim, sku="LS-0005", quantity=1)
        answer = await api.post(f"/orders/{order_id}/refunds", json={})
        assert (answer.status_code, answer.json()["amount"]) == (201, "")


class TestProducts:
    async def test_found_by_sku_also_variations(self, api: httpx.AsyncClient, woo: SimulatedWoo) -> None:
        answer = await api.get("/products", params={"sku": "LS-0001,LS-0005"})
        assert {product["sku"]: product["type"] for product in answer.json()} == {
            "LS-0001": "variation",
            "LS-0005": "simple",
        }
        listed = (await api.get("/products", params={"per_page": 100})).json()
        assert "variation" not in {product["type"] for product in listed}
        parent = next(product for product in listed if product["type"] == "variable")
        below = await api.get(f"/products/{parent['id']}/variations")
        assert sorted(child["id"] for child in below.json()) == sorted(parent["variations"])

    async def test_batch_holds_item_errors_inside_a_200(
        self, api: httpx.AsyncClient, woo: SimulatedWoo, recorded: Callable[[str], Any]
    ) -> None:
        simple, variation = woo.shop.by_sku["LS-0005"], woo.shop.by_sku["LS-0001"]
        update = [{"id": item, "stock_quantity": 33} for item in (simple, 999999, variation)]
        answer = await api.post("/products/batch", json={"update": update})
        theirs = recorded("rest/55").json["update"]
        ours = answer.json()["update"]
        assert (answer.status_code, ours[0]["stock_quantity"]) == (200, 33)
        assert ours[1] == theirs[1]
        assert ours[2]["error"] == theirs[2]["error"]

    async def test_variations_batch(self, api: httpx.AsyncClient, sim: httpx.AsyncClient, woo: SimulatedWoo) -> None:
        variation = woo.shop.product_by_sku("LS-0001")
        assert variation is not None
        path = f"/products/{variation.parent_id}/variations/batch"
        answer = await api.post(path, json={"update": [{"id": variation.id, "stock_quantity": "31"}]})
        shown = answer.json()["update"][0]
        assert (shown["stock_quantity"], shown["tax_class"]) == (31, "parent")
        state = (await sim.get("/state")).json()
        assert [(write["sku"], write["quantity"]) for write in state["stock_writes"]] == [("LS-0001", 31)]
        assert state["stock"]["LS-0001"] == 31

    @pytest.mark.parametrize("path", ["/products/batch", "/orders/batch", "/webhooks/batch"])
    async def test_more_than_100_items_are_too_many(self, path: str, api: httpx.AsyncClient) -> None:
        answer = await api.post(path, json={"update": [{"id": 1}] * 60, "delete": [1] * 41})
        assert (answer.status_code, answer.json()["code"]) == (413, "woocommerce_rest_request_entity_too_large")

    async def test_quantity_is_only_kept_where_stock_is_managed(
        self, api: httpx.AsyncClient, woo: SimulatedWoo
    ) -> None:
        product_id = woo.shop.by_sku["LS-0005"]
        off = await api.put(f"/products/{product_id}", json={"manage_stock": False, "stock_quantity": 4})
        assert off.json()["stock_quantity"] is None
        on = await api.put(f"/products/{product_id}", json={"manage_stock": True, "stock_quantity": -2})
        assert (on.json()["stock_quantity"], on.json()["stock_status"]) == (-2, "outofstock")
        bad = await api.put(f"/products/{product_id}", json={"stock_quantity": "many"})
        assert bad.status_code == 400

    async def test_skus_are_unique(self, api: httpx.AsyncClient) -> None:
        new = await api.post("/products", json={"name": "New", "sku": "NEW-1", "regular_price": "3.50"})
        again = await api.post("/products", json={"name": "New", "sku": "NEW-1"})
        assert (new.status_code, again.status_code, again.json()["code"]) == (201, 400, "product_invalid_sku")


class TestCustomers:
    async def test_modified_after_is_ignored_and_orderby_modified_refused(self, api: httpx.AsyncClient) -> None:
        listed = await api.get("/customers", params={"modified_after": "2099-01-01T00:00:00", "per_page": 100})
        assert len(listed.json()) == 20
        assert (await api.get("/customers", params={"orderby": "modified"})).status_code == 400


async def test_orders_batch_as_recorded(
    api: httpx.AsyncClient, sim: httpx.AsyncClient, recorded: Callable[[str], Any]
) -> None:
    (order_id,) = await _place(sim, sku="LS-0005", quantity=1)
    update = [{"id": order_id, "status": "completed"}, {"id": 999999, "status": "completed"}]
    answer = await api.post("/orders/batch", json={"update": update})
    done, refused = answer.json()["update"]
    assert (done["id"], done["status"]) == (order_id, "completed")
    assert refused == recorded("rest/57").json["update"][1]


async def test_index_and_status_tell_zone_and_decimals(api: httpx.AsyncClient, woo: SimulatedWoo) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(woo.app)) as client:
        index = (await client.get("http://shop.example.test/wp-json/")).json()
    assert index["timezone_string"] == "America/New_York"
    status = (await api.get("/system_status")).json()
    assert (status["environment"]["version"], status["settings"]["number_of_decimals"]) == ("11.0.1", 2)


def _draft(woo: SimulatedWoo) -> OrderDraft:
    product = woo.shop.product_by_sku("LS-0005")
    assert product is not None
    return draft_for(woo.shop, woo.shop.rng, [(product, 1)])


async def _listed(woo: SimulatedWoo, **query: str) -> bool:
    """Whether the shop's one order is listed."""
    url, keys = "https://shop.example.test/wp-json/wc/v3/orders", ("ck_test", "cs_test")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(woo.app), auth=keys) as client:
        answer = await client.get(url, params=query)
    assert answer.status_code == 200
    return len(answer.json()) == 1
