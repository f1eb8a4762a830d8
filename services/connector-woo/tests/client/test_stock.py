"""Stock is looked at, compared, written, and what came between is seen: against a simulated shop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import STALE, StockSet
from longshore.platforms.protocols import StoreUnavailable
from longshore_connector_woo.client import WooClient
from longshore_devkit.stores.woo import SimulatedWoo
from longshore_devkit.stores.woo.buyers import draft_for
from longshore_devkit.stores.woo.models import Product


@pytest.fixture(params=["LS-0004", "LS-0001"], ids=["product", "variation"])
def product(woo: SimulatedWoo, request: pytest.FixtureRequest) -> Product:
    """A product, or a variation of one; a hundred pieces of it."""
    found = woo.shop.product_by_sku(request.param)
    assert found is not None
    assert found.stock == 100
    return found


def push(product: Product, quantity: int, expected: int | None = None, **change: Any) -> StockSet:
    target = StockSet(
        listing_id=uuid4(),
        sku=product.sku,
        variant_external_id=str(product.id),
        inventory_external_id=str(product.id),
        parent_external_id=str(product.parent_id) if product.parent_id else None,
        quantity=quantity,
        expected=expected,
        sequence=1,
    )
    return target.model_copy(update=change)


def sell(woo: SimulatedWoo, product: Product, quantity: int) -> None:
    draft = draft_for(woo.shop, woo.shop.rng, [(product, quantity)])
    draft.payment_method, draft.set_paid = "card", True
    woo.shop.place_order(draft)


def between(woo: SimulatedWoo, happens: Callable[[], object]) -> None:
    """Once: after the look, when the batch has come and nothing of it is done."""

    def once() -> None:
        woo.shop.before_batch = lambda: None
        happens()

    woo.shop.before_batch = once


def writes(woo: SimulatedWoo) -> list[int]:
    return [each.quantity for each in woo.shop.stock_writes]


async def test_a_sale_that_nobody_has_told_us_of_is_not_overwritten(
    woo: SimulatedWoo, hub: WooClient, product: Product
) -> None:
    target = push(product, 80, expected=100)
    sell(woo, product, 3)
    for _ in range(3):
        # However often it is tried.
        (result,) = await hub.set_stock([target])
        assert (result.code, result.retry, result.quantity, result.slipped) == (STALE, False, 97, False)
    assert (product.stock, writes(woo)) == (97, [])
    (result,) = await hub.set_stock([push(product, 77, expected=97)])
    assert (result.error, result.quantity) == (None, 77)
    assert product.stock == 77


async def test_a_sale_between_the_look_and_the_write_is_kept_and_told(
    woo: SimulatedWoo, hub: WooClient, product: Product
) -> None:
    between(woo, lambda: sell(woo, product, 3))
    (result,) = await hub.set_stock([push(product, 80, expected=100)])
    assert (result.error, result.quantity, result.slipped) == (None, 77, True)
    assert (product.stock, writes(woo)) == (77, [80, 77])


async def test_pieces_that_come_back_between_are_kept_too(woo: SimulatedWoo, hub: WooClient, product: Product) -> None:
    between(woo, lambda: woo.shop.move_stock(product, 4))
    (result,) = await hub.set_stock([push(product, 80)])
    assert (result.quantity, result.slipped, product.stock) == (84, True, 84)


async def test_the_last_piece_sold_twice_is_no_less_than_nothing(
    woo: SimulatedWoo, hub: WooClient, product: Product
) -> None:
    product.stock = 1
    between(woo, lambda: sell(woo, product, 1))
    (result,) = await hub.set_stock([push(product, 0, expected=1)])
    assert (result.error, result.quantity, result.slipped, product.stock) == (None, 0, True, 0)


async def test_a_store_that_sells_all_the_time_is_put_right_as_often_as_is_sensible(
    woo: SimulatedWoo, hub: WooClient, product: Product
) -> None:
    """What comes after that is explained by its orders, as any sale."""
    woo.shop.before_batch = lambda: sell(woo, product, 1)
    (result,) = await hub.set_stock([push(product, 80, expected=100)])
    assert (result.error, result.slipped) == (None, True)
    assert result.quantity == product.stock
    assert len(writes(woo)) == 3


async def test_what_is_there_already_is_not_written(woo: SimulatedWoo, hub: WooClient, product: Product) -> None:
    """Whether an earlier try has put it there, who asked knows."""
    target = push(product, 60, expected=100)
    woo.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable) as lost:
        await hub.set_stock([target])
    assert not lost.value.untouched
    woo.faults.drop_after_write_rate = 0.0
    (result,) = await hub.set_stock([target])
    assert (result.code, result.quantity, result.slipped) == (STALE, 60, False)
    (result,) = await hub.set_stock([push(product, 60)])
    assert (result.error, result.quantity) == (None, 60)
    assert writes(woo) == [60]


async def test_a_look_that_fails_has_changed_nothing(woo: SimulatedWoo, hub: WooClient, product: Product) -> None:
    woo.faults.down_rate = 1.0
    with pytest.raises(StoreUnavailable) as lost:
        await hub.set_stock([push(product, 60, expected=100)])
    assert lost.value.untouched


async def test_a_product_whose_stock_is_not_counted_is_counted_from_now(
    woo: SimulatedWoo, hub: WooClient, product: Product
) -> None:
    product.manage_stock = False
    woo.shop.note_stock(product, 0)
    (result,) = await hub.set_stock([push(product, 5, expected=100)])
    assert (result.error, result.quantity, result.slipped) == (None, 5, False)
    (again,) = await hub.set_stock([push(product, 5)])
    assert (again.error, again.quantity, writes(woo)) == (None, 5, [5])


async def test_backorders_below_zero(woo: SimulatedWoo, hub: WooClient, product: Product) -> None:
    product.backorders, product.stock = "notify", 2
    sell(woo, product, 5)
    (stale,) = await hub.set_stock([push(product, 1, expected=2)])
    assert (stale.code, stale.quantity) == (STALE, -3)
    (result,) = await hub.set_stock([push(product, 8, expected=-3)])
    assert (result.error, result.quantity) == (None, 8)
    assert product.backorders == "notify"


async def test_a_product_in_the_trash_is_left_there(woo: SimulatedWoo, hub: WooClient) -> None:
    product = woo.shop.product_by_sku("LS-0004")
    assert product is not None
    woo.shop.trash_product(product)
    (result,) = await hub.set_stock([push(product, 5)])
    assert (result.code, result.retry, product.stock) == ("not-found", False, 100)


async def test_one_stale_item_does_not_hold_its_batch(woo: SimulatedWoo, hub: WooClient) -> None:
    products = [each for each in woo.shop.products.values() if each.manage_stock and not each.parent_id][:3]
    targets = [push(each, 10, expected=99 if n == 1 else 100) for n, each in enumerate(products)]
    results = await hub.set_stock(targets)
    assert [(each.code, each.quantity) for each in results] == [(None, 10), (STALE, 100), (None, 10)]
    assert [each.stock for each in products] == [10, 100, 10]


async def test_it_costs_one_look_a_batch(woo: SimulatedWoo, hub: WooClient) -> None:
    products = [each for each in woo.shop.products.values() if each.manage_stock]
    assert len(products) > 5
    before = woo.shop.api_calls.copy()
    results = await hub.set_stock([push(each, 7, expected=100) for each in products])
    assert all(each.error is None for each in results)
    calls = woo.shop.api_calls - before
    parents = {each.parent_id for each in products if each.parent_id}
    assert calls.total() == 2 + 2 * len(parents), calls
