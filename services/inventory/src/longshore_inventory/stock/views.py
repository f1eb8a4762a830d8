"""What the API shows of stock: queries and their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore_inventory.stock.rules import LOCATION, Level, StoreListing, in_sync
from longshore_inventory.stock.store import listings_of


class ChannelView(BaseModel):
    """A store that sells the SKU. `quantity`: what we believe it has; `pushed_at`: when it last took ours."""

    integration_id: UUID
    listing_id: UUID
    quantity: int | None
    pushed_at: datetime | None
    in_sync: bool


class LevelView(BaseModel):
    """Stock of a SKU at a location, in pieces; `available` = on_hand - reserved, negative when oversold."""

    sku: str
    variant_id: UUID
    location: str
    on_hand: int
    reserved: int
    available: int
    channels: list[ChannelView]


class MovementView(BaseModel):
    """One entry of the ledger. `number` counts up in the order of entry, with gaps."""

    id: UUID
    number: int
    sku: str
    variant_id: UUID
    location: str
    kind: str
    delta: int
    reason: str
    at: datetime


class AlertView(BaseModel):
    """Something that a person should know: `oversold` or `push_failed`."""

    id: UUID
    kind: str
    sku: str | None
    variant_id: UUID | None
    order_id: UUID | None
    integration_id: UUID | None
    quantity: int | None
    detail: str
    created_at: datetime


_LEVELS = text(
    """
    SELECT v.id, v.org_id, v.sku, coalesce(l.on_hand, 0) AS on_hand, coalesce(l.reserved, 0) AS reserved,
        l.base_listing_id, l.base_observed_at, coalesce(l.base_quantity, 0) AS base_quantity, l.decided_at
    FROM inventory.variants v
    LEFT JOIN inventory.levels l ON l.variant_id = v.id AND l.location = :location
    WHERE v.org_id = :org AND (CAST(:sku AS text) IS NULL OR v.sku = :sku)
        AND (CAST(:after AS text) IS NULL OR v.sku > :after)
    ORDER BY v.sku LIMIT :limit
    """
)

_MOVEMENTS = text(
    """
    SELECT m.id, l.sku, m.variant_id, m.location, m.kind, m.delta, m.reason, m.at,
        m.number
    FROM inventory.movements m
    JOIN inventory.levels l ON l.variant_id = m.variant_id AND l.location = m.location
    WHERE m.org_id = :org AND (CAST(:variant AS uuid) IS NULL OR m.variant_id = :variant)
        AND (CAST(:before AS bigint) IS NULL OR m.number < :before)
    ORDER BY m.number DESC LIMIT :limit
    """
)

_ALERTS = text(
    """
    SELECT * FROM inventory.alerts
    WHERE org_id = :org AND (CAST(:at AS timestamptz) IS NULL OR (created_at, id) < (:at, CAST(:id AS uuid)))
    ORDER BY created_at DESC, id DESC LIMIT :limit
    """
)


async def list_levels(
    conn: AsyncConnection, org_id: UUID, *, sku: str | None, after: str | None, limit: int
) -> list[LevelView]:
    """Stock of the catalogue's SKUs, by SKU."""
    rows = (
        await conn.execute(_LEVELS, {"org": org_id, "sku": sku, "after": after, "limit": limit, "location": LOCATION})
    ).all()
    listings: dict[UUID, list[StoreListing]] = {}
    for listing in await listings_of(conn, [row.id for row in rows]):
        listings.setdefault(listing.variant_id, []).append(listing)
    return [_level(row, listings.get(row.id, [])) for row in rows]


async def level_of(conn: AsyncConnection, org_id: UUID, sku: str) -> LevelView:
    """Stock of one SKU of the catalogue. Raises IndexError."""
    return (await list_levels(conn, org_id, sku=sku, after=None, limit=1))[0]


async def list_movements(
    conn: AsyncConnection, org_id: UUID, *, variant_id: UUID | None, before: int | None, limit: int
) -> list[MovementView]:
    """Entries of the ledger, the last entered first; `before`: the number of one."""
    rows = await conn.execute(_MOVEMENTS, {"org": org_id, "variant": variant_id, "before": before, "limit": limit})
    return [MovementView.model_validate(row, from_attributes=True) for row in rows]


async def get_movement(conn: AsyncConnection, org_id: UUID, movement_id: UUID) -> MovementView:
    """One entry. Raises NoResultFound."""
    row = (
        await conn.execute(
            text(
                "SELECT m.*, l.sku FROM inventory.movements m"
                " JOIN inventory.levels l ON l.variant_id = m.variant_id AND l.location = m.location"
                " WHERE m.org_id = :org AND m.id = :id"
            ),
            {"org": org_id, "id": movement_id},
        )
    ).one()
    return MovementView.model_validate(row, from_attributes=True)


async def list_alerts(
    conn: AsyncConnection, org_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[AlertView]:
    """What stands, newest first."""
    rows = await conn.execute(_ALERTS, _keyset(org_id, after, limit))
    return [AlertView.model_validate(row, from_attributes=True) for row in rows]


async def delete_alert(conn: AsyncConnection, org_id: UUID, alert_id: UUID) -> bool:
    """Dismiss an alert; whether it was there."""
    found = await conn.execute(
        text("DELETE FROM inventory.alerts WHERE org_id = :org AND id = :id RETURNING id"),
        {"org": org_id, "id": alert_id},
    )
    return found.first() is not None


def _keyset(org_id: UUID, after: tuple[datetime, UUID] | None, limit: int) -> dict[str, Any]:
    at, id = after if after is not None else (None, None)
    return {"org": org_id, "at": at, "id": id, "limit": limit}


def _level(row: Any, listings: Sequence[StoreListing]) -> LevelView:
    level = Level(
        row.org_id,
        row.id,
        row.sku,
        row.on_hand,
        row.reserved,
        row.base_listing_id,
        row.base_observed_at,
        row.base_quantity,
        row.decided_at,
    )
    return LevelView(
        sku=level.sku,
        variant_id=level.variant_id,
        location=LOCATION,
        on_hand=level.on_hand,
        reserved=level.reserved,
        available=level.available,
        channels=[
            ChannelView(
                integration_id=each.integration_id,
                listing_id=each.id,
                quantity=each.believed,
                pushed_at=each.pushed_at,
                in_sync=in_sync(each, level),
            )
            for each in listings
            if each.sellable
        ],
    )
