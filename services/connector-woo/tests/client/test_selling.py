"""Products shown and hidden, and their prices; variations through their product."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import PriceSet, ProductPublish, ProductUnpublish
from longshore.money import money
from longshore.platforms.protocols import StoreRefused
from longshore_connector_woo.client import WooClient
from longshore_connector_woo.client.selling import prices
from longshore_devkit.stores.woo import SimulatedWoo
from longshore_devkit.stores.woo.models import Product


@pytest.fixture(params=["LS-0004", "LS-0001"], ids=["product", "variation"])
def product(woo: SimulatedWoo, request: pytest.FixtureRequest) -> Product:
    """A product, or a variation of one."""
    found = woo.shop.product_by_sku(request.param)
    assert found is not None
    return found


def price_of(product: Product, price: str, compare_at: str | None = None, **more: Any) -> PriceSet:
    return PriceSet(
        listing_id=uuid4(),
        sku=product.sku,
        product_external_id=str(product.id),
        variant_external_id=str(product.id),
        price=money(price, "USD"),
        compare_at=None if compare_at is None else money(compare_at, "USD"),
        **more,
    )


async def test_hidden_and_shown_once(hub: WooClient, product: Product, lossy: Any) -> None:
    of = {"product_id": uuid4(), "product_external_id": str(product.id)}
    done = await lossy(lambda: hub.publish_product(ProductUnpublish(**of)))
    assert done.existed
    assert product.status == ("private" if product.kind == "variation" else "draft")
    assert (await lossy(lambda: hub.publish_product(ProductPublish(**of)))).existed
    assert product.status == "publish"


async def test_prices(hub: WooClient, product: Product, lossy: Any) -> None:
    done = await lossy(lambda: hub.set_price(price_of(product, "12.50")))
    assert done.existed
    assert (product.price, product.sale_price) == ("12.50", "")
    await hub.set_price(price_of(product, "9.00", "15.00"))
    assert (product.price, product.sale_price) == ("15.00", "9.00")
    await hub.set_price(price_of(product, "8.00"))
    assert (product.price, product.sale_price) == ("15.00", "8.00")
    await hub.set_price(price_of(product, "11.00", end_reduction=True))
    assert (product.price, product.sale_price) == ("11.00", "")


async def test_a_product_with_variations_has_no_price(woo: SimulatedWoo, hub: WooClient) -> None:
    parent = next(each for each in woo.shop.products.values() if each.kind == "variable")
    with pytest.raises(StoreRefused) as caught:
        await hub.set_price(price_of(parent, "1.00"))
    assert caught.value.code == "no-price"


@pytest.mark.parametrize(
    ("regular", "sale", "price", "wanted"),
    [
        ("20", "", "25.00", ("25.00", "")),
        ("20", "15", "12.00", ("20", "12.00")),
        ("20", "15", "22.00", ("22.00", "")),
        ("", "", "5.00", ("5.00", "")),
    ],
)
def test_a_reduction_stays_while_it_is_one(regular: str, sale: str, price: str, wanted: tuple[str, str]) -> None:
    command = PriceSet(listing_id=uuid4(), product_external_id="1", variant_external_id="1", price=money(price, "USD"))
    found = prices({"regular_price": regular, "sale_price": sale}, command)
    assert (found["regular_price"], found["sale_price"]) == wanted
