"""Stock is set by compare-and-set, item by item."""

from __future__ import annotations

from typing import Any

import pytest

from longshore.contracts import STALE
from longshore.platforms.protocols import StoreThrottled, StoreUnavailable


async def test_a_level_is_set(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    (result,) = await store.client.set_stock([store.set_to(variant, 55, expected=100)])
    assert (result.quantity, result.error, result.retry) == (55, None, False)
    assert [level.available for level in variant.levels.values()] == [55, 0]


async def test_without_an_expectation_the_level_is_read_first(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    (result,) = await store.client.set_stock([store.set_to(variant, 7)])
    assert (result.quantity, result.error) == (7, None)
    assert variant.available == 7


async def test_an_unheard_of_sale_is_not_overwritten(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    target = store.set_to(variant, 80, expected=100)
    store.shop.place_order([("LS-0001", 3)])
    for _ in range(8):
        # However often it is tried.
        (result,) = await store.client.set_stock([target])
        assert (result.code, result.retry, result.quantity) == ("stale", False, 97)
    assert variant.available == 97
    (result,) = await store.client.set_stock(
        [target.model_copy(update={"expected": 97, "quantity": 77, "sequence": 2})]
    )
    assert result.error is None
    assert variant.available == 77


async def test_one_bad_item_does_not_fail_its_batch(store: Any) -> None:
    good, stale, unknown, high = (store.shop.variants[n] for n in range(4))
    targets = [
        store.set_to(good, 10, expected=100),
        store.set_to(stale, 10, expected=99),
        store.set_to(unknown, 10, expected=100).model_copy(update={"inventory_external_id": "5"}),
        store.set_to(high, 2_000_000_000, expected=100),
        store.set_to(store.shop.variants[4], -3, expected=100),
    ]
    place = str(store.shop.locations[0].id)
    results = await store.client.set_stock(
        [each.model_copy(update={"location_external_id": place}) for each in targets]
    )
    by_listing = {each.listing_id: each for each in results}
    found = [by_listing[each.listing_id] for each in targets]
    assert [(each.code, each.quantity, each.retry) for each in found] == [
        (None, 10, False),
        ("stale", 100, False),
        ("unknown-item", None, False),
        ("bad-quantity", None, False),
        (None, 0, False),
    ]
    assert (good.available, stale.available, store.shop.variants[4].available) == (10, 100, 0)


async def test_a_lost_answer_is_no_stale_level(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    target = store.set_to(variant, 60, expected=100)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.set_stock([target])
    store.sim.faults.drop_after_write_rate = 0.0
    assert variant.available == 60
    (result,) = await store.again().set_stock([target])
    assert (result.error, result.quantity) == (None, 60)
    # With another listing beside it the key is another one: it is not what was expected. Who asked knows of the try.
    (result, _) = await store.again().set_stock([target, store.set_to(store.shop.variants[5], 1, expected=100)])
    assert (result.code, result.quantity) == (STALE, 60)


async def test_a_named_location(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    second = store.shop.locations[1].id
    (result,) = await store.client.set_stock([store.set_to(variant, 9, location_external_id=str(second))])
    assert result.error is None
    assert variant.levels[second].available == 9
    assert variant.levels[store.shop.locations[0].id].available == 100


async def test_the_location_that_stocks_the_item_is_taken(open_store: Any) -> None:
    """Not the first of all: an item that the primary location does not stock is set where it is sold."""
    store = await open_store(locations=4)
    variant = store.shop.variant_by_sku("LS-0001")
    last = store.shop.locations[3].id
    variant.levels = {last: variant.levels[last]}
    (result,) = await store.client.set_stock([store.set_to(variant, 9, expected=0)])
    assert result.error is None
    assert variant.levels[last].available == 9


async def test_an_item_that_is_stocked_nowhere_is_stocked_at_the_primary_location(store: Any) -> None:
    """Once there is something to sell; an answer that is lost changes nothing."""
    variant = store.shop.variant_by_sku("LS-0001")
    variant.levels = {}
    (result,) = await store.client.set_stock([store.set_to(variant, 0, expected=0)])
    assert (result.error, result.quantity, variant.levels) == (None, 0, {})
    target = store.set_to(variant, 9, expected=0)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.set_stock([target])
    store.sim.faults.drop_after_write_rate = 0.0
    (result,) = await store.again().set_stock([target])
    assert (result.code, result.quantity) == (STALE, 9)
    assert {place: level.available for place, level in variant.levels.items()} == {store.shop.locations[0].id: 9}


async def test_an_item_is_stocked_at_the_location_that_is_named(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    first, second = (place.id for place in store.shop.locations)
    del variant.levels[second]
    (result,) = await store.client.set_stock([store.set_to(variant, 4, location_external_id=str(second))])
    assert (result.error, result.quantity) == (None, 4)
    assert (variant.levels[first].available, variant.levels[second].available) == (100, 4)


async def test_an_item_that_has_moved_is_looked_for_anew(store: Any) -> None:
    """What a location no longer stocks is refused there: it is set where it is stocked now."""
    variant = store.shop.variant_by_sku("LS-0001")
    first, second = (place.id for place in store.shop.locations)
    await store.client.set_stock([store.set_to(variant, 9, expected=100)])
    variant.levels = {second: variant.levels[first]}
    (result,) = await store.client.set_stock([store.set_to(variant, 8, expected=9, sequence=2)])
    assert (result.error, variant.levels[second].available) == (None, 8)


async def test_the_primary_location_is_found_among_many(open_store: Any) -> None:
    """Locations come by name, a hundred at a time."""
    store = await open_store(locations=120, products=2)
    variant = store.shop.variant_by_sku("LS-0001")
    primary = store.shop.locations[0]
    assert sorted(each.name for each in store.shop.locations).index(primary.name) > 100
    (result,) = await store.client.set_stock([store.set_to(variant, 55, expected=100)])
    assert (result.error, variant.levels[primary.id].available) == (None, 55)


async def test_nothing_is_set_at_a_location_that_is_closed(store: Any) -> None:
    """The store refuses it there: it is set where the item is stocked and sold, though it was another one before."""
    variant = store.shop.variant_by_sku("LS-0001")
    first, second = (place.id for place in store.shop.locations)
    await store.client.set_stock([store.set_to(variant, 9, expected=100)])
    store.shop.set_location(first, active=False)
    (result,) = await store.client.set_stock([store.set_to(variant, 8, sequence=2)])
    assert (result.error, variant.levels[first].available, variant.levels[second].available) == (None, 9, 8)


async def test_a_full_batch_is_one_mutation(open_store: Any) -> None:
    store = await open_store(products=250)
    assert store.client.stock_batch == 250
    place = str(store.shop.locations[0].id)
    targets = [store.set_to(each, 3, expected=100, location_external_id=place) for each in store.shop.variants]
    results = await store.client.set_stock(targets)
    assert len(results) == 250
    assert all(each.error is None for each in results)
    assert store.calls("inventorySetQuantities") == 1
    assert {variant.available for variant in store.shop.variants} == {3}


async def test_where_an_item_is_sold_is_looked_up_once(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    await store.client.set_stock([store.set_to(variant, 9, expected=100)])
    await store.client.set_stock([store.set_to(variant, 8, expected=9, sequence=2)])
    assert store.calls("nodes") == 1


async def test_two_listings_of_one_item_take_turns(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    results = await store.client.set_stock([store.set_to(variant, 9), store.set_to(variant, 9)])
    assert [each.error for each in results] == [None, None]
    assert variant.available == 9


async def test_a_throttled_store_is_waited_for_or_said(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    store.sim.faults.error_rate_429 = 1.0
    with pytest.raises(StoreThrottled):
        await store.client.set_stock([store.set_to(variant, 9, expected=100)])
    store.sim.faults.error_rate_429 = 0.0
    (result,) = await store.client.set_stock([store.set_to(variant, 9, expected=100)])
    assert result.error is None


async def test_a_store_that_fails_half_the_time(store: Any) -> None:
    variant = store.shop.variant_by_sku("LS-0001")
    target = store.set_to(variant, 9, expected=100)
    store.sim.faults.error_rate_5xx = 1.0
    with pytest.raises(StoreUnavailable, match="store-error"):
        await store.client.set_stock([target])
    store.sim.faults.error_rate_5xx = 0.0
    (result,) = await store.client.set_stock([target])
    assert result.error is None
