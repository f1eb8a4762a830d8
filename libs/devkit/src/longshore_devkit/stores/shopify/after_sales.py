"""What happens to an order after its sale: shipments, and money and goods that come back. A part of Shop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from longshore_devkit.stores.shopify import rest, rest_orders
from longshore_devkit.stores.shopify.catalogue import Ids
from longshore_devkit.stores.shopify.model import (
    Fulfillment,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Line,
    Order,
    Refund,
    RefundLine,
    Transaction,
)
from longshore_devkit.stores.shopify.pricing import fulfillment_status, totals
from longshore_devkit.stores.shopify.refunding import Piece, Suggestion
from longshore_devkit.stores.shopify.stock import Stock, close_if_done, reopen
from longshore_devkit.stores.shopify.webhooks import Webhooks


class ShopError(ValueError):
    """What was asked cannot be done in this shop; the message says why."""


class AfterSales:
    """Shipments and refunds of a shop, which has the rest."""

    ids: Ids
    stock: Stock
    webhooks: Webhooks
    fulfillments: dict[int, tuple[Order, Fulfillment]]
    fulfillment_orders: dict[int, tuple[Order, FulfillmentOrder]]
    refunds: dict[int, tuple[Order, Refund]]

    def now(self) -> datetime:
        """See Shop."""
        raise NotImplementedError

    def _touch(self, order: Order) -> None:
        raise NotImplementedError

    def _release(self, order: Order, line: Line, units: int, restock: bool, event: str) -> None:
        raise NotImplementedError

    def _publish(self, topic: str, payload: Callable[[], rest.Json], event: str) -> None:
        raise NotImplementedError

    def _send_order(self, order: Order, actions: Sequence[str], event: str) -> None:
        raise NotImplementedError

    def fulfil(
        self,
        order: Order,
        parts: Sequence[tuple[FulfillmentOrder, FulfillmentOrderLine, int]],
        *,
        numbers: Sequence[str] = (),
        urls: Sequence[str] = (),
        company: str | None = None,
        notify: bool = False,
    ) -> Fulfillment:
        """Ship units of fulfilment order lines. The caller has checked that they remain and share a location."""
        now, event = self.now(), self.webhooks.event_id()
        fulfillment = Fulfillment(
            id=self.ids.next("fulfillment"),
            name=f"{order.name}-F{len(order.fulfillments) + 1}",
            created_at=now,
            location_id=parts[0][0].location_id,
            lines=[(self.ids.next("fulfillment_line"), part.line, quantity) for _, part, quantity in parts],
            tracking_numbers=list(numbers),
            tracking_urls=list(urls),
            tracking_company=company,
            notify_customer=notify,
            fulfillment_order_ids=list(dict.fromkeys(fo.id for fo, _, _ in parts)),
        )
        for fulfillment_order, part, quantity in parts:
            part.remaining -= quantity
            part.line.fulfilled += quantity
            fulfillment_order.updated_at = now
            close_if_done(fulfillment_order)
            self.stock.ship(part.line, quantity)
        order.fulfillments.append(fulfillment)
        self.fulfillments[fulfillment.id] = (order, fulfillment)
        done = fulfillment_status(order) == "fulfilled"
        if done and totals(order).outstanding <= 0:
            order.closed_at = now
        self._touch(order)
        self._publish("fulfillments/create", lambda: rest_orders.fulfillment_payload(order, fulfillment), event)
        self._send_order(order, ["fulfilled" if done else "partially_fulfilled", "updated"], event)
        return fulfillment

    def track(
        self,
        order: Order,
        fulfillment: Fulfillment,
        *,
        numbers: Sequence[str],
        urls: Sequence[str],
        company: str | None,
        notify: bool,
    ) -> None:
        """Change how a shipment is followed."""
        fulfillment.tracking_numbers, fulfillment.tracking_urls = list(numbers), list(urls)
        fulfillment.tracking_company, fulfillment.notify_customer = company, notify
        self._shipment_changed(order, fulfillment)

    def cancel_fulfillment(self, order: Order, fulfillment: Fulfillment) -> None:
        """Take a shipment back: its units wait to be shipped again. ShopError when it was taken back before."""
        if fulfillment.status == "cancelled":
            raise ShopError("The fulfillment is already cancelled.")
        fulfillment.status = "cancelled"
        for _, line, units in fulfillment.lines:
            line.fulfilled -= units
            self.stock.unship(line, units)
        back = [(line, count) for _, line, count in fulfillment.lines]
        made = reopen(order, fulfillment.location_id, back, self.ids, self.now())
        self.fulfillment_orders[made.id] = (order, made)
        order.closed_at = order.cancelled_at
        self._shipment_changed(order, fulfillment)

    def pay_back(
        self,
        order: Order,
        pieces: Sequence[Piece],
        suggestion: Suggestion | None,
        transactions: Sequence[tuple[Transaction, int]],
        note: str | None,
    ) -> Refund:
        """Exactly these pieces, the suggestion's shipping and duties, and this money. The caller has checked them."""
        event = self.webhooks.event_id()
        refund = Refund(self.ids.next("refund"), self.now(), note, [])
        for each in pieces:
            waiting = min(each.units, each.line.fulfillable) if each.kind != "return" else 0
            for units, kind in ((waiting, "cancel"), (each.units - waiting, "return")):
                if units:
                    restock = each.kind != "no_restock"
                    refund.lines.append(self._refund_line(order, refund, each.line, units, kind, restock, event))
        if suggestion is not None:
            refund.shipping, refund.shipping_tax = suggestion.shipping, suggestion.shipping_tax
            if order.shipping:
                order.shipping[0].refunded += suggestion.shipping
                order.shipping[0].tax_refunded += suggestion.shipping_tax
        cost = sum(line.subtotal for line in refund.lines) + refund.shipping + refund.duties
        if not order.taxes_included:
            cost += sum(line.tax for line in refund.lines) + refund.shipping_tax
        paid = sum(amount for _, amount in transactions)
        refund.adjustment = paid - cost if transactions else 0
        for sale, amount in transactions:
            self._pay_back(order, refund, sale, amount)
        order.refunds.append(refund)
        self.refunds[refund.id] = (order, refund)
        self._touch(order)
        self._publish("refunds/create", lambda: rest_orders.refund_payload(order, refund), event)
        self._send_order(order, ["updated"], event)
        return refund

    def _shipment_changed(self, order: Order, fulfillment: Fulfillment) -> None:
        event = self.webhooks.event_id()
        fulfillment.updated_at = self.now()
        self._touch(order)
        self._publish("fulfillments/update", lambda: rest_orders.fulfillment_payload(order, fulfillment), event)
        self._send_order(order, ["updated"], event)

    def _give_back(
        self, order: Order, wanted: Sequence[tuple[Line, int]], *, everything: bool, restock: bool, event: str
    ) -> Refund:
        refund = Refund(self.ids.next("refund"), self.now(), None, [])
        owed = max(0, -totals(order).outstanding)
        for line, quantity in wanted:
            waiting = min(quantity, line.fulfillable)
            for units, kind in ((waiting, "cancel"), (quantity - waiting, "return")):
                if units:
                    refund.lines.append(self._refund_line(order, refund, line, units, kind, restock, event))
        if everything:
            for shipping in order.shipping:
                refund.shipping += shipping.net - shipping.refunded
                refund.shipping_tax += shipping.tax - shipping.tax_refunded
                shipping.refunded, shipping.tax_refunded = shipping.net, shipping.tax
            refund.adjustment = owed + order.tip - order.tip_refunded
            order.tip_refunded = order.tip
        amount = sum(line.subtotal for line in refund.lines) + refund.shipping + refund.duties + refund.adjustment
        if not order.taxes_included:
            amount += sum(line.tax for line in refund.lines) + refund.shipping_tax
        sale = next((t for t in order.transactions if t.kind == "sale"), None)
        if sale is not None and amount:
            self._pay_back(order, refund, sale, amount)
        order.refunds.append(refund)
        self.refunds[refund.id] = (order, refund)
        return refund

    def _pay_back(self, order: Order, refund: Refund, sale: Transaction, amount: int) -> None:
        made = Transaction(self.ids.next("transaction"), "refund", amount, refund.created_at, sale.id, sale.gateway)
        refund.transactions.append(made)
        order.transactions.append(made)

    def _refund_line(
        self, order: Order, refund: Refund, line: Line, units: int, kind: str, restock: bool, event: str
    ) -> RefundLine:
        taxes = [tax.amount for tax in line.taxes]
        net, tax = line.left(line.net), sum(line.left(amount) for amount in taxes)
        duties = [(duty.id, line.left(duty.amount)) for duty in line.duties]
        line.refunded += units
        for (duty_id, before), duty in zip(duties, line.duties, strict=True):
            refund.duty_parts.append((duty_id, before - line.left(duty.amount)))
        if kind == "cancel":
            self._release(order, line, units, restock, event)
        elif restock:
            self.stock.take_back(line, units, event)
        return RefundLine(
            id=self.ids.next("refund_line"),
            line=line,
            quantity=units,
            restock_type=("cancel" if kind == "cancel" else "return") if restock else "no_restock",
            location_id=line.location_id if restock else None,
            subtotal=net - line.left(line.net),
            tax=tax - sum(line.left(amount) for amount in taxes),
        )
