"""/api/v1/products/{id}/publish and /api/v1/listings/{id}/price."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from longshore.contracts import CommandView
from longshore.idempotency import IdempotencyKey
from longshore.internal import OrgDep
from longshore_inventory.selling.rules import PublishProduct, SetPrice
from longshore_inventory.selling.service import Selling


class CommandAccepted(BaseModel):
    """The command, pending until the store has done it."""

    command: CommandView


def selling_router(service: Selling) -> APIRouter:
    """Routes of what is sold. Each is done in the background; the same Idempotency-Key gives the same command."""
    router = APIRouter(prefix="/api/v1", tags=["catalogue"])

    @router.post("/products/{product_id}/publish", status_code=202, summary="Put a product on its store's shelf")
    async def publish_product(
        org_id: OrgDep, product_id: UUID, wanted: PublishProduct, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """409 for a product of another store, and where a platform cannot."""
        command = await service.publish(org_id, product_id, wanted.integration_id, on=True, key=idempotency_key)
        return CommandAccepted(command=command)

    @router.delete(
        "/products/{product_id}/publish/{integration_id}", status_code=202, summary="Take a product off the shelf"
    )
    async def unpublish_product(org_id: OrgDep, product_id: UUID, integration_id: UUID) -> CommandAccepted:
        """It stays in the store, and nobody can buy it."""
        return CommandAccepted(command=await service.publish(org_id, product_id, integration_id, on=False))

    @router.post("/listings/{listing_id}/price", status_code=202, summary="Set what a listing costs")
    async def set_price(
        org_id: OrgDep, listing_id: UUID, wanted: SetPrice, idempotency_key: IdempotencyKey = None
    ) -> CommandAccepted:
        """In its store's currency: 422 for another one."""
        return CommandAccepted(command=await service.set_price(org_id, listing_id, wanted, idempotency_key))

    return router
