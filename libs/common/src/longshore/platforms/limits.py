"""A store's rate limit, shared by all processes of a connector: a row for each store says how much of it is left.

A process takes more than its next call needs (a lease) and spends that without asking again, so most calls cost no
round trip; what it does not need it gives back. The row is filled by the second, as the store's own limit is, so a
process that dies with a lease takes nothing with it for long. Nobody keeps the row locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy import Column, DateTime, Float, MetaData, Table, TextClause, Uuid, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from longshore.broker.errors import describe
from longshore.platforms.protocols import Integration

log = structlog.get_logger(__name__)


def limits_table(metadata: MetaData) -> None:
    """Add the table to a connector's."""
    Table(
        "limits",
        metadata,
        Column("integration_id", Uuid, primary_key=True),
        Column("org_id", Uuid, nullable=False),
        # The store's own words, what was left at that time, and what the last lease was given.
        Column("rate", Float, nullable=False),
        Column("capacity", Float, nullable=False),
        Column("level", Float, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False),
        Column("granted", Float, nullable=False),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """`points` that a call needs, or better a whole `lease`, and `kept` that are left for what is more urgent.

    `rate` per second and `capacity` are the store's, or a guess (`told` false) that counts where nobody knows better.
    `available`: no more is there, says the store. `back`: points of earlier leases that are not needed; less than none
    if calls have cost more than was thought.
    """

    points: float
    lease: float
    kept: float
    rate: float
    capacity: float
    told: bool = True
    available: float | None = None
    back: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """`points` that may be spent, at least as many as were needed; or none, for only `left` are there. With the store's
    rate and capacity, as far as anybody knows."""

    points: float
    left: float
    rate: float
    capacity: float


class SharedLimit(Protocol):
    """What all processes together may spend at one store."""

    async def take(self, wanted: Wanted) -> Lease | None:
        """A lease; None where nobody can be asked, and each paces itself by what the store says."""


class StoreLimits:
    """The limits of all stores of a connector. `use` gives it its database when the service is wired."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._engine: AsyncEngine | None = None

    def use(self, engine: AsyncEngine) -> None:
        """From now on limits are shared through this database."""
        self._engine = engine

    def of(self, integration: Integration) -> SharedLimit:
        """The limit of one store."""
        return _OfStore(self, integration.id, integration.org_id)

    async def take(self, id: UUID, org_id: UUID, wanted: Wanted) -> Lease | None:
        """See SharedLimit."""
        if self._engine is None:
            return None
        values = {
            "id": id,
            "org": org_id,
            "points": wanted.points,
            "lease": max(wanted.lease, wanted.points),
            "kept": wanted.kept,
            "rate": wanted.rate,
            "capacity": wanted.capacity,
            "told": wanted.told,
            "available": wanted.available,
            "back": wanted.back,
        }
        try:
            async with self._engine.begin() as conn:
                row = (await conn.execute(self._take(), values)).one_or_none()
                if row is None:
                    await conn.execute(self._begin(), values)
                    row = (await conn.execute(self._take(), values)).one()
        except (SQLAlchemyError, OSError) as error:
            log.warning("a store's limit cannot be shared now", error=describe(error), integration_id=str(id))
            return None
        return Lease(row.granted, row.level, row.rate, row.capacity)

    def _take(self) -> TextClause:
        rate, capacity = (
            f"(CASE WHEN CAST(:told AS boolean) THEN CAST(:{name} AS float8) ELSE {name} END)"
            for name in ("rate", "capacity")
        )
        # As of now, whoever had the row before: an update sees what the last one wrote.
        left = (
            f"LEAST({capacity}, CAST(:available AS float8), level + CAST(:back AS float8)"
            f" + {rate} * GREATEST(0, extract(epoch FROM clock_timestamp() - at)))"
        )
        free = f"({left} - CAST(:kept AS float8))"
        granted = f"CASE WHEN {free} >= CAST(:points AS float8) THEN LEAST({free}, CAST(:lease AS float8)) ELSE 0 END"
        return text(
            f"UPDATE {self._schema}.limits SET level = {left} - {granted}, granted = {granted},"  # noqa: S608
            f" rate = {rate}, capacity = {capacity}, at = clock_timestamp()"
            " WHERE integration_id = :id AND org_id = :org RETURNING granted, level, rate, capacity"
        )

    def _begin(self) -> TextClause:
        return text(
            f"INSERT INTO {self._schema}.limits (integration_id, org_id, rate, capacity, level, at, granted)"  # noqa: S608
            " VALUES (:id, :org, CAST(:rate AS float8), CAST(:capacity AS float8),"
            " LEAST(CAST(:capacity AS float8), CAST(:available AS float8)), clock_timestamp(), 0)"
            " ON CONFLICT DO NOTHING"
        )


@dataclass(frozen=True, slots=True)
class _OfStore:
    limits: StoreLimits
    id: UUID
    org_id: UUID

    async def take(self, wanted: Wanted) -> Lease | None:
        return await self.limits.take(self.id, self.org_id, wanted)
