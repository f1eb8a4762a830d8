"""/api/v1/inventory: levels, movements, adjustments, alerts."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.db import transaction
from longshore.idempotency import IdempotencyKey
from longshore.ids import VariantId
from longshore.internal import OrgDep
from longshore.paging import (
    DEFAULT_LIMIT,
    Cursor,
    Limit,
    page,
    read_cursor,
    read_number_cursor,
    read_text_cursor,
    write_cursor,
)
from longshore.problems import not_found
from longshore_inventory.listings.rules import VariantIds, clean_sku
from longshore_inventory.stock import views
from longshore_inventory.stock.rules import LOCATION
from longshore_inventory.stock.service import Adjustment, Ledger
from longshore_inventory.stock.views import AlertView, LevelView, MovementView

MOST_PIECES = 1_000_000_000

Pieces = Annotated[int, Field(ge=-MOST_PIECES, le=MOST_PIECES, strict=True)]
Sku = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]


class AdjustmentBody(BaseModel):
    """On-hand of a SKU changes by `delta` pieces, or becomes `set`: exactly one of the two."""

    model_config = ConfigDict(populate_by_name=True)

    sku: Sku
    location: str = LOCATION
    delta: Pieces | None = None
    to: Annotated[Pieces | None, Field(alias="set")] = None
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.delta is None) == (self.to is None):
            raise ValueError("give exactly one of delta and set")
        return self


class Adjusted(BaseModel):
    """The movement that an adjustment made, and the level after it."""

    movement: MovementView
    level: LevelView


class LevelPage(BaseModel):
    """A page of levels, by SKU."""

    items: list[LevelView]
    next_cursor: str | None


class MovementPage(BaseModel):
    """A page of movements, newest first."""

    items: list[MovementView]
    next_cursor: str | None


class AlertPage(BaseModel):
    """A page of alerts, newest first."""

    items: list[AlertView]
    next_cursor: str | None


def inventory_router(engine: AsyncEngine, ledger: Ledger, variant_ids: VariantIds) -> APIRouter:
    """Routes of stock."""
    router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])

    @router.get("", summary="Stock by SKU")
    async def get_inventory(
        org_id: OrgDep, sku: str | None = None, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> LevelPage:
        """All SKUs of the catalogue, by SKU; with `sku` that one, or none."""
        place = read_text_cursor(cursor)
        wanted = None if sku is None else clean_sku(sku) or ""
        async with engine.connect() as conn:
            after = None if place is None else place[0]
            found = await views.list_levels(conn, org_id, sku=wanted, after=after, limit=limit + 1)
        items, following = page(found, limit, lambda each: write_cursor(each.sku, each.variant_id))
        return LevelPage(items=items, next_cursor=following)

    @router.post("/adjustments", status_code=201, summary="Adjust stock")
    async def create_adjustment(
        org_id: OrgDep,
        body: AdjustmentBody,
        idempotency_key: IdempotencyKey = None,
    ) -> Adjusted:
        """Changes on-hand and tells every store. With the same Idempotency-Key it is done once."""
        asked = Adjustment(body.sku, body.location, body.delta, body.to, body.reason)
        movement_id = await ledger.adjust(org_id, asked, idempotency_key)
        async with engine.connect() as conn:
            movement = await views.get_movement(conn, org_id, movement_id)
            return Adjusted(movement=movement, level=await views.level_of(conn, org_id, movement.sku))

    @router.get("/movements", summary="List movements")
    async def get_movements(
        org_id: OrgDep, sku: str | None = None, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> MovementPage:
        """What moved stock and why, the last entered first."""
        wanted = None if sku is None else VariantId(variant_ids.of(org_id, clean_sku(sku) or ""))
        async with engine.connect() as conn:
            found = await views.list_movements(
                conn, org_id, variant_id=wanted, before=read_number_cursor(cursor), limit=limit + 1
            )
        items, following = page(found, limit, lambda each: write_cursor(each.number, each.id))
        return MovementPage(items=items, next_cursor=following)

    @router.get("/alerts", summary="List alerts")
    async def get_alerts(org_id: OrgDep, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> AlertPage:
        """Orders that stock does not cover, and stores that do not take stock."""
        async with engine.connect() as conn:
            found = await views.list_alerts(conn, org_id, after=read_cursor(cursor), limit=limit + 1)
        items, following = page(found, limit, lambda each: write_cursor(each.created_at, each.id))
        return AlertPage(items=items, next_cursor=following)

    @router.delete("/alerts/{alert_id}", status_code=204, summary="Dismiss an alert")
    async def delete_alert(org_id: OrgDep, alert_id: UUID) -> Response:
        """It comes back if what it is about changes for the worse."""
        async with transaction(engine) as conn:
            if not await views.delete_alert(conn, org_id, alert_id):
                raise not_found("This alert")
        return Response(status_code=204)

    return router
