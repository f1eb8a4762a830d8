"""Rebuilt from snapshots and our own decision events the state is the same, and no store is told anything."""

from __future__ import annotations

from typing import Any

import pytest

from longshore.broker import Record
from longshore.contracts import CommandError, CommandStatus
from longshore_order_sync.fulfillments.rules import Shipment
from longshore_order_sync.orders.listing import get_order
from longshore_order_sync.statehash import state_hash


async def decisions(hub: Any) -> list[Record]:
    """The decision events so far, as they come from orders.events."""
    return [
        Record("orders.events", 0, offset, 0, each["key"], each["value"].encode(), each["headers"])
        for offset, each in enumerate(await hub.said("longshore."))
        if each["topic"] == "orders.events"
    ]


async def orders(hub: Any, shop: Any) -> list[bytes]:
    async with hub.engine.connect() as conn:
        found = [await get_order(conn, shop.org_id, shop.order_id(number)) for number in "123"]
    return [each.to_json() for each in found if each]


@pytest.mark.parametrize("decisions_first", [True, False])
@pytest.mark.parametrize("times", [1, 2])
async def test_rebuilt_it_is_the_same(hub: Any, shop: Any, decisions_first: bool, times: int) -> None:
    given = [shop.snapshot(number, quantities=(2,)) for number in "123"]
    await hub.deliver(*given)
    for number in "123":
        await hub.fulfillments.request(
            shop.org_id, shop.order_id(number), Shipment([(shop.line_id(0, number), int(number) % 2 + 1)])
        )
    done, failed, _ = await hub.commands()
    error = CommandError(code="refused", detail="The store refused.")
    await hub.fulfillments.settle(
        [
            shop.outcome(done, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1"),
            shop.outcome(failed, CommandStatus.FAILED, error=error),
        ]
    )
    before, state, log = await state_hash(hub.engine), await orders(hub, shop), await decisions(hub)

    await hub.empty()
    restore = hub.decisions()
    for _ in range(times):
        if not decisions_first:
            await hub.deliver(*given)
        assert await restore.apply(log) == []
        if decisions_first:
            await hub.deliver(*given)
    assert await state_hash(hub.engine) == before
    assert await orders(hub, shop) == state
    assert await hub.count("commands") == 3
    assert await hub.commands() == []


async def test_in_ordinary_operation_nothing_happens(hub: Any, shop: Any) -> None:
    await hub.deliver(shop.snapshot())
    await hub.fulfillments.request(shop.org_id, shop.order_id(), Shipment())
    (command,) = await hub.commands()
    await hub.fulfillments.settle([shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")])
    said, before = len(await hub.said()), await state_hash(hub.engine)
    await hub.decisions().apply(await decisions(hub))
    assert (len(await hub.said()), await state_hash(hub.engine)) == (said, before)


async def test_what_cannot_be_read_is_poison(hub: Any, shop: Any) -> None:
    bad = Record("orders.events", 0, 0, 0, "k", b"{", {"ce_type": "longshore.fulfillment.settled.v1"})
    other = Record("orders.events", 0, 1, 0, "k", b"{", {"ce_type": "longshore.order.changed.v1"})
    rejected = await hub.decisions().apply([bad, other])
    assert [each.record for each in rejected] == [bad]
