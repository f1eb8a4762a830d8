"""Products, variations, stock."""

from __future__ import annotations

from typing import Any

import pytest

from longshore.contracts import ProductDeleted, ProductSnapshot, StockLevel
from longshore_connector_woo.translate import WooTranslator


@pytest.fixture
def translate(recordings: Any, record: Any) -> Any:
    def run(name: str, change: dict[str, Any] | None = None) -> list[Any]:
        return WooTranslator().translate(record(recordings.order(name) | (change or {}), "product.updated")).events

    return run


def test_simple_product_with_stock(translate: Any) -> None:
    product, stock = translate("021-product")
    assert isinstance(product, ProductSnapshot)
    assert (product.external_id, product.title, product.status, product.platform_status) == (
        "14",
        "Classic T-Shirt",
        "active",
        "publish",
    )
    (variant,) = product.variants
    assert (variant.external_id, variant.inventory_external_id, variant.sku, variant.tracked) == (
        "14",
        "14",
        "TSHIRT-1",
        True,
    )
    assert isinstance(stock, StockLevel)
    assert (stock.external_id, stock.inventory_external_id, stock.location_external_id) == ("14", "14", None)
    assert stock.version == product.version


def test_variation(translate: Any) -> None:
    product, stock = translate("012-product")
    assert (product.parent_external_id, product.title, product.variants[0].title) == ("20", "Hoodie", "S, Blau")
    assert stock.quantity == 7


def test_its_product_has_no_variant_of_its_own(translate: Any) -> None:
    (product,) = translate("010-product")
    assert (product.title, product.variants) == ("Hoodie", [])


def test_untracked_and_unnamed(translate: Any) -> None:
    (product,) = translate("006-product")
    assert product.title == 'Café ☕ 日本語 <b>x</b> & "quotes" / slash'
    assert (product.variants[0].sku, product.variants[0].tracked) == (None, False)


@pytest.mark.parametrize(("quantity", "expected"), [(-3, [-3]), (0, [0]), (None, []), ("5", [5]), ("many", [])])
def test_quantities(translate: Any, quantity: Any, expected: list[int]) -> None:
    events = translate("021-product", {"stock_quantity": quantity})
    assert [event.quantity for event in events if isinstance(event, StockLevel)] == expected


def test_a_variation_on_its_products_stock(translate: Any) -> None:
    (product,) = translate("012-product", {"manage_stock": "parent", "stock_quantity": 40})
    assert product.variants[0].inventory_external_id == "20"
    assert product.variants[0].tracked


def test_states(translate: Any) -> None:
    assert translate("056-product")[0].status == "draft"
    (deleted,) = translate("056-product", {"status": "trash"})
    assert isinstance(deleted, ProductDeleted)


def test_stock_alone_does_not_change_the_product(translate: Any) -> None:
    before, after = translate("004-product"), translate("021-product")
    assert before[0].digest == after[0].digest
    assert before[1].digest != after[1].digest
