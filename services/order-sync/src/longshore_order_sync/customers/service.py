"""Applying what stores say of their customers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import ids
from longshore.contracts import CustomerSnapshot
from longshore_order_sync.customers.rules import newest_of_each
from longshore_order_sync.customers.store import upsert_customers


class ApplyCustomers:
    """Keeps the newest snapshot of each customer. Safe to repeat, in any order."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def apply(self, snapshots: Sequence[tuple[CustomerSnapshot, bytes]]) -> None:
        """One transaction for all."""
        rows = sorted(
            ((customer_id(snapshot), snapshot, body) for snapshot, body in newest_of_each(snapshots)),
            key=lambda row: row[0],
        )
        if rows:
            async with self._engine.begin() as conn:
                await upsert_customers(conn, rows)


def customer_id(snapshot: CustomerSnapshot) -> UUID:
    """The canonical id of a customer."""
    return ids.entity_id(ids.IntegrationId(snapshot.integration_id), "customer", snapshot.external_id)
