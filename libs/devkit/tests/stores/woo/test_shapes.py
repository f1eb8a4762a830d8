"""Every field that the real shop sent is there, with the same JSON type."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from longshore_devkit.stores.woo import SimulatedWoo, TaxRate, WooConfig, render_products
from longshore_devkit.stores.woo import render as show
from longshore_devkit.stores.woo.buyers import refund_of_line
from longshore_devkit.stores.woo.checkout import FeeDraft, LineDraft, OrderDraft, ShippingDraft
from longshore_devkit.stores.woo.models import Order
from longshore_devkit.stores.woo.shop import Shop
from longshore_devkit.stores.woo.webhooks import build_body

# Where the real shop's own value decides the type: free-form metadata and product specials.
_FREE = {"meta_data", "downloads"}
_NULLABLE = (type(None), str, int)


def same_shape(ours: Any, theirs: Any, path: str = "$") -> list[str]:
    """What `theirs` has that `ours` lacks or has of another type."""
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{path}: not an object"]
        problems = [f"{path}.{name}: missing" for name in theirs if name not in ours]
        problems += [f"{path}.{name}: not in the real one" for name in ours if name not in theirs]
        for name in theirs:
            if name in ours and name not in _FREE:
                problems += same_shape(ours[name], theirs[name], f"{path}.{name}")
        return problems
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [f"{path}: not a list"]
        return same_shape(ours[0], theirs[0], f"{path}[0]") if ours and theirs else []
    if theirs is None or ours is None:
        return [] if isinstance(ours, _NULLABLE) and isinstance(theirs, _NULLABLE) else [f"{path}: {ours!r}"]
    number = (int, float)
    alike = type(ours) is type(theirs) or (
        isinstance(ours, number)
        and isinstance(theirs, number)
        and not isinstance(ours, bool)
        and not isinstance(theirs, bool)
    )
    return [] if alike else [f"{path}: {type(ours).__name__}, not {type(theirs).__name__}"]


@pytest.fixture
def shop() -> Shop:
    rate = TaxRate(1, "DE-MWST-1", "MwSt", Decimal(19))
    return Shop(WooConfig(products=20, tax_rates=(rate,), currency="EUR", timezone="Europe/Berlin"))


@pytest.fixture
def order(shop: Shop) -> Order:
    """One with a line of every kind: variation, simple product, fee, coupon, shipping, customer."""
    variation = next(product for product in shop.products.values() if product.kind == "variation")
    simple = next(product for product in shop.products.values() if product.kind == "simple" and product.sku)
    draft = OrderDraft(
        [LineDraft(variation, 1), LineDraft(simple, 3)],
        [ShippingDraft("flat_rate", "Versand", Decimal("4.90"))],
        [FeeDraft("Verpackung", Decimal("2.50"))],
        ["save10"],
        customer_id=2,
        set_paid=True,
        payment_method="cod",
        meta=[{"key": "channel", "value": {"a": 1, "b": ["x"]}}],
    )
    return shop.place_order(draft)


class TestEntities:
    def test_order(self, shop: Shop, order: Order, recorded: Callable[[str], Any]) -> None:
        assert same_shape(show.order(show.View(shop, "https://x"), order), recorded("rest/10").json) == []

    def test_refunded_order(self, shop: Shop, order: Order, recorded: Callable[[str], Any]) -> None:
        shop.refund_order(order, refund_of_line(shop, order, order.lines[1].id, 1))
        shown = show.order(show.View(shop, "https://x"), order)
        theirs = recorded("rest/13").json
        # That one was a guest's and had no coupon and fee: the parts that it has are compared.
        del shown["_links"]["customer"]
        shown["line_items"].reverse()
        assert same_shape(shown, theirs) == []
        assert shown["refunds"][0]["total"].startswith("-")
        assert shown["refunds"][0]["total_tax"].startswith("-")

    def test_refund(self, shop: Shop, order: Order, recorded: Callable[[str], Any]) -> None:
        refund = shop.refund_order(order, refund_of_line(shop, order, order.lines[1].id, 1))
        shown = show.refund(show.View(shop, "https://x"), refund)
        assert same_shape(shown, recorded("rest/14").json[0]) == []
        assert (shown["line_items"][0]["quantity"], shown["amount"][0] != "-") == (-1, True)

    def test_note(self, shop: Shop, order: Order, recorded: Callable[[str], Any]) -> None:
        note = shop.add_note(order, "Shipped", customer_note=True)
        assert same_shape(show.note(show.View(shop, ""), order.id, note), recorded("rest/53").json) == []

    def test_line_of_a_deleted_product(self, shop: Shop, order: Order) -> None:
        shop.delete_product(shop.products[order.lines[1].product_id])
        line = show.order(show.View(shop, ""), order)["line_items"][1]
        assert (line["product_id"], line["sku"], line["global_unique_id"], line["image"]["id"]) == (0, None, None, 0)

    def test_customer(self, shop: Shop, recorded: Callable[[str], Any]) -> None:
        shown = render_products.customer(show.View(shop, ""), shop.customers[2])
        assert same_shape(shown, recorded("rest/24").json[1]) == []

    def test_coupon(self, shop: Shop, recorded: Callable[[str], Any]) -> None:
        shown = render_products.coupon(show.View(shop, ""), next(iter(shop.coupons.values())))
        assert same_shape(shown, recorded("rest/26").json[0]) == []


class TestProducts:
    @pytest.mark.parametrize(("kind", "name"), [("variable", "rest/20"), ("variation", "rest/22")])
    def test_as_product(self, shop: Shop, kind: str, name: str, recorded: Callable[[str], Any]) -> None:
        product = next(product for product in shop.products.values() if product.kind == kind)
        assert same_shape(render_products.product(show.View(shop, ""), product), recorded(name).json) == []

    def test_after_a_write(self, shop: Shop, recorded: Callable[[str], Any]) -> None:
        product = next(product for product in shop.products.values() if product.kind == "simple")
        shown = render_products.product(show.View(shop, "", edit=True), product)
        assert same_shape(shown, recorded("rest/55").json["update"][0]) == []

    def test_as_variation(self, shop: Shop, recorded: Callable[[str], Any]) -> None:
        product = next(product for product in shop.products.values() if product.kind == "variation")
        shown = render_products.variation(show.View(shop, ""), product)
        assert same_shape(shown, recorded("rest/21").json[1]) == []


class TestWebhookBodies:
    def test_are_what_rest_shows(self, shop: Shop, order: Order, recorded: Callable[[str], Any]) -> None:
        body = build_body(shop, "order.created", order.id, "http://127.0.0.1:8085")
        theirs = recorded("webhooks/018")
        assert b"http:\\/\\/127.0.0.1:8085\\/" in body
        assert b"\\u20ac" in body
        assert b" :" not in body[:200]
        assert show.php_json(theirs.json) == theirs.body

    def test_deleted_holds_the_id_alone(self, shop: Shop, recorded: Callable[[str], Any]) -> None:
        assert build_body(shop, "order.deleted", 36, "") == recorded("webhooks/050").body == b'{"id":36}'

    def test_gone_resource_is_an_error(self, shop: Shop, recorded: Callable[[str], Any]) -> None:
        assert build_body(shop, "coupon.restored", 999_999, "") == recorded("webhooks/065").body

    def test_owner_without_rights(self, shop: Shop, order: Order) -> None:
        shop.webhook_owner_may_read = False
        assert b"woocommerce_rest_cannot_view" in build_body(shop, "order.updated", order.id, "")


class TestSettings:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/data/currencies/current", "rest/28"),
            ("/settings/general/woocommerce_price_num_decimals", "rest/29"),
            ("/orders/statuses", "rest/30"),
        ],
    )
    async def test_as_recorded(self, path: str, name: str, api: Any, recorded: Callable[[str], Any]) -> None:
        answer = await api.get(path)
        assert answer.status_code == 200
        assert same_shape(answer.json(), recorded(name).json) == []

    async def test_webhook(self, api: Any, woo: SimulatedWoo, recorded: Callable[[str], Any]) -> None:
        asked = {"topic": "product.deleted", "delivery_url": f"{woo.url}/nowhere", "secret": "s"}
        answer = await api.post("/webhooks", json=asked)
        theirs = recorded("rest/27").json[0]
        assert answer.status_code == 201
        assert same_shape(answer.json(), theirs) == []
        assert answer.json()["hooks"] == theirs["hooks"]
