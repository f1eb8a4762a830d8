"""Internal routes: the gateway records requests, asks here, and answers people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from longshore.contracts import Contract, UtcDatetime
from longshore.internal import OrgDep
from longshore_order_sync.privacy.rules import Buyer, buyer
from longshore_order_sync.privacy.service import Erasure, Privacy

MAX_ORDERS = 10_000


class BuyerQuery(BaseModel):
    """Whom it is about."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    integration_id: UUID
    customer_external_id: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=500)
    order_external_ids: tuple[str, ...] = Field(default=(), max_length=MAX_ORDERS)

    def buyer(self) -> Buyer:
        """As the rules have it."""
        return buyer(self.customer_external_id, self.email, self.order_external_ids)


class ErasureView(Contract):
    """The record of an erasure. `order_external_ids`: of the orders that it found, told once."""

    id: UUID
    integration_id: UUID
    scope: str
    requested_at: UtcDatetime
    finished_at: UtcDatetime | None
    orders: int
    revisions: int
    customers: int
    order_external_ids: list[str] = []


def privacy_router(privacy: Privacy) -> APIRouter:
    """The internal routes."""
    router = APIRouter(prefix="/internal/privacy", include_in_schema=False)

    @router.post("/export")
    async def export(org_id: OrgDep, wanted: BuyerQuery) -> dict[str, Any]:
        found = await privacy.find(org_id, wanted.integration_id, wanted.buyer())
        beside = {"org_id", "version", "raw", "digest", "problems"}
        return {
            "customers": [each.model_dump(mode="json", exclude=beside) for each in found.customers.values()],
            # Each order in all the states that are kept of it, first to last.
            "orders": [
                {"order_id": str(id), **order.model_dump(mode="json", exclude=beside)}
                for id, _, _, order in found.revisions
            ],
        }

    @router.put("/erasures/{erasure_id}")
    async def erase(org_id: OrgDep, erasure_id: UUID, wanted: BuyerQuery) -> ErasureView:
        erasure, external_ids = await privacy.erase_buyer(erasure_id, org_id, wanted.integration_id, wanted.buyer())
        return _view(erasure, external_ids)

    @router.put("/stores/{integration_id}/erasures/{erasure_id}")
    async def erase_store(org_id: OrgDep, integration_id: UUID, erasure_id: UUID) -> ErasureView:
        return _view(await privacy.erase_store(erasure_id, org_id, integration_id), [])

    return router


def _view(erasure: Erasure, external_ids: list[str]) -> ErasureView:
    return ErasureView(
        id=erasure.id,
        integration_id=erasure.integration_id,
        scope=erasure.scope,
        requested_at=erasure.requested_at,
        finished_at=erasure.finished_at,
        orders=erasure.orders,
        revisions=erasure.revisions,
        customers=erasure.customers,
        order_external_ids=external_ids,
    )
