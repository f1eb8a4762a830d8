# Made of aio/orders.py: see the package.
"""Orders, their fulfilments, customers, and what was sent to stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from longshore.contracts import (
    CancelReason,
    CommandStatus,
    CommandView,
    Order,
    OrderRevision,
    OrderStatus,
    Platform,
    Tracking,
)
from longshore.money import Money
from longshore_client.models import CommandAccepted, Customer, FulfillmentAccepted
from longshore_client.sync.transport import Connection, Pages


class Orders:
    """The canonical orders of all stores."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        integration_id: UUID | str | None = None,
        platform: Platform | str | None = None,
        status: OrderStatus | str | None = None,
        q: str | None = None,
        updated_after: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Order]:
        """Newest first; with `updated_after` what changed after it, oldest change first. `q`: words that number, id,
        e-mail, name or SKU begin with."""
        return self._connection.pages(
            Order,
            "/api/v1/orders",
            integration_id=integration_id,
            platform=platform,
            status=status,
            q=q,
            updated_after=updated_after,
            limit=limit,
            cursor=cursor,
        )

    def get(self, order_id: UUID | str, *, as_of: datetime | None = None) -> Order:
        """One order, now or as its store had it at a time."""
        return self._connection.get(Order, "/api/v1/orders/{order_id}", {"order_id": order_id}, as_of=as_of)

    def revisions(
        self, order_id: UUID | str, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[OrderRevision]:
        """The states that an order was in, first to last."""
        path = "/api/v1/orders/{order_id}/revisions"
        return self._connection.pages(OrderRevision, path, {"order_id": order_id}, limit=limit, cursor=cursor)

    def fulfil(
        self,
        order_id: UUID | str,
        lines: Mapping[UUID, int] | None = None,
        *,
        tracking: Tracking | None = None,
        notify_customer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> FulfillmentAccepted:
        """Ship `lines` (pieces by line id), or all that is open. The store is told in the background."""
        body = {
            "lines": None if lines is None else [{"line_id": id, "quantity": each} for id, each in lines.items()],
            "tracking": tracking,
            "notify_customer": notify_customer,
        }
        path = "/api/v1/orders/{order_id}/fulfillments"
        return self._connection.post(
            FulfillmentAccepted, path, {"order_id": order_id}, body=body, idempotency_key=idempotency_key
        )

    def cancel(
        self,
        order_id: UUID | str,
        *,
        reason: CancelReason | None = None,
        note: str | None = None,
        refund: bool | None = None,
        restock: bool | None = None,
        notify_customer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> CommandAccepted:
        """Cancel an order. `refund`: pay back what is left (else not); `restock`: what has not shipped goes back on
        the shelf (else too). `note` is for the store's people."""
        body = {
            "reason": reason,
            "note": note,
            "refund": refund,
            "restock": restock,
            "notify_customer": notify_customer,
        }
        return self._ask("/api/v1/orders/{order_id}/cancel", order_id, body, idempotency_key)

    def add_note(
        self, order_id: UUID | str, text: str, *, to_customer: bool | None = None, idempotency_key: str | None = None
    ) -> CommandAccepted:
        """Add a note to an order; `to_customer` (WooCommerce): the buyer reads it too."""
        body = {"text": text, "to_customer": to_customer}
        return self._ask("/api/v1/orders/{order_id}/notes", order_id, body, idempotency_key)

    def refund(
        self,
        order_id: UUID | str,
        lines: Mapping[UUID, int] | None = None,
        *,
        full: bool | None = None,
        restock: bool = True,
        shipping: bool | None = None,
        shipping_amount: Money | None = None,
        amount: Money | None = None,
        reason: str | None = None,
        pay: bool | None = None,
        notify_customer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> CommandAccepted:
        """Pay back: `full` for all that is left, or `lines` (pieces by line id; `restock`: they go back on the shelf),
        `shipping` (all that is left of it) or `shipping_amount`, and `amount`, which overrides what these cost.

        `pay` False: only write it down, the payment provider pays nothing.
        """
        pieces = None if lines is None else lines.items()
        body = {
            "lines": None
            if pieces is None
            else [{"line_id": id, "quantity": each, "restock": restock} for id, each in pieces],
            "full": full,
            "shipping": shipping,
            "shipping_amount": shipping_amount,
            "amount": amount,
            "reason": reason,
            "pay": pay,
            "notify_customer": notify_customer,
        }
        return self._ask("/api/v1/orders/{order_id}/refunds", order_id, body, idempotency_key)

    def change_tags(
        self,
        order_id: UUID | str,
        *,
        add: Sequence[str] | None = None,
        remove: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> CommandAccepted:
        """Add tags to an order and take tags from it."""
        body = {"add": add, "remove": remove}
        return self._ask("/api/v1/orders/{order_id}/tags", order_id, body, idempotency_key)

    def mark_paid(self, order_id: UUID | str, *, idempotency_key: str | None = None) -> CommandAccepted:
        """Write down that what is outstanding was paid outside of the store."""
        return self._ask("/api/v1/orders/{order_id}/mark-paid", order_id, {}, idempotency_key)

    def set_status(self, order_id: UUID | str, status: str, *, idempotency_key: str | None = None) -> CommandAccepted:
        """Put an order into a state of its store's own, by the store's word for it (WooCommerce)."""
        return self._ask("/api/v1/orders/{order_id}/status", order_id, {"status": status}, idempotency_key)

    def update_tracking(
        self,
        order_id: UUID | str,
        fulfillment_id: UUID | str,
        *,
        number: str | None = None,
        carrier: str | None = None,
        url: str | None = None,
        notify_customer: bool | None = None,
        idempotency_key: str | None = None,
    ) -> CommandAccepted:
        """Change how a shipment is followed; what is not given is unknown from then on."""
        body = {"number": number, "carrier": carrier, "url": url, "notify_customer": notify_customer}
        return self._connection.post(
            CommandAccepted,
            "/api/v1/orders/{order_id}/fulfillments/{fulfillment_id}/tracking",
            {"order_id": order_id, "fulfillment_id": fulfillment_id},
            body=body,
            idempotency_key=idempotency_key,
        )

    def cancel_fulfillment(
        self, order_id: UUID | str, fulfillment_id: UUID | str, *, idempotency_key: str | None = None
    ) -> CommandAccepted:
        """Take a shipment back: its pieces wait to be shipped again."""
        return self._connection.post(
            CommandAccepted,
            "/api/v1/orders/{order_id}/fulfillments/{fulfillment_id}/cancel",
            {"order_id": order_id, "fulfillment_id": fulfillment_id},
            body={},
            idempotency_key=idempotency_key,
        )

    def _ask(
        self, path: str, order_id: UUID | str, body: Mapping[str, object], idempotency_key: str | None
    ) -> CommandAccepted:
        return self._connection.post(
            CommandAccepted, path, {"order_id": order_id}, body=body, idempotency_key=idempotency_key
        )


class Customers:
    """Customers, as each store has them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self, *, integration_id: UUID | str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[Customer]:
        """Last changed first."""
        return self._connection.pages(
            Customer, "/api/v1/customers", integration_id=integration_id, limit=limit, cursor=cursor
        )


class Commands:
    """What was sent to stores, tried, refused."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        order_id: UUID | str | None = None,
        status: CommandStatus | str | None = None,
        integration_id: UUID | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[CommandView]:
        """Newest first."""
        return self._connection.pages(
            CommandView,
            "/api/v1/commands",
            order_id=order_id,
            status=status,
            integration_id=integration_id,
            limit=limit,
            cursor=cursor,
        )
