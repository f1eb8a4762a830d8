"""Adjustments: once per key, told to every store."""

from __future__ import annotations

from uuid import uuid4

import pytest

from longshore import ids
from longshore.contracts import StockAdjusted
from longshore.problems import Problem
from longshore_inventory.stock.service import Adjustment

from ..conftest import World, line  # noqa: TID252  (tests are no package of their own)


class TestAdjust:
    async def test_by_a_difference_and_to_a_figure(self, world: World) -> None:
        a, b = world.store(), world.store()
        await world.list_sku(a, "HAT", 10, updated=10)
        await world.list_sku(b, "HAT", 10, updated=20)
        await world.adjust("HAT", delta=-3)
        assert await world.figures("HAT") == (7, 0, 7)
        assert sorted(await world.quantities()) == sorted([(a.id, "HAT", 7, 10), (b.id, "HAT", 7, 10)])
        await world.deliver(a, b)
        await world.order(a, "1", [line("1", "HAT", 2)], placed=2000)
        await world.adjust("HAT", to=20)
        assert await world.figures("HAT") == (20, 2, 18)

    async def test_is_told_as_a_decision_that_stock_can_be_rebuilt_from(self, world: World) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        movement = await world.adjust("HAT", to=4)
        ((_, body),) = await world.said(StockAdjusted.event_type)
        event = StockAdjusted.from_json(body)
        assert (event.movement_id, event.delta, event.sku, event.reason) == (movement, -6, "HAT", "counted")
        assert event.at == world.now
        assert event.variant_id == ids.variant_id(world.org, "HAT")

    async def test_the_same_key_is_done_once(self, world: World) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        asked = Adjustment("HAT", "default", 1, None, "found one")
        first = await world.ledger.adjust(world.org, asked, "k1")
        assert await world.ledger.adjust(world.org, asked, "k1") == first
        assert await world.ledger.adjust(world.org, asked, "k2") != first
        assert await world.figures("HAT") == (12, 0, 12)

    async def test_a_key_means_one_request(self, world: World) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        await world.ledger.adjust(world.org, Adjustment("HAT", "default", 1, None, "found one"), "k1")
        with pytest.raises(Problem) as problem:
            await world.ledger.adjust(world.org, Adjustment("HAT", "default", 2, None, "found two"), "k1")
        assert problem.value.status == 422

    @pytest.mark.parametrize(
        ("sku", "location", "status"), [("NONE", "default", 404), (" ", "default", 404), ("HAT", "2", 422)]
    )
    async def test_refusals(self, world: World, sku: str, location: str, status: int) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        with pytest.raises(Problem) as problem:
            await world.ledger.adjust(world.org, Adjustment(sku, location, 1, None, "found one"))
        assert problem.value.status == status

    async def test_another_organisations_sku_is_unknown(self, world: World) -> None:
        await world.list_sku(world.store(), "HAT", 10)
        with pytest.raises(Problem) as problem:
            await world.ledger.adjust(ids.OrgId(uuid4()), Adjustment("HAT", "default", 1, None, "found one"))
        assert problem.value.status == 404

    async def test_stock_that_was_set_before_any_report_stays(self, world: World) -> None:
        a = world.store()
        await world.list_sku(a, "HAT")
        await world.adjust("HAT", to=5)
        await world.reports.apply([world.level(a, "HAT", 9, updated=1010)])
        assert await world.figures("HAT") == (5, 0, 5)
