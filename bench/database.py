"""A plain connection to the hub's PostgreSQL, to look from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg


def plain(url: str) -> str:
    """An address as asyncpg wants it: without SQLAlchemy's name of the driver."""
    return url.replace("+asyncpg", "", 1)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection for the block."""
    conn = await asyncpg.connect(plain(url))
    try:
        yield conn
    finally:
        await conn.close()
