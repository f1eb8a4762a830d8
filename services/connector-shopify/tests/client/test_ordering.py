"""Orders are cancelled, annotated, tagged and marked as paid; a lost answer changes nothing."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import OrderCancel, OrderMarkPaid, OrderNote, OrderTags
from longshore.platforms.protocols import StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_shopify.client.admin_api import AdminApi
from longshore_connector_shopify.client.ordering import OrderChanger, Turns
from longshore_connector_shopify.permissions import REQUIRED

SKUS = [("LS-0001", 3), ("LS-0002", 1)]

CHANGES: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "cancel_order": (OrderCancel, {"refund": True}),
    "add_note": (OrderNote, {"text": "Leave it at the gate.", "note_id": uuid4()}),
    "change_tags": (OrderTags, {"add": ["held"], "remove": ["gift"]}),
    "mark_paid": (OrderMarkPaid, {}),
}


def place(store: Any, *, paid: bool = True) -> Any:
    order = store.shop.place_order(SKUS, plain=True)
    order.tags = ["gift"]
    if not paid:
        order.transactions.clear()
    return order


def state(order: Any) -> tuple[Any, ...]:
    return (order.cancelled_at is not None, order.note, list(order.tags), len(order.transactions), len(order.refunds))


@pytest.mark.parametrize("method", CHANGES)
async def test_a_lost_answer_changes_it_once(store: Any, method: str) -> None:
    order = place(store, paid=method != "mark_paid")
    kind, more = CHANGES[method]
    command = store.about(kind, order, **more)
    before = state(order)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await getattr(store.client, method)(command)
    store.sim.faults.drop_after_write_rate = 0.0
    # The process has died in between: nothing is remembered.
    client = store.again()
    await getattr(client, method)(command)
    after = state(order)
    assert after != before
    assert (await getattr(client, method)(command)).existed
    assert state(order) == after


@pytest.mark.parametrize("method", CHANGES)
async def test_an_order_that_is_not_there(store: Any, method: str) -> None:
    order = place(store)
    kind, more = CHANGES[method]
    command = store.about(kind, order, **more).model_copy(update={"order_external_id": "9"})
    with pytest.raises(StoreRefused, match="order-not-found"):
        await getattr(store.client, method)(command)


@pytest.mark.parametrize("method", CHANGES)
async def test_a_missing_scope_says_which(open_store: Any, method: str) -> None:
    store = await open_store(scopes=frozenset(REQUIRED))
    order = place(store, paid=method != "mark_paid")
    kind, more = CHANGES[method]
    with pytest.raises(StoreUnauthorized, match="write_orders") as refused:
        await getattr(store.client, method)(store.about(kind, order, **more))
    # Of this one thing: the store is not shut.
    assert refused.value.partial
    assert refused.value.code == "missing-scope"


class TestCancel:
    async def test_money_goods_and_reason(self, store: Any) -> None:
        order = place(store)
        variant = store.shop.variant_by_sku("LS-0001")
        before = variant.available
        await store.client.cancel_order(store.about(OrderCancel, order, reason="fraud", refund=True, restock=True))
        assert order.cancel_reason == "fraud"
        assert order.refunds
        assert variant.available == before + 3

    async def test_neither_money_nor_goods(self, store: Any) -> None:
        order = place(store)
        variant = store.shop.variant_by_sku("LS-0001")
        before = variant.available
        await store.client.cancel_order(store.about(OrderCancel, order, refund=False, restock=False))
        assert order.refunds == []
        assert variant.available == before

    async def test_a_job_that_takes_its_time(self, store: Any) -> None:
        """It is left for the next try, which begins no second one."""
        order = place(store)
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        api = AdminApi(store.shop.config.domain, store.shop.config.access_token, origin=store.sim.url)
        changer = OrderChanger(api, Turns(), sleep)
        store.shop.jobs.held = True
        command = store.about(OrderCancel, order)
        try:
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="cancelling"):
                    await changer.cancel(command)
            assert len(slept) > 2
            store.shop.jobs.held = False
            await changer.cancel(command)
        finally:
            await api.close()
        assert order.cancelled_at is not None
        assert store.calls("orderCancel") == 1

    async def test_an_order_that_has_shipped_is_refused_with_the_reason(self, store: Any) -> None:
        order = place(store)
        await store.client.create_fulfillment(store.ship(order, {0: 1}))
        with pytest.raises(StoreRefused, match="fulfillments"):
            await store.client.cancel_order(store.about(OrderCancel, order))
        assert order.cancelled_at is None


class TestNote:
    async def test_it_is_added_to_what_stands_there(self, store: Any) -> None:
        order = place(store)
        order.note = "Ring twice."
        for text in ("Paid by bank.", "Sent again.", "Paid by bank."):
            await store.client.add_note(store.about(OrderNote, order, note_id=uuid4(), text=text))
        assert order.note == "Ring twice.\n\nPaid by bank.\n\nSent again."
        assert order.tags == ["gift"]

    async def test_two_at_the_same_time_are_both_there(self, store: Any) -> None:
        order = place(store)
        notes = [store.about(OrderNote, order, note_id=uuid4(), text=f"Note {number}") for number in range(4)]
        await asyncio.gather(*(store.client.add_note(each) for each in notes))
        assert sorted(order.note.split("\n\n")) == [f"Note {number}" for number in range(4)]

    async def test_the_buyer_cannot_be_reached(self, store: Any) -> None:
        order = place(store)
        with pytest.raises(StoreRefused, match="not-supported"):
            await store.client.add_note(store.about(OrderNote, order, note_id=uuid4(), text="Hello", to_customer=True))


class TestTags:
    async def test_added_and_removed_without_regard_to_case(self, store: Any) -> None:
        order = place(store)
        await store.client.change_tags(store.about(OrderTags, order, add=["Held", "GIFT", "urgent"], remove=["x"]))
        assert sorted(order.tags) == ["Held", "gift", "urgent"]
        await store.client.change_tags(store.about(OrderTags, order, remove=["URGENT", "held"]))
        assert order.tags == ["gift"]

    async def test_what_the_store_does_not_take(self, store: Any) -> None:
        order = place(store)
        with pytest.raises(StoreRefused, match="40 characters"):
            await store.client.change_tags(store.about(OrderTags, order, add=["x" * 41]))


class TestPaid:
    async def test_what_is_outstanding(self, store: Any) -> None:
        order = place(store, paid=False)
        assert not (await store.client.mark_paid(store.about(OrderMarkPaid, order))).existed
        (paid,) = order.transactions
        assert paid.gateway == "manual"

    async def test_a_cancelled_order(self, store: Any) -> None:
        order = place(store, paid=False)
        await store.client.cancel_order(store.about(OrderCancel, order))
        with pytest.raises(StoreRefused, match="not-payable"):
            await store.client.mark_paid(store.about(OrderMarkPaid, order))
