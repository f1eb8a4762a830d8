from __future__ import annotations

from typing import Any

import pytest

from longshore.contracts import CommandStatus, OrderStatus
from longshore_order_sync.fulfillments.rules import Shipment
from longshore_order_sync.statehash import state_hash


async def hashes(hub: Any, org: Any = None) -> dict[str, str]:
    return await state_hash(hub.engine, org)


class TestStateHash:
    async def test_equal_records_equal_hash(self, hub: Any, shop: Any) -> None:
        given = [shop.snapshot("1", at=1), shop.snapshot("1", at=2, quantities=(5,)), shop.snapshot("2", at=1)]
        await hub.deliver(*given)
        await hub.customers.apply([(shop.customer("1"), b"{}"), (shop.customer("2"), b"{}")])
        first = await hashes(hub)
        await hub.empty()
        for each in reversed(given):
            await hub.deliver(each, each)
        await hub.customers.apply([(shop.customer("2"), b"{}")])
        await hub.customers.apply([(shop.customer("1"), b"{}")])
        assert await hashes(hub) == first

    async def test_content_changes_it(self, hub: Any, shop: Any) -> None:
        found = set()
        for each in (shop.snapshot(at=1), shop.snapshot(at=2, status=OrderStatus.FULFILLED), shop.deleted(seen=9)):
            await hub.deliver(each)
            found.add((await hashes(hub))["orders"])
        assert len(found) == 3

    async def test_deliveries_do_not(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(at=1, seen=1, offset=1))
        first = await hashes(hub)
        await hub.empty()
        await hub.deliver(shop.snapshot(at=1, seen=44, offset=99))
        assert await hashes(hub) == first

    async def test_the_same_shipment_hashes_the_same_under_other_ids(self, hub: Any, shop: Any) -> None:
        found = set()
        for _ in range(2):
            await hub.empty()
            await hub.deliver(shop.snapshot())
            await hub.fulfillments.request(shop.org_id, shop.order_id(), Shipment())
            (command,) = await hub.commands()
            done = shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")
            await hub.fulfillments.settle([done])
            found.add((await hashes(hub))["orders"])
        assert len(found) == 1

    async def test_one_organisation_or_all(self, hub: Any, make_shop: Any) -> None:
        one, two = make_shop(), make_shop()
        await hub.deliver(one.snapshot())
        alone = await hashes(hub)
        await hub.deliver(two.snapshot())
        assert await hashes(hub, one.org_id) == alone
        assert await hashes(hub) != alone

    @pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5])
    async def test_in_chunks_of_any_size(self, hub: Any, shop: Any, chunk: int) -> None:
        await hub.deliver(*(shop.snapshot(str(number)) for number in range(4)))
        for number in range(3):
            await hub.fulfillments.request(shop.org_id, shop.order_id(str(number)), Shipment())
        assert await state_hash(hub.engine, shop.org_id, chunk) == await hashes(hub)
