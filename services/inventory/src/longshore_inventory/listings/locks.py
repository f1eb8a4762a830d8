"""The lock between a store's catalogue and what refers to it.

An order line without SKU, and a report, find their variant by the listing; a listing finds those that came before it.
Were both written at the same time, neither would see the other. So whoever looks for listings shares the lock of the
integration, and whoever makes them owns it. Taken before the locks of levels, always.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEYS = """(SELECT DISTINCT hashtextextended('inventory.catalogue:' || id, 0) AS key
    FROM unnest(CAST(:ids AS text[])) AS id ORDER BY key) AS keys"""

_SHARE = text(f"SELECT pg_advisory_xact_lock_shared(key) FROM {_KEYS}")  # noqa: S608  (our own constant)
_OWN = text(f"SELECT pg_advisory_xact_lock(key) FROM {_KEYS}")  # noqa: S608


async def share_catalogues(conn: AsyncConnection, integration_ids: Iterable[UUID]) -> None:
    """Until the transaction ends, no listing of these integrations is made or changed by another."""
    await conn.execute(_SHARE, {"ids": [str(id) for id in integration_ids]})


async def own_catalogues(conn: AsyncConnection, integration_ids: Iterable[UUID]) -> None:
    """Until the transaction ends, nobody else looks for listings of these integrations, or makes any."""
    await conn.execute(_OWN, {"ids": [str(id) for id in integration_ids]})
