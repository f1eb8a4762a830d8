"""Products are put on the shelf and taken off, and cost what they are to cost."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import PriceSet, ProductPublish, ProductUnpublish
from longshore.money import Money
from longshore.platforms.protocols import StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_shopify.permissions import REQUIRED


def product_of(store: Any) -> Any:
    return next(iter(store.shop.products.values()))


def publish(kind: type[Any], product: Any) -> Any:
    return kind(product_id=uuid4(), product_external_id=str(product.id))


def price(variant: Any, cents: int = 1250, **more: Any) -> PriceSet:
    return PriceSet(
        listing_id=uuid4(),
        product_external_id=str(variant.product_id),
        variant_external_id=str(variant.id),
        price=Money(cents, "USD", 2),
        **more,
    )


async def test_off_the_shelf_and_on_it(store: Any) -> None:
    product = product_of(store)
    for kind, status in ((ProductUnpublish, "draft"), (ProductPublish, "active")):
        assert not (await store.client.publish_product(publish(kind, product))).existed
        assert product.status == status
        assert (await store.client.publish_product(publish(kind, product))).existed
    assert store.calls("productUpdate") == 2


async def test_a_price(store: Any) -> None:
    variant = store.shop.variants[0]
    await store.client.set_price(price(variant, compare_at=Money(2000, "USD", 2)))
    assert (variant.price, variant.compare_at) == (1250, 2000)
    await store.client.set_price(price(variant, 1300))
    assert (variant.price, variant.compare_at) == (1300, 2000)
    await store.client.set_price(price(variant, 1300, end_reduction=True))
    assert (variant.price, variant.compare_at) == (1300, None)
    assert (await store.client.set_price(price(variant, 1300, end_reduction=True))).existed


async def test_a_lost_answer(store: Any) -> None:
    variant = store.shop.variants[0]
    command = price(variant)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.set_price(command)
    store.sim.faults.drop_after_write_rate = 0.0
    assert (await store.again().set_price(command)).existed
    assert store.calls("productVariantsBulkUpdate") == 1


async def test_what_is_not_there(store: Any) -> None:
    product, variant = product_of(store), store.shop.variants[0]
    with pytest.raises(StoreRefused, match="product-not-found"):
        await store.client.publish_product(
            publish(ProductPublish, product).model_copy(update={"product_external_id": "9"})
        )
    with pytest.raises(StoreRefused, match="variant-not-found"):
        await store.client.set_price(price(variant).model_copy(update={"variant_external_id": "9"}))


async def test_a_missing_scope_says_which(open_store: Any) -> None:
    store = await open_store(scopes=frozenset(REQUIRED))
    with pytest.raises(StoreUnauthorized, match="write_products"):
        await store.client.publish_product(publish(ProductUnpublish, product_of(store)))
    with pytest.raises(StoreUnauthorized, match="write_products"):
        await store.client.set_price(price(store.shop.variants[0]))
