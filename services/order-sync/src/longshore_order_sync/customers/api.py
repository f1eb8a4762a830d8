"""GET /api/v1/customers."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.contracts import Contract, Platform, UtcDatetime
from longshore.internal import OrgDep
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_cursor, write_cursor
from longshore_order_sync.customers.store import list_customers


class Customer(Contract):
    """A customer of one store."""

    id: UUID
    org_id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    created_at: UtcDatetime | None = None
    updated_at: UtcDatetime


class CustomerPage(BaseModel):
    """A page of customers, last changed first."""

    items: list[Customer]
    next_cursor: str | None


def customers_router(engine: AsyncEngine) -> APIRouter:
    """Routes of customers."""
    router = APIRouter(prefix="/api/v1/customers", tags=["customers"])

    @router.get("", summary="List customers")
    async def get_customers(
        org_id: OrgDep,
        integration_id: UUID | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> CustomerPage:
        """Ordered by (updated_at, id), last changed first."""
        async with engine.connect() as conn:
            found = await list_customers(conn, org_id, integration_id, read_cursor(cursor), limit + 1)
        customers = [
            Customer(
                id=customer_id,
                org_id=each.org_id,
                integration_id=each.integration_id,
                platform=each.platform,
                external_id=each.external_id,
                email=each.email,
                first_name=each.first_name,
                last_name=each.last_name,
                phone=each.phone,
                created_at=each.created_at,
                # What the list is ordered by.
                updated_at=each.version.updated_at,
            )
            for customer_id, each in found
        ]
        items, following = page(customers, limit, lambda each: write_cursor(each.updated_at, each.id))
        return CustomerPage(items=items, next_cursor=following)

    return router
