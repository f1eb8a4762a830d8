"""What is changed about an order: cancelled, annotated, marked as paid, put into another state. Each try looks at the
order first, and does nothing where it is so already."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid5

from longshore.contracts import OrderCancel, OrderMarkPaid, OrderNote, OrderRefund, OrderStatusSet
from longshore.platforms.protocols import Done, StoreRefused, StoreUnavailable
from longshore_connector_woo.client.http import StoreHttp
from longshore_connector_woo.client.references import CLOSED, change_order, note_once, open_order
from longshore_connector_woo.client.refunding import refund

# Where WooCommerce itself takes a payment; `set_paid` has no effect elsewhere (read in its code, `needs_payment`).
_AWAITS_PAYMENT = ("pending", "failed")
_TOLD = "Your order has been cancelled."


async def cancel(http: StoreHttp, command: OrderCancel, now: datetime) -> Done:
    """Pay back if asked, then the status: WooCommerce then puts back what the order has taken from its stock."""
    id = command.order_external_id
    order = await open_order(http, id)
    existed = order.get("status") == "cancelled"
    if not existed:
        if not command.restock:
            raise StoreRefused(
                "restock-only", "WooCommerce puts the pieces of a cancelled order back on the shelf: ask with restock."
            )
        if command.refund and order.get("date_paid_gmt"):
            await _pay_back(http, command, now)
        if command.note:
            note_id = uuid5(command.order_id, "order.cancel.note")
            await note_once(http, id, note_id, command.note, to_customer=False)
        if (await change_order(http, id, {"status": "cancelled"})).get("status") != "cancelled":
            raise StoreUnavailable("not-written", "The store answered as if it had cancelled the order, and has not.")
    if command.notify_customer:
        await note_once(http, id, uuid5(command.order_id, "order.cancel.told"), _TOLD, to_customer=True)
    return Done(existed=existed)


async def add_note(http: StoreHttp, command: OrderNote) -> Done:
    """A note for the shop's people, or one that the buyer reads, too."""
    written, existed = await note_once(
        http, command.order_external_id, command.note_id, command.text, to_customer=command.to_customer
    )
    return Done(written, existed)


async def mark_paid(http: StoreHttp, command: OrderMarkPaid) -> Done:
    """As if its payment had come in."""
    id = command.order_external_id
    order = await open_order(http, id)
    if order.get("date_paid_gmt"):
        return Done(existed=True)
    status = str(order.get("status", ""))
    if status in CLOSED:
        raise StoreRefused("not-payable", f"The order is {CLOSED[status]} at the store: it cannot be paid.")
    # A bank transfer that is waited for is on hold: paid is then the next status, and of goods that need no shipping
    # the one behind it.
    changes = ({"set_paid": True},) if status in _AWAITS_PAYMENT else ()
    for change in (*changes, {"status": "processing"}, {"status": "completed"}):
        order = await change_order(http, id, change)
        if order.get("date_paid_gmt"):
            return Done()
    raise StoreRefused(
        "not-payable", f"The store does not take the order as paid; its status is {order.get('status')}."
    )


async def set_status(http: StoreHttp, command: OrderStatusSet) -> Done:
    """By the store's word, plugins' words too."""
    order = await open_order(http, command.order_external_id)
    if order.get("status") == command.status:
        return Done(existed=True)
    try:
        written = await change_order(http, command.order_external_id, {"status": command.status})
    except StoreRefused as error:
        if error.code == "rest-invalid-param":
            raise StoreRefused("unknown-status", f"The store has no status {command.status}.") from None
        raise
    if written.get("status") != command.status:
        raise StoreRefused(
            "status-refused", f"The store has made {written.get('status')} of the order instead of {command.status}."
        )
    return Done()


async def _pay_back(http: StoreHttp, command: OrderCancel, now: datetime) -> None:
    whole = OrderRefund(
        order_id=command.order_id,
        order_external_id=command.order_external_id,
        refund_id=uuid5(command.order_id, "order.cancel"),
        full=True,
        reason=command.note,
    )
    try:
        await refund(http, whole, now)
    except StoreRefused as error:
        if error.code != "refund-above-rest":  # all of it was paid back before
            raise
