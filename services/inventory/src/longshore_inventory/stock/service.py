"""Use cases of the ledger that people start: adjustments, and what the API shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.db import unit_of_work
from longshore.idempotency import key_reused
from longshore.ids import OrgId, uuid5, uuid7
from longshore.problems import Problem, not_found
from longshore_inventory.database import SCHEMA
from longshore_inventory.listings.rules import VariantIds, clean_sku
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.stock.book import Movement
from longshore_inventory.stock.closing import close_book
from longshore_inventory.stock.rules import LOCATION
from longshore_inventory.stock.store import Wanted, load_book


@dataclass(frozen=True, slots=True)
class Adjustment:
    """On-hand of a SKU is to change by `delta`, or to become `to`: one of the two, in pieces."""

    sku: str
    location: str
    delta: int | None
    to: int | None
    reason: str

    def as_json(self) -> str:
        """To compare a repeated request by."""
        fields = {"sku": self.sku, "location": self.location, "delta": self.delta, "set": self.to}
        return json.dumps(fields | {"reason": self.reason}, sort_keys=True)


class Ledger:
    """Adjustments."""

    def __init__(
        self, engine: AsyncEngine, metrics: InventoryMetrics, variant_ids: VariantIds, clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._variant_ids = variant_ids
        self._clock = clock
        self._known: set[UUID] = set()

    async def adjust(self, org_id: OrgId, asked: Adjustment, idempotency_key: str | None = None) -> UUID:
        """Make an adjustment; answers its movement's id. The same key again answers the first one's.

        Raises problems: 404 for an unknown SKU, 422 for another location than the one pool, 422 for a key that was
        used for something else.
        """
        sku = clean_sku(asked.sku)
        if asked.location != LOCATION:
            raise Problem(422, f"There is one location for now: {LOCATION}.", type="unknown-location")
        variant_id = None if sku is None else self._variant_ids.of(org_id, sku)
        async with unit_of_work(self._engine, SCHEMA) as work:
            if sku is None or variant_id is None or not await _variant_exists(work.conn, org_id, variant_id):
                raise not_found(f"SKU {asked.sku!r}")
            book = await load_book(work.conn, {variant_id: Wanted(org_id, sku)}, self._known)
            # After the lock: of two requests with one key the second sees the first's movement.
            id = uuid7() if idempotency_key is None else uuid5(org_id, f"adjustment:{idempotency_key}")
            before = await _movement(work.conn, org_id, id)
            if before is not None:
                if before[1] != json.loads(asked.as_json()):
                    raise key_reused("another adjustment")
                return before[0]
            now = self._clock()
            delta = asked.delta if asked.delta is not None else (asked.to or 0) - book.levels[variant_id].on_hand
            source = "api" if idempotency_key is None else f"api:{idempotency_key}"
            movement = book.adjust(variant_id, delta, id=id, source=source, reason=asked.reason, at=now)
            await close_book(work, book, now, self._metrics, decisions=[movement])
            await _remember_request(work.conn, movement, asked)
            return movement.id


async def _variant_exists(conn: AsyncConnection, org_id: UUID, variant_id: UUID) -> bool:
    query = text("SELECT true FROM inventory.variants WHERE id = :id AND org_id = :org")
    return await conn.scalar(query, {"id": variant_id, "org": org_id}) is True


async def _movement(conn: AsyncConnection, org_id: UUID, id: UUID) -> tuple[UUID, object] | None:
    row = (
        await conn.execute(
            text("SELECT id, request FROM inventory.movements WHERE org_id = :org AND id = :id"),
            {"org": org_id, "id": id},
        )
    ).first()
    if row is None:
        return None
    return row.id, json.loads(row.request) if isinstance(row.request, str) else row.request


async def _remember_request(conn: AsyncConnection, movement: Movement, asked: Adjustment) -> None:
    # unscoped: the movement that this transaction has made
    await conn.execute(
        text("UPDATE inventory.movements SET request = CAST(:request AS jsonb) WHERE id = :id"),
        {"request": asked.as_json(), "id": movement.id},
    )
