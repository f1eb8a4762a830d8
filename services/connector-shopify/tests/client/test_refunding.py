"""Money is paid back exactly once, exactly as much, and goods go back to where they came from."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from longshore.contracts import OrderRefund, RefundPieces
from longshore.money import Money
from longshore.platforms.protocols import StoreRefused, StoreUnauthorized, StoreUnavailable
from longshore_connector_shopify.permissions import REQUIRED
from longshore_devkit.stores.shopify.pricing import financial_status, totals

SKUS = [("LS-0001", 3), ("LS-0002", 1)]


def refund(store: Any, order: Any, pieces: dict[int, int] | None = None, *, restock: bool = True, **more: Any) -> Any:
    """A command to pay back so many pieces of the lines at these places of the order."""
    lines = [
        RefundPieces(line_id=uuid4(), external_id=str(order.lines[place].id), quantity=quantity, restock=restock)
        for place, quantity in (pieces or {}).items()
    ]
    return store.about(OrderRefund, order, refund_id=uuid4(), lines=lines, **more)


def with_shipping(store: Any) -> Any:
    """An order whose shipping costs something."""
    placed = (store.shop.place_order(SKUS, plain=True) for _ in range(50))
    return next(each for each in placed if each.shipping[0].net > 100)


def everything(store: Any, order: Any, **more: Any) -> Any:
    left = {place: line.current_quantity for place, line in enumerate(order.lines) if line.current_quantity}
    return refund(store, order, left, full=True, shipping=True, **more)


def shop_money(order: Any, minor: int) -> Money:
    return Money(minor, order.currency, 2)


async def test_pieces_of_a_line(store: Any) -> None:
    order = store.shop.place_order(SKUS, plain=True)
    due = totals(order).total
    done = await store.client.refund_order(refund(store, order, {0: 2}, reason="Broken"))
    (made,) = order.refunds
    assert (done.external_id, done.existed) == (str(made.id), False)
    (line,) = made.lines
    assert (line.quantity, line.restock_type) == (2, "cancel")
    assert made.note.startswith("Broken [Longshore ")
    assert made.adjustment == 0
    (paid,) = made.transactions
    # What two of three pieces cost: the order as it stands is paid, to the cent.
    assert paid.amount == due - totals(order).current_total
    assert totals(order).outstanding == 0


async def test_all_that_is_left(store: Any) -> None:
    order = store.shop.place_order(SKUS)
    await store.client.refund_order(refund(store, order, {0: 1}))
    await store.client.refund_order(everything(store, order))
    assert financial_status(order) == "refunded"
    assert sum(each.amount for each in order.transactions if each.kind == "refund") == totals(order).received
    assert all(line.current_quantity == 0 for line in order.lines)


@pytest.mark.parametrize("more", [{}, {"amount": Money(150, "USD", 2)}], ids=["reckoned", "a-sum"])
async def test_a_lost_answer_pays_once(store: Any, more: dict[str, Any]) -> None:
    order = store.shop.place_order(SKUS, plain=True)
    command = refund(store, order, {0: 1}, **more)
    store.sim.faults.drop_after_write_rate = 1.0
    with pytest.raises(StoreUnavailable):
        await store.client.refund_order(command)
    store.sim.faults.drop_after_write_rate = 0.0
    # The process has died in between: nothing is remembered.
    done = await store.again().refund_order(command)
    assert (done.external_id, done.existed) == (str(order.refunds[0].id), True)
    assert len(order.refunds) == 1
    # The next one, of the same pieces and the same sum, is another.
    assert not (await store.client.refund_order(refund(store, order, {0: 1}, **more))).existed
    assert len(order.refunds) == 2


async def test_a_try_that_failed_for_certain_does_not_block_the_next(store: Any) -> None:
    """The key of it is spent: the store says so for ever."""
    order = store.shop.place_order(SKUS, plain=True)
    command = refund(store, order, {0: 1})
    line = order.lines[0]
    # Between our look and our write somebody ships what we wanted to put back.
    calls = store.sim.engine().calls
    fulfillable = line.gone_unfulfilled
    engine = store.sim.engine()
    execute = engine.execute

    def shipped_meanwhile(query: str, *args: Any) -> Any:
        if "refundCreate" in query and not calls["refundCreate"]:
            line.gone_unfulfilled = line.quantity
        else:
            line.gone_unfulfilled = fulfillable
        return execute(query, *args)

    engine.execute = shipped_meanwhile
    with pytest.raises(StoreRefused, match="unfulfilled"):
        await store.client.refund_order(command)
    assert order.refunds == []
    await store.client.refund_order(command)
    assert len(order.refunds) == 1


async def test_a_sum_alone(store: Any) -> None:
    order = store.shop.place_order(SKUS, plain=True)
    await store.client.refund_order(refund(store, order, amount=shop_money(order, 250)))
    (made,) = order.refunds
    assert made.lines == []
    assert [each.amount for each in made.transactions] == [250]
    assert financial_status(order) == "partially_refunded"


async def test_more_than_the_store_holds_is_refused(store: Any) -> None:
    order = store.shop.place_order(SKUS, plain=True)
    too_much = shop_money(order, totals(order).received + 1)
    with pytest.raises(StoreRefused, match="refund-above-rest"):
        await store.client.refund_order(refund(store, order, amount=too_much))
    assert order.refunds == []


async def test_shipping_or_a_part_of_it(store: Any) -> None:
    order = with_shipping(store)
    shipping = order.shipping[0]
    await store.client.refund_order(refund(store, order, shipping_amount=shop_money(order, 100)))
    assert order.refunds[0].shipping == shipping.refunded == 100
    await store.client.refund_order(refund(store, order, shipping=True))
    assert shipping.refunded == shipping.net
    assert totals(order).outstanding == 0


async def test_in_the_buyers_currency(store: Any) -> None:
    order = with_shipping(store)
    order.presentment = ("JPY", 2)
    await store.client.refund_order(refund(store, order, amount=shop_money(order, 250)))
    await store.client.refund_order(refund(store, order, {0: 1}))
    assert [each.amount for each in order.refunds[0].transactions] == [250]
    assert order.refunds[1].adjustment == 0
    await store.client.refund_order(refund(store, order, shipping_amount=shop_money(order, 100)))
    assert order.refunds[2].shipping == 100


async def test_several_payments(store: Any) -> None:
    """An order that was edited and paid for in two parts: the money goes back to both."""
    order = store.shop.place_order(SKUS, plain=True)
    first = order.transactions[0]
    second = type(first)(first.id + 1, "sale", 100, first.created_at, gateway="manual")
    first.amount -= 100
    order.transactions.append(second)
    await store.client.refund_order(everything(store, order))
    paid = {each.parent_id: (each.amount, each.gateway) for each in order.refunds[0].transactions}
    assert paid == {first.id: (first.amount, "bogus"), second.id: (100, "manual")}


async def test_written_down_without_a_payment(store: Any) -> None:
    order = store.shop.place_order(SKUS, plain=True)
    await store.client.refund_order(refund(store, order, {0: 1}, pay=False))
    assert order.refunds[0].transactions == []
    assert order.lines[0].refunded == 1


class TestGoods:
    async def test_waiting_ones_first_then_shipped_ones(self, store: Any) -> None:
        order = store.shop.place_order(SKUS, plain=True)
        variant = store.shop.variant_by_sku("LS-0001")
        await store.client.create_fulfillment(store.ship(order, {0: 2}))
        before = variant.available
        await store.client.refund_order(refund(store, order, {0: 2}))
        kinds = [(each.restock_type, each.quantity, each.location_id) for each in order.refunds[0].lines]
        place = order.lines[0].location_id
        assert kinds == [("cancel", 1, place), ("return", 1, place)]
        assert variant.available == before + 2

    async def test_not_put_back(self, store: Any) -> None:
        order = store.shop.place_order(SKUS, plain=True)
        variant = store.shop.variant_by_sku("LS-0001")
        before = variant.available
        await store.client.refund_order(refund(store, order, {0: 2}, restock=False))
        assert [each.restock_type for each in order.refunds[0].lines] == ["no_restock"]
        assert variant.available == before
        # They do not wait to be shipped any more.
        assert sum(part.remaining for each in order.fulfillment_orders for part in each.lines) == 2


async def test_a_missing_scope_says_which(open_store: Any) -> None:
    store = await open_store(scopes=frozenset(REQUIRED))
    order = store.shop.place_order(SKUS, plain=True)
    with pytest.raises(StoreUnauthorized, match="write_orders"):
        await store.client.refund_order(refund(store, order, {0: 1}))


async def test_an_order_that_is_not_there(store: Any) -> None:
    order = store.shop.place_order(SKUS, plain=True)
    command = refund(store, order, amount=shop_money(order, 1)).model_copy(update={"order_external_id": "9"})
    with pytest.raises(StoreRefused, match="order-not-found"):
        await store.client.refund_order(command)
