"""POST /api/v1/orders/{id}/fulfillments."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, field_validator

from longshore.contracts import CommandView, Fulfillment, Tracking
from longshore.idempotency import IdempotencyKey
from longshore.internal import OrgDep
from longshore_order_sync.fulfillments.rules import Shipment
from longshore_order_sync.fulfillments.service import Fulfillments

# PostgreSQL's integer, and far more than an order holds.
MAX_PIECES = 1_000_000
MAX_TEXT = 1_000


class LineToShip(BaseModel):
    """So many pieces of a line."""

    line_id: UUID
    quantity: int = Field(ge=1, le=MAX_PIECES)


class FulfillmentCreate(BaseModel):
    """What is to be shipped. Without lines: all that is open."""

    lines: list[LineToShip] = Field(default=[], max_length=1_000)
    tracking: Tracking | None = None
    notify_customer: bool = True

    @field_validator("tracking")
    @classmethod
    def _check_tracking(cls, tracking: Tracking | None) -> Tracking | None:
        for text in (tracking.number, tracking.carrier, tracking.url) if tracking else ():
            if text is not None and ("\0" in text or len(text) > MAX_TEXT):
                raise ValueError(f"tracking is text of at most {MAX_TEXT} characters")
        return tracking


class FulfillmentAccepted(BaseModel):
    """The fulfilment, pending until the store has taken it, and its command."""

    fulfillment: Fulfillment
    command: CommandView


def fulfillments_router(service: Fulfillments) -> APIRouter:
    """Routes of fulfilments."""
    router = APIRouter(prefix="/api/v1/orders", tags=["fulfillments"])

    @router.post("/{order_id}/fulfillments", status_code=202, summary="Ship lines of an order")
    async def create_fulfillment(
        org_id: OrgDep,
        order_id: UUID,
        wanted: FulfillmentCreate,
        idempotency_key: IdempotencyKey = None,
    ) -> FulfillmentAccepted:
        """The store is told in the background; the same Idempotency-Key gives the same fulfilment."""
        shipment = Shipment(
            [(line.line_id, line.quantity) for line in wanted.lines], wanted.tracking, wanted.notify_customer
        )
        requested = await service.request(org_id, order_id, shipment, idempotency_key)
        return FulfillmentAccepted(fulfillment=requested.fulfillment, command=requested.command)

    return router
