"""What is changed about an order: cancelled, annotated, tagged, marked as paid.

None of these mutations takes an idempotency key (their descriptions in the schema name none). Each sets something that
the order then shows, so each try looks at the order first, and does nothing where it is so already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from weakref import WeakValueDictionary

from longshore.contracts import OrderCancel, OrderMarkPaid, OrderNote, OrderTags
from longshore.platforms.protocols import Done, StoreRefused, StoreUnavailable
from longshore_connector_shopify.client.admin_api import AdminApi, gid
from longshore_connector_shopify.client.writing import refused, write
from longshore_connector_shopify.permissions import WRITE_ORDERS

# The store cancels in the background; its job is asked for so often, then left for the next try.
_JOB_LOOKS = 12
_JOB_PAUSE_S = 0.5
_PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})


class Turns:
    """One command of an order at a time: what is read of it is still so when it is written."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, order_external_id: str) -> AbstractAsyncContextManager[None]:
        """To be held from the look to the write."""
        return self._locks.setdefault(order_external_id, asyncio.Lock())


class OrderChanger:
    """Changes orders of one store."""

    def __init__(self, api: AdminApi, turns: Turns, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._api = api
        self._turns = turns
        self._sleep = sleep
        # The jobs that cancel orders, as far as this process has begun them and not seen their end.
        self._cancelling: dict[str, str] = {}

    async def cancel(self, command: OrderCancel) -> Done:
        """Cancel, and wait for the store's job. Raises StoreError."""
        async with self._turns.of(command.order_external_id):
            if (await self._look(command.order_external_id)).get("cancelledAt"):
                self._cancelling.pop(command.order_external_id, None)
                return Done(existed=True)
            if command.order_external_id not in self._cancelling and await self._begin(command):
                return Done(existed=True)
            await self._finish(command.order_external_id)
            if not (await self._look(command.order_external_id)).get("cancelledAt"):
                raise StoreRefused(
                    "cancel-refused",
                    "The store began to cancel the order and did not end it. Its timeline in the admin says why.",
                )
            return Done()

    async def add_note(self, command: OrderNote) -> Done:
        """Add a paragraph to the order's one note; one that stands there is not added again. Raises StoreError."""
        if command.to_customer:
            raise StoreRefused("not-supported", "A note at Shopify does not reach the buyer.")
        async with self._turns.of(command.order_external_id):
            note = str((await self._look(command.order_external_id)).get("note") or "")
            if f"\n\n{command.text}\n\n" in f"\n\n{note}\n\n":
                return Done(existed=True)
            variables = {
                "id": gid("Order", command.order_external_id),
                "note": f"{note}\n\n{command.text}" if note else command.text,
            }
            _, errors = await write(self._api, "order_note", variables, "orderUpdate", WRITE_ORDERS)
            if errors:
                raise refused("note-refused", "take the note", errors)
            return Done()

    async def change_tags(self, command: OrderTags) -> Done:
        """Add and remove tags. The store compares them without case. Raises StoreError."""
        async with self._turns.of(command.order_external_id):
            there = {str(each).casefold() for each in (await self._look(command.order_external_id)).get("tags") or ()}
            changes = (
                ("tags_add", "tagsAdd", [each for each in command.add if each.casefold() not in there]),
                ("tags_remove", "tagsRemove", [each for each in command.remove if each.casefold() in there]),
            )
            for name, field, tags in changes:
                if tags:
                    variables = {"id": gid("Order", command.order_external_id), "tags": tags}
                    _, errors = await write(self._api, name, variables, field, WRITE_ORDERS)
                    if errors:
                        raise refused("tags-refused", "change the tags", errors)
            return Done(existed=not any(tags for _, _, tags in changes))

    async def mark_paid(self, command: OrderMarkPaid) -> Done:
        """Write down a payment of what is outstanding. Raises StoreError."""
        async with self._turns.of(command.order_external_id):
            order = await self._look(command.order_external_id)
            if order.get("displayFinancialStatus") in _PAID:
                return Done(existed=True)
            if order.get("canMarkAsPaid") is False:
                raise StoreRefused(
                    "not-payable", "The order cannot be marked as paid: it is cancelled, or nothing is outstanding."
                )
            variables = {"id": gid("Order", command.order_external_id)}
            _, errors = await write(self._api, "order_mark_paid", variables, "orderMarkAsPaid", WRITE_ORDERS)
            if errors:
                raise refused("payment-refused", "mark the order as paid", errors)
            return Done()

    async def _begin(self, command: OrderCancel) -> bool:
        """Begin the store's job; whether the order turned out to be cancelled meanwhile, by an earlier try of ours."""
        variables = {
            "id": gid("Order", command.order_external_id),
            "reason": command.reason.upper(),
            "restock": command.restock,
            "refund": {"originalPaymentMethodsRefund": command.refund},
            "notify": command.notify_customer,
            "note": command.note,
        }
        payload, errors = await write(
            self._api, "order_cancel", variables, "orderCancel", WRITE_ORDERS, "orderCancelUserErrors"
        )
        if errors:
            if (await self._look(command.order_external_id)).get("cancelledAt"):
                return True
            raise refused("cancel-refused", "cancel the order", errors)
        if payload.get("job"):
            self._cancelling[command.order_external_id] = str(payload["job"]["id"])
        return False

    async def _finish(self, order_external_id: str) -> None:
        job = self._cancelling.get(order_external_id)
        for look in range(_JOB_LOOKS):
            if job is None:
                return
            found = (await self._api.query("job", {"id": job})).data.get("job")
            if found is None or found.get("done"):
                self._cancelling.pop(order_external_id, None)
                return
            if look + 1 < _JOB_LOOKS:
                await self._sleep(_JOB_PAUSE_S)
        raise StoreUnavailable("cancelling", "The store is still at cancelling the order.", retry_after=5.0)

    async def _look(self, order_external_id: str) -> dict[str, Any]:
        order = (await self._api.query("order_now", {"id": gid("Order", order_external_id)})).data.get("order")
        if not isinstance(order, dict):
            raise StoreRefused("order-not-found", "The store has no such order.")
        return order
