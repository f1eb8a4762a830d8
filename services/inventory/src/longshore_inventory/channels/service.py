"""Use cases of channels: their terms change, and with them what their stores are told."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from longshore.clock import Clock, utc_now
from longshore.contracts import IntegrationChanged, Platform
from longshore.db import transaction, unit_of_work
from longshore_inventory.channels.rules import Channel, channel_of
from longshore_inventory.database import SCHEMA
from longshore_inventory.listings.locks import share_catalogues
from longshore_inventory.metrics import InventoryMetrics
from longshore_inventory.stock.closing import close_book
from longshore_inventory.stock.linking import take_reports
from longshore_inventory.stock.rules import Mode
from longshore_inventory.stock.store import Wanted, load_book

CHUNK = 500

_SAVE = text(
    """
    INSERT INTO inventory.channels AS c (integration_id, org_id, platform, mode, buffer, deleted, changed_at)
    VALUES (:id, :org, :platform, :mode, :buffer, :deleted, :at)
    ON CONFLICT (integration_id) DO UPDATE SET mode = EXCLUDED.mode, buffer = EXCLUDED.buffer,
        deleted = EXCLUDED.deleted, changed_at = EXCLUDED.changed_at
    """
)

# unscoped: by the integration, which is one organisation's
_VARIANTS = text(
    """
    SELECT DISTINCT variant_id, org_id, sku FROM inventory.listings
    WHERE integration_id = :id AND variant_id IS NOT NULL AND variant_id > :after
    ORDER BY variant_id LIMIT :limit
    """
)


class Channels:
    """What each integration is told to do with stock."""

    def __init__(self, engine: AsyncEngine, metrics: InventoryMetrics, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._metrics = metrics
        self._clock = clock
        self._known: set[UUID] = set()

    async def apply(self, events: Iterable[IntegrationChanged]) -> None:
        """Take in changes of integrations; the latest of each counts."""
        newest: dict[UUID, IntegrationChanged] = {}
        for each in events:
            if each.integration_id not in newest or each.at >= newest[each.integration_id].at:
                newest[each.integration_id] = each
        for id in sorted(newest):
            channel = channel_of(newest[id])
            if await self._save(channel):
                await self._tell(id)

    async def _save(self, channel: Channel) -> bool:
        """Write a channel; whether its store has to be looked at. An event that comes again is taken again: the
        process may have died between this and what follows."""
        async with transaction(self._engine) as conn:
            known = await _channel(conn, channel.integration_id)
            if known is not None and known.changed_at > channel.changed_at:
                return False
            await conn.execute(
                _SAVE,
                {
                    "id": channel.integration_id,
                    "org": channel.org_id,
                    "platform": channel.platform.value,
                    "mode": channel.mode.value,
                    "buffer": channel.buffer,
                    "deleted": channel.deleted,
                    "at": channel.changed_at,
                },
            )
            return known is None or known.terms != channel.terms or known.changed_at == channel.changed_at

    async def _tell(self, integration_id: UUID) -> None:
        """Look at all listings of a store anew, some at a time."""
        after = UUID(int=0)
        while True:
            async with unit_of_work(self._engine, SCHEMA) as work:
                await share_catalogues(work.conn, [integration_id])
                rows = (
                    await work.conn.execute(_VARIANTS, {"id": integration_id, "after": after, "limit": CHUNK})
                ).all()
                if not rows:
                    return
                after = rows[-1].variant_id
                wanted = {row.variant_id: Wanted(row.org_id, row.sku) for row in rows}
                book = await load_book(work.conn, wanted, self._known)
                now = self._clock()
                theirs = [
                    each
                    for listings in book.listings.values()
                    for each in listings
                    if each.integration_id == integration_id
                ]
                await take_reports(work.conn, book, theirs, now)
                book.touched.update(each.variant_id for each in theirs)
                await close_book(work, book, now, self._metrics)


async def _channel(conn: AsyncConnection, id: UUID) -> Channel | None:
    # unscoped: by the integration, which is one organisation's
    row = (
        await conn.execute(text("SELECT * FROM inventory.channels WHERE integration_id = :id FOR UPDATE"), {"id": id})
    ).first()
    if row is None:
        return None
    return Channel(
        row.integration_id,
        row.org_id,
        Platform(row.platform),
        Mode(row.mode),
        row.buffer,
        row.deleted,
        row.changed_at,
    )
