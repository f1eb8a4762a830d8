"""GET /api/v1/products and /api/v1/listings: the catalogue as the stores have it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.contracts import Platform, ProductStatus
from longshore.internal import OrgDep
from longshore.money import Money
from longshore.paging import DEFAULT_LIMIT, Cursor, Limit, page, read_text_cursor, write_cursor


class ListingView(BaseModel):
    """A variant as one store sells it. `variant_id` is missing without SKU: its stock is not kept."""

    id: UUID
    integration_id: UUID
    platform: Platform
    product_id: UUID
    product_external_id: str
    variant_external_id: str
    inventory_external_id: str
    variant_id: UUID | None
    sku: str | None
    title: str
    barcode: str | None
    price: Money | None
    tracked: bool
    active: bool


class ProductView(BaseModel):
    """A product as one store has it, with what it sells of it."""

    id: UUID
    integration_id: UUID
    platform: Platform
    external_id: str
    parent_external_id: str | None
    title: str
    status: ProductStatus
    platform_status: str
    listings: list[ListingView]


class ListingPage(BaseModel):
    """A page of listings."""

    items: list[ListingView]
    next_cursor: str | None


class ProductPage(BaseModel):
    """A page of products."""

    items: list[ProductView]
    next_cursor: str | None


_LISTINGS = text(
    """
    SELECT * FROM inventory.listings
    WHERE org_id = :org AND id > :after
        AND (CAST(:integration AS uuid) IS NULL OR integration_id = :integration)
        AND (CAST(:sku AS text) IS NULL OR sku = :sku)
    ORDER BY id LIMIT :limit
    """
)

_PRODUCTS = text(
    """
    SELECT * FROM inventory.products
    WHERE org_id = :org AND id > :after AND NOT deleted AND updated_at IS NOT NULL
        AND (CAST(:integration AS uuid) IS NULL OR integration_id = :integration)
    ORDER BY id LIMIT :limit
    """
)

_LISTINGS_OF = text(
    """
    SELECT * FROM inventory.listings WHERE org_id = :org AND active AND product_id = ANY(CAST(:products AS uuid[]))
    ORDER BY id
    """
)


def catalogue_router(engine: AsyncEngine) -> APIRouter:
    """Routes of the catalogue. Both lists are ordered by id."""
    router = APIRouter(prefix="/api/v1", tags=["catalogue"])

    @router.get("/listings", summary="List listings")
    async def get_listings(
        org_id: OrgDep,
        sku: str | None = None,
        integration_id: UUID | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> ListingPage:
        """What each store sells, inactive listings too."""
        given = {"org": org_id, "after": _after(cursor), "integration": integration_id, "sku": sku, "limit": limit + 1}
        async with engine.connect() as conn:
            rows = (await conn.execute(_LISTINGS, given)).all()
        items, following = page([_listing(row) for row in rows], limit, lambda each: write_cursor("", each.id))
        return ListingPage(items=items, next_cursor=following)

    @router.get("/products", summary="List products")
    async def get_products(
        org_id: OrgDep,
        integration_id: UUID | None = None,
        cursor: Cursor = None,
        limit: Limit = DEFAULT_LIMIT,
    ) -> ProductPage:
        """Products that stores have now, with their active listings."""
        given = {"org": org_id, "after": _after(cursor), "integration": integration_id, "limit": limit + 1}
        async with engine.connect() as conn:
            rows = (await conn.execute(_PRODUCTS, given)).all()
            ids = [row.id for row in rows]
            listings: dict[UUID, list[ListingView]] = {}
            for row in await conn.execute(_LISTINGS_OF, {"org": org_id, "products": ids}):
                listings.setdefault(row.product_id, []).append(_listing(row))
        found = [_product(row, listings.get(row.id, [])) for row in rows]
        items, following = page(found, limit, lambda each: write_cursor("", each.id))
        return ProductPage(items=items, next_cursor=following)

    return router


def _after(cursor: str | None) -> UUID:
    place = read_text_cursor(cursor)
    return UUID(int=0) if place is None else place[1]


def _listing(row: Any) -> ListingView:
    return ListingView.model_validate(row, from_attributes=True)


def _product(row: Any, listings: list[ListingView]) -> ProductView:
    return ProductView(
        id=row.id,
        integration_id=row.integration_id,
        platform=row.platform,
        external_id=row.external_id,
        parent_external_id=row.parent_external_id,
        title=row.title,
        status=row.status,
        platform_status=row.platform_status,
        listings=listings,
    )
