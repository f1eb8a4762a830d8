"""POST /api/v1/orders/{id}/cancel, /notes, /refunds, /tags, /mark-paid, /status, and what is done with a fulfilment."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from longshore.contracts import CommandView
from longshore.idempotency import IdempotencyKey
from longshore.internal import OrgDep
from longshore_order_sync.actions.requests import (
    ActionType,
    AddNote,
    CancelFulfillment,
    CancelOrder,
    ChangeTags,
    MarkPaid,
    RefundOrder,
    SetStatus,
    UpdateTracking,
    Wanted,
)
from longshore_order_sync.actions.service import Actions


class CommandAccepted(BaseModel):
    """The command, pending until the store has done it."""

    command: CommandView


def actions_router(service: Actions) -> APIRouter:
    """Routes of what is asked of stores. Each is done in the background; the same Idempotency-Key gives the same
    command."""
    router = APIRouter(prefix="/api/v1/orders/{order_id}", tags=["orders"])

    async def ask(
        org_id: OrgDep,
        order_id: UUID,
        action: ActionType,
        wanted: Wanted,
        key: str | None,
        fulfillment_id: UUID | None = None,
    ) -> CommandAccepted:
        command = await service.request(org_id, order_id, action, wanted, key, fulfillment_id)
        return CommandAccepted(command=command)

    @router.post("/cancel", status_code=202, summary="Cancel an order")
    async def cancel_order(
        org_id: OrgDep, order_id: UUID, wanted: CancelOrder, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """409 for one that is cancelled, or about to be."""
        return await ask(org_id, order_id, "order.cancel", wanted, idempotency_key)

    @router.post("/notes", status_code=202, summary="Add a note to an order")
    async def add_note(
        org_id: OrgDep, order_id: UUID, wanted: AddNote, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """`to_customer` only where the platform can: 409 otherwise."""
        return await ask(org_id, order_id, "order.note", wanted, idempotency_key)

    @router.post("/refunds", status_code=202, summary="Pay back an order, or a part of it")
    async def refund_order(
        org_id: OrgDep, order_id: UUID, wanted: RefundOrder, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """409 for more than is left to pay back, refunds under way counted; 422 for unknown lines or a currency that is
        not the order's."""
        return await ask(org_id, order_id, "order.refund", wanted, idempotency_key)

    @router.post("/tags", status_code=202, summary="Add tags to an order and take tags from it")
    async def change_tags(
        org_id: OrgDep, order_id: UUID, wanted: ChangeTags, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """What it has already, or has not, changes nothing."""
        return await ask(org_id, order_id, "order.tags", wanted, idempotency_key)

    @router.post("/mark-paid", status_code=202, summary="Write down that an order was paid outside of its store")
    async def mark_paid(
        org_id: OrgDep, order_id: UUID, wanted: MarkPaid | None = None, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """409 for one that is paid or cancelled."""
        return await ask(org_id, order_id, "order.mark_paid", wanted or MarkPaid(), idempotency_key)

    @router.post("/status", status_code=202, summary="Put an order into a state of its store's own")
    async def set_status(
        org_id: OrgDep, order_id: UUID, wanted: SetStatus, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """By the store's word for it; 409 where a platform's orders have no such states."""
        return await ask(org_id, order_id, "order.status", wanted, idempotency_key)

    @router.post(
        "/fulfillments/{fulfillment_id}/tracking", status_code=202, summary="Change how a shipment is followed"
    )
    async def update_tracking(
        org_id: OrgDep,
        order_id: UUID,
        fulfillment_id: UUID,
        wanted: UpdateTracking,
        idempotency_key: IdempotencyKey = None,
    ) -> CommandAccepted:
        """Of a fulfilment that the store has; 409 for one that is pending, failed or cancelled."""
        return await ask(org_id, order_id, "fulfillment.tracking", wanted, idempotency_key, fulfillment_id)

    @router.post("/fulfillments/{fulfillment_id}/cancel", status_code=202, summary="Take a shipment back")
    async def cancel_fulfillment(
        org_id: OrgDep,
        order_id: UUID,
        fulfillment_id: UUID,
        wanted: CancelFulfillment | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> CommandAccepted:
        """Its pieces wait to be shipped again; 409 for one that is pending, failed or cancelled."""
        wanted = wanted or CancelFulfillment()
        return await ask(org_id, order_id, "fulfillment.cancel", wanted, idempotency_key, fulfillment_id)

    return router
