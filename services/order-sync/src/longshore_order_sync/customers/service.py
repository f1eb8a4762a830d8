"""Applying what stores say of their customers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from longshore import ids
from longshore.contracts import CustomerDeleted, CustomerSnapshot
from longshore_order_sync.customers.rules import newest_of_each, outlives
from longshore_order_sync.customers.store import Gone, drop_customers, gone_among, upsert_customers
from longshore_order_sync.privacy.rules import Erased, without_person
from longshore_order_sync.privacy.store import erased_among_customers


class ApplyCustomers:
    """Keeps the newest snapshot of each customer. Safe to repeat, in any order."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def apply(
        self, snapshots: Sequence[tuple[CustomerSnapshot, bytes]], deleted: Sequence[CustomerDeleted] = ()
    ) -> None:
        """One transaction for all."""
        if not snapshots and not deleted:
            return
        async with self._engine.begin() as conn:
            await drop_customers(conn, [Gone(customer_id(each), each) for each in deleted])
            gone = await gone_among(conn, {customer_id(each) for each, _ in snapshots})
            there = [each for each in snapshots if outlives(each[0], gone.get(customer_id(each[0])))]
            rows = sorted(
                ((customer_id(snapshot), snapshot, body) for snapshot, body in newest_of_each(there)),
                key=lambda row: row[0],
            )
            if not rows:
                return
            stores = {each.integration_id for _, each, _ in rows}
            erased = await erased_among_customers(conn, [row[0] for row in rows], stores)
            if left := [_without_erased(row, erased) for row in rows if not _is_gone(row[1], erased)]:
                await upsert_customers(conn, left)


Row = tuple[UUID, CustomerSnapshot, bytes]


def _is_gone(snapshot: CustomerSnapshot, erased: Erased) -> bool:
    return erased.is_gone(snapshot.integration_id, snapshot.version.observed_at)


def _without_erased(row: Row, erased: Erased) -> Row:
    if row[0] not in erased.entities:
        return row
    scrubbed = without_person(row[1])
    return row[0], scrubbed, scrubbed.to_json()


def customer_id(customer: CustomerSnapshot | CustomerDeleted) -> UUID:
    """The canonical id of a customer."""
    return ids.entity_id(ids.IntegrationId(customer.integration_id), "customer", customer.external_id)
