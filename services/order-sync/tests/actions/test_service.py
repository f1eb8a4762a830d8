"""What is asked of a store, from request to outcome, on a real database: once, whatever is repeated or late."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest

from longshore.broker import Record
from longshore.contracts import CommandError, CommandStatus, EntityFetch, FulfillmentState, OrderStatus, Tracking
from longshore.problems import Problem
from longshore_order_sync.actions.requests import (
    AddNote,
    CancelFulfillment,
    CancelOrder,
    RefundOrder,
    SetStatus,
    UpdateTracking,
)
from longshore_order_sync.fulfillments.rules import Shipment
from longshore_order_sync.orders.listing import OrderFilter, get_order, list_orders

NOTE = AddNote(text="Leave it at Anna's gate.")


async def ask(hub: Any, shop: Any, action: str, wanted: Any, key: str | None = None, **more: Any) -> Any:
    return await hub.actions.request(shop.org_id, shop.order_id(), action, wanted, key, **more)


async def order(hub: Any, shop: Any) -> Any:
    async with hub.engine.connect() as conn:
        return await get_order(conn, shop.org_id, shop.order_id())


class TestRequest:
    async def test_the_store_is_told_and_the_decision_is_an_event(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        command = await ask(hub, shop, "order.note", NOTE)
        assert (command.type, command.status) == ("order.note", CommandStatus.PENDING)
        (sent,) = await hub.commands()
        assert (sent.id, sent.payload.text) == (command.id, NOTE.text)
        (decided,) = await hub.said("action_requested")
        assert (decided["topic"], decided["key"]) == ("orders.events", f"{shop.integration_id}:1001")
        # What it says is the store's and the buyer's, not everybody's.
        assert "Anna" not in decided["value"]

    async def test_the_same_key_gives_the_same_command(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        answers = await asyncio.gather(*(ask(hub, shop, "order.note", NOTE, "k1") for _ in range(4)))
        assert len({each.id for each in answers}) == 1
        assert len(await hub.commands()) == 1
        # The key of another kind of request is another key.
        assert (await ask(hub, shop, "order.cancel", CancelOrder(), "k1")).id != answers[0].id
        with pytest.raises(Problem) as refused:
            await ask(hub, shop, "order.note", AddNote(text="Something else"), "k1")
        assert (refused.value.status, refused.value.type) == (422, "/problems/idempotency-key-reused")

    async def test_at_the_same_time_money_is_paid_back_once(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        wanted = RefundOrder(full=True)
        answers = await asyncio.gather(
            *(ask(hub, shop, "order.refund", wanted) for _ in range(5)), return_exceptions=True
        )
        assert sorted(each.status if isinstance(each, Problem) else 202 for each in answers) == [202] + [409] * 4
        assert len(await hub.commands()) == 1

    async def test_another_organisations_order_does_not_exist(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        for org, id in ((uuid4(), shop.order_id()), (shop.org_id, uuid4())):
            with pytest.raises(Problem) as refused:
                await hub.actions.request(org, id, "order.note", NOTE)
            assert refused.value.status == 404
        assert await hub.said("longshore.") == await hub.said("order.changed")

    async def test_a_refusal_leaves_nothing(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(status=OrderStatus.CANCELLED))
        with pytest.raises(Problem):
            await ask(hub, shop, "order.cancel", CancelOrder(), "k1")
        assert await hub.count("order_actions") == await hub.count("commands") == 0

    async def test_the_newest_word_counts(self, hub: Any, shop: Any) -> None:
        """A status that waits for another try must not undo what was asked for later."""
        await hub.deliver(shop.snapshot())
        first = await ask(hub, shop, "order.status", SetStatus(status="on-hold"))
        await ask(hub, shop, "order.note", NOTE)
        await ask(hub, shop, "order.status", SetStatus(status="completed"))
        assert [each.supersedes for each in await hub.commands()] == [[], [], [first.id]]


class TestOutcome:
    async def test_done_is_told_once_and_the_order_is_read_anew(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        command = await ask(hub, shop, "order.refund", RefundOrder(full=True))
        (sent,) = await hub.commands()
        trying = shop.outcome(sent, CommandStatus.RUNNING, error=CommandError(code="busy", detail="Busy."))
        done = shop.outcome(sent, CommandStatus.SUCCEEDED, attempts=2, made_external_id="r-1")
        for each in (trying, done, done, trying):
            await hub.actions.settle([each])
        (settled,) = await hub.said("action_settled")
        told = json.loads(settled["value"])
        assert (told["command_id"], told["succeeded"], told["external_id"]) == (str(command.id), True, "r-1")
        again = [each.payload for each in await hub.commands() if isinstance(each.payload, EntityFetch)]
        assert [(each.resource, each.external_id) for each in again] == [("order", "1001")]
        assert (await ask(hub, shop, "order.note", NOTE)).status is CommandStatus.PENDING

    async def test_refused_says_why_and_may_be_asked_for_again(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot())
        await ask(hub, shop, "order.cancel", CancelOrder())
        (sent,) = await hub.commands()
        error = CommandError(code="cancel-refused", detail="It has shipped.")
        await hub.actions.settle([shop.outcome(sent, CommandStatus.FAILED, error=error)])
        (settled,) = await hub.said("action_settled")
        assert json.loads(settled["value"])["error"]["code"] == "cancel-refused"
        await ask(hub, shop, "order.cancel", CancelOrder())

    async def test_a_parcel_of_ours_is_followed_otherwise_and_taken_back(self, hub: Any, shop: Any) -> None:
        await hub.deliver(shop.snapshot(quantities=(2,)))
        await hub.fulfillments.request(shop.org_id, shop.order_id(), Shipment())
        (shipped,) = await hub.commands()
        await hub.fulfillments.settle([shop.outcome(shipped, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")])
        parcel = (await order(hub, shop)).fulfillments[0].id
        assert (await order(hub, shop)).status == "fulfilled"

        await ask(hub, shop, "fulfillment.tracking", UpdateTracking(number="T2"), fulfillment_id=parcel)
        sent = (await hub.commands())[-1]
        assert sent.payload.fulfillment_external_id == "f-1"
        await hub.actions.settle([shop.outcome(sent, CommandStatus.SUCCEEDED)])
        assert (await order(hub, shop)).fulfillments[0].tracking.number == "T2"

        await ask(hub, shop, "fulfillment.cancel", CancelFulfillment(), fulfillment_id=parcel)
        sent = next(each for each in await hub.commands() if each.payload.type == "fulfillment.cancel")
        await hub.actions.settle([shop.outcome(sent, CommandStatus.SUCCEEDED)])
        taken_back = await order(hub, shop)
        assert taken_back.fulfillments[0].status is FulfillmentState.CANCELLED
        assert taken_back.status == "processing"
        # Lists and subscribers know, before the store says anything.
        async with hub.engine.connect() as conn:
            listed = await list_orders(conn, shop.org_id, OrderFilter(status=OrderStatus.PROCESSING), None, 10)
        assert [each.id for each in listed] == [shop.order_id()]
        told = json.loads((await hub.said("order.changed"))[-1]["value"])
        assert (told["previous_status"], told["status"]) == ("fulfilled", "processing")
        # The store has it still in an older word of its own: it is the same parcel, not a second one.
        listed = shop.fulfillment({0: 2}, "f-1", status=FulfillmentState.CANCELLED)
        await hub.deliver(shop.snapshot(at=9, quantities=(2,), fulfillments=[listed]))
        assert [each.id for each in (await order(hub, shop)).fulfillments] == [parcel]

    async def test_a_parcel_stays_the_same_when_its_number_changes_before_its_outcome(
        self, hub: Any, shop: Any
    ) -> None:
        """Found by the end-to-end test of actions: the outcome of shipping came after the store's word of two changes,
        and the parcel was there twice, once without an end."""
        await hub.deliver(shop.snapshot(quantities=(2,)))
        wanted = Shipment(tracking=Tracking(number="T1"))
        await hub.fulfillments.request(shop.org_id, shop.order_id(), wanted)
        (shipped,) = await hub.commands()

        async def told(at: int, number: str, status: FulfillmentState = FulfillmentState.SUCCESS) -> Any:
            parcel = shop.fulfillment({0: 2}, "f-1", status=status, tracking=number)
            await hub.deliver(shop.snapshot(at=at, quantities=(2,), fulfillments=[parcel]))
            (parcel,) = (await order(hub, shop)).fulfillments
            return parcel

        parcel = await told(1, "T1")
        await ask(hub, shop, "fulfillment.tracking", UpdateTracking(number="T2"), fulfillment_id=parcel.id)
        assert await told(2, "T2") == parcel.model_copy(update={"tracking": Tracking(number="T2")})
        await ask(hub, shop, "fulfillment.cancel", CancelFulfillment(), fulfillment_id=parcel.id)
        assert (await told(3, "T2", FulfillmentState.CANCELLED)).id == parcel.id
        await hub.fulfillments.settle([shop.outcome(shipped, CommandStatus.SUCCEEDED, fulfillment_external_id="f-1")])
        assert [each.status for each in (await order(hub, shop)).fulfillments] == [FulfillmentState.CANCELLED]


@pytest.mark.parametrize("times", [1, 2])
async def test_rebuilt_from_the_log_it_is_the_same(hub: Any, shop: Any, times: int) -> None:
    await hub.deliver(shop.snapshot())
    refund = RefundOrder(lines=[{"line_id": shop.line_id(0), "quantity": 1}])
    await ask(hub, shop, "order.refund", refund)
    await ask(hub, shop, "order.note", NOTE)
    (first, second) = await hub.commands()
    await hub.actions.settle([shop.outcome(second, CommandStatus.SUCCEEDED)])
    log = [
        Record("orders.events", 0, offset, 0, each["key"], each["value"].encode(), each["headers"])
        for offset, each in enumerate(await hub.said("action_"))
    ]

    await hub.empty()
    for _ in range(times):
        assert await hub.decisions().apply(log) == []
        await hub.deliver(shop.snapshot())
    assert await hub.count("order_actions") == await hub.count("commands") == 2
    assert await hub.commands() == []
    # The refund still counts as under way.
    with pytest.raises(Problem) as refused:
        await ask(hub, shop, "order.refund", RefundOrder(lines=[{"line_id": shop.line_id(0), "quantity": 2}]))
    assert refused.value.extra["left"] == 1
    await hub.actions.settle([shop.outcome(first, CommandStatus.SUCCEEDED)])
    assert len(await hub.said("action_settled")) == 1
