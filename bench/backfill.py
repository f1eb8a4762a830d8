"""A sync run to its end, as the platform kit makes it, without Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from longshore.platforms.protocols import SyncPage, SyncRequest

SyncSteps = Callable[[SyncRequest, str | None], Awaitable[SyncPage]]
"""A client's `sync_page`."""


async def backfill(sync_page: SyncSteps, request: SyncRequest, cursor: str | None = None) -> tuple[float, int]:
    """Seconds, and entities that the run brought from `cursor` on."""
    began, read = time.perf_counter(), 0
    while True:
        page = await sync_page(request, cursor)
        read, cursor = read + page.count, page.cursor
        if cursor is None:
            return time.perf_counter() - began, read
        await asyncio.sleep(page.again_in_s)
