"""Orders, their fulfilments, customers, and what was sent to stores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from longshore.contracts import CommandStatus, CommandView, Order, OrderRevision, OrderStatus, Platform, Tracking
from longshore_client.aio.transport import AsyncConnection, AsyncPages
from longshore_client.models import Customer, FulfillmentAccepted


class AsyncOrders:
    """The canonical orders of all stores."""

    def __init__(self, connection: AsyncConnection) -> None:
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
    ) -> AsyncPages[Order]:
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

    async def get(self, order_id: UUID | str, *, as_of: datetime | None = None) -> Order:
        """One order, now or as its store had it at a time."""
        return await self._connection.get(Order, "/api/v1/orders/{order_id}", {"order_id": order_id}, as_of=as_of)

    def revisions(
        self, order_id: UUID | str, *, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[OrderRevision]:
        """The states that an order was in, first to last."""
        path = "/api/v1/orders/{order_id}/revisions"
        return self._connection.pages(OrderRevision, path, {"order_id": order_id}, limit=limit, cursor=cursor)

    async def fulfil(
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
        return await self._connection.post(
            FulfillmentAccepted, path, {"order_id": order_id}, body=body, idempotency_key=idempotency_key
        )


class AsyncCustomers:
    """Customers, as each store has them."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def list(
        self, *, integration_id: UUID | str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> AsyncPages[Customer]:
        """Last changed first."""
        return self._connection.pages(
            Customer, "/api/v1/customers", integration_id=integration_id, limit=limit, cursor=cursor
        )


class AsyncCommands:
    """What was sent to stores, tried, refused."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    def list(
        self,
        *,
        order_id: UUID | str | None = None,
        status: CommandStatus | str | None = None,
        integration_id: UUID | str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPages[CommandView]:
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
