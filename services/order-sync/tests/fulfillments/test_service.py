"""A fulfilment from request to outcome, on a real database: once, whatever is repeated, late or at the same time."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from longshore.contracts import CommandError, CommandStatus, FulfillmentState, OrderStatus, Tracking
from longshore.problems import Problem
from longshore.pruning import Pruner
from longshore_order_sync.commands.store import past
from longshore_order_sync.fulfillments.rules import Shipment
from longshore_order_sync.orders.listing import get_order

ALL = Shipment()


def _same(moment: datetime) -> datetime:
    return moment


async def order(hub: Any, shop: Any) -> Any:
    async with hub.engine.connect() as conn:
        return await get_order(conn, shop.org_id, shop.order_id())


async def request(hub: Any, shop: Any, wanted: Shipment = ALL, key: str | None = None) -> Any:
    return await hub.fulfillments.request(shop.org_id, shop.order_id(), wanted, key)


class TestRequest:
    async def test_it_is_pending_and_the_store_is_told(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(2, 1)))
        asked = await request(hub, shop, Shipment([(shop.line_id(0), 1)], Tracking(number="T1"), False))
        assert asked.fulfillment.status is FulfillmentState.PENDING
        assert asked.command.status is CommandStatus.PENDING
        (command,) = await hub.commands()
        assert (command.id, command.payload.fulfillment_id) == (asked.command.id, asked.fulfillment.id)
        assert command.payload.tracking.number == "T1"
        assert not command.payload.notify_customer
        (sent,) = await hub.said("command.v1")
        assert (sent["topic"], sent["key"]) == ("commands.woocommerce", str(shop.integration_id))
        (decided,) = await hub.said("fulfillment.requested")
        assert (decided["topic"], decided["key"]) == ("orders.events", f"{shop.integration_id}:1001")
        assert [each.id for each in (await order(hub, shop)).fulfillments] == [asked.fulfillment.id]

    async def test_at_the_same_time_only_one_ships_it_all(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(2, 1)))
        answers = await asyncio.gather(*(request(hub, shop) for _ in range(6)), return_exceptions=True)
        assert sorted(each.status if isinstance(each, Problem) else 202 for each in answers) == [202] + [409] * 5
        assert len(await hub.commands()) == 1

    async def test_at_the_same_time_no_piece_twice(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(3,)))
        one = Shipment([(shop.line_id(0), 1)])
        answers = await asyncio.gather(*(request(hub, shop, one) for _ in range(6)), return_exceptions=True)
        assert sum(isinstance(each, Problem) for each in answers) == 3
        assert len(await hub.commands()) == 3

    async def test_the_same_key_gives_the_same_answer(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(3,)))
        one = Shipment([(shop.line_id(0), 1)])
        answers = await asyncio.gather(*(request(hub, shop, one, "k1") for _ in range(4)))
        assert len({(each.fulfillment.id, each.command.id) for each in answers}) == 1
        assert len(await hub.commands()) == 1
        assert hub.metrics.fulfillments[FulfillmentState.PENDING]._value.get() == 1

    async def test_the_same_key_is_known_when_its_command_was_forgotten(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(3,)))
        one = Shipment([(shop.line_id(0), 1)])
        first = await request(hub, shop, one, "k1")
        (command,) = await hub.commands()
        done = shop.outcome(command, CommandStatus.SUCCEEDED)
        await hub.fulfillments.settle([done])
        for days, gone in ((29, 0), (31, 1)):
            later = done.at + timedelta(days=days)
            assert await Pruner(hub.engine, past(30), CollectorRegistry(), clock=partial(_same, later)).prune() == gone
        again = await request(hub, shop, one, "k1")
        assert again.fulfillment.id == first.fulfillment.id
        assert (again.command.id, again.command.status) == (first.command.id, CommandStatus.SUCCEEDED)

    async def test_the_same_key_for_something_else_is_refused(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(3,)))
        await request(hub, shop, Shipment([(shop.line_id(0), 1)]), "k1")
        with pytest.raises(Problem) as refused:
            await request(hub, shop, Shipment([(shop.line_id(0), 2)]), "k1")
        assert (refused.value.status, refused.value.type) == (422, "/problems/idempotency-key-reused")

    async def test_another_organisations_order_does_not_exist(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        for org, order_id in ((uuid4(), shop.order_id()), (shop.org_id, uuid4())):
            with pytest.raises(Problem) as refused:
                await hub.fulfillments.request(org, order_id, ALL)
            assert refused.value.status == 404
        assert await hub.said("command.v1") == []

    async def test_a_refusal_leaves_nothing(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(status=OrderStatus.CANCELLED))
        with pytest.raises(Problem):
            await request(hub, shop)
        assert await hub.count("fulfillments") == await hub.count("commands") == 0

    async def test_completes_order_is_computed(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(1, 1)))
        await request(hub, shop, Shipment([(shop.line_id(0), 1)]))
        await request(hub, shop)
        assert [each.payload.completes_order for each in await hub.commands()] == [False, True]


class TestSettle:
    async def asked(self, hub: Any, shop: Any) -> Any:
        await hub.deliver(shop.snapshot(quantities=(2,)))
        await request(hub, shop)
        (command,) = await hub.commands()
        return command

    async def test_success_is_on_the_order(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        await hub.fulfillments.settle([shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")])
        now = await order(hub, shop)
        assert now.status is OrderStatus.FULFILLED
        assert [(each.external_id, each.status) for each in now.fulfillments] == [("f-1", FulfillmentState.SUCCESS)]
        (settled,) = await hub.said("fulfillment.settled")
        event = json.loads(settled["value"])
        assert (event["succeeded"], event["external_id"]) == (True, "f-1")
        changed = json.loads((await hub.said("order.changed"))[-1]["value"])
        assert (changed["previous_status"], changed["status"]) == ("processing", "fulfilled")

    async def test_failure_opens_the_pieces_again(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        error = CommandError(code="refused", detail="The store refused.")
        await hub.fulfillments.settle([shop.outcome(command, CommandStatus.FAILED, error=error)])
        assert [each.status for each in (await order(hub, shop)).fulfillments] == [FulfillmentState.FAILED]
        assert json.loads((await hub.said("fulfillment.settled"))[0]["value"])["error"]["code"] == "refused"
        await request(hub, shop)

    async def test_failure_makes_us_look_at_the_order_once(self, hub: Any, shop: Any) -> None:
        """A store deletes orders in silence, and its cancellations can be lost on the way: the refusal tells of it."""
        command = await self.asked(hub, shop)
        error = CommandError(code="order-closed", detail="The order is cancelled at the store.")
        refused = shop.outcome(command, CommandStatus.FAILED, error=error)
        await hub.fulfillments.settle([refused])
        await hub.fulfillments.settle([refused])
        (look,) = [each for each in await hub.commands() if each.id != command.id]
        assert (look.payload.type, look.payload.external_id) == ("entity.fetch", "1001")
        assert look.integration_id == command.integration_id

    async def test_no_look_at_a_store_that_was_not_asked(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        gone = CommandError(code="integration-deleted", detail="The store is not connected any more.")
        await hub.fulfillments.settle([shop.outcome(command, CommandStatus.FAILED, attempts=0, error=gone)])
        assert [each.id for each in await hub.commands()] == [command.id]

    async def test_success_needs_no_second_look(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        await hub.fulfillments.settle([shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")])
        assert [each.id for each in await hub.commands()] == [command.id]

    async def test_what_is_in_which_of_several_parcels_the_store_is_asked(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        done = shop.outcome(
            command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1", more_fulfillment_external_ids=["f-2"]
        )
        await hub.fulfillments.settle([done])
        assert [each.payload.type for each in await hub.commands()] == ["fulfillment.create", "entity.fetch"]
        event = json.loads((await hub.said("fulfillment.settled"))[0]["value"])
        assert (event["external_id"], event["more_external_ids"]) == ("f-1", ["f-2"])
        parcels = [shop.fulfillment({0: 1}, id) for id in ("f-1", "f-2")]
        await hub.deliver(shop.snapshot(quantities=(2,), at=1, fulfilled=(2,), fulfillments=parcels))
        assert {each.command_id for each in (await order(hub, shop)).fulfillments} == {command.id}

    async def test_repeated_and_late_outcomes_change_nothing(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        done = shop.outcome(command, CommandStatus.SUCCEEDED, attempts=2, fulfillment_external_id="f-1")
        late = shop.outcome(command, CommandStatus.RUNNING, error=CommandError(code="busy", detail="Busy."))
        await hub.fulfillments.settle([done, done, late])
        said = len(await hub.said())
        for each in (late, done, shop.outcome(command, CommandStatus.FAILED, attempts=9)):
            await hub.fulfillments.settle([each])
        assert len(await hub.said()) == said
        assert hub.metrics.fulfillments[FulfillmentState.SUCCESS]._value.get() == 1
        assert (await order(hub, shop)).status is OrderStatus.FULFILLED

    async def test_others_commands_are_passed_over(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        foreign = shop.outcome(command, CommandStatus.FAILED).model_copy(update={"reply_to": "inventory"})
        unknown = shop.outcome(command, CommandStatus.FAILED).model_copy(update={"command_id": uuid4()})
        await hub.fulfillments.settle([foreign, unknown])
        assert [each.status for each in (await order(hub, shop)).fulfillments] == [FulfillmentState.PENDING]

    async def test_the_stores_own_report_is_the_same_parcel(self, hub: Any, shop: Any) -> None:
        command = await self.asked(hub, shop)
        await hub.fulfillments.settle([shop.outcome(command, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")])
        told = shop.snapshot(
            at=5, quantities=(2,), fulfilled=(2,), status=OrderStatus.FULFILLED, fulfillments=[shop.fulfillment({0: 2})]
        )
        await hub.deliver(told)
        now = await order(hub, shop)
        assert [line.fulfilled_quantity for line in now.lines] == [2]
        assert [each.command_id for each in now.fulfillments] == [command.id]
