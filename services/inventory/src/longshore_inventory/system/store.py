"""State hashes: SHA-256 over canonical JSON of content, sorted by id, without anything of the hub's own making.

What differs between two runs over the same store records is left out: hub-side times, offsets, commands, beliefs, and
rows that only an outdated snapshot left behind (inactive listings, lines and levels without a piece).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_PRODUCTS = """
    SELECT id, external_id, parent_external_id, title, status, platform_status FROM inventory.products
    WHERE NOT deleted AND updated_at IS NOT NULL AND (CAST(:org AS uuid) IS NULL OR org_id = :org) ORDER BY id
"""

_LISTINGS = """
    SELECT id, product_id, variant_external_id, inventory_external_id, variant_id, sku, title, barcode, price, tracked
    FROM inventory.listings WHERE active AND (CAST(:org AS uuid) IS NULL OR org_id = :org) ORDER BY id
"""

_LEVELS = """
    SELECT variant_id, location, sku, on_hand, reserved FROM inventory.levels
    WHERE (on_hand <> 0 OR reserved <> 0) AND (CAST(:org AS uuid) IS NULL OR org_id = :org)
    ORDER BY variant_id, location
"""

_LINES = """
    SELECT id, order_id, variant_id, reserved, shipped, restocked, oversold FROM inventory.order_lines
    WHERE (reserved <> 0 OR shipped <> 0 OR restocked <> 0 OR oversold <> 0)
        AND (CAST(:org AS uuid) IS NULL OR org_id = :org)
    ORDER BY id
"""


async def state_hash(conn: AsyncConnection, org_id: UUID | None) -> dict[str, str]:
    """The hashes of one organisation, or of all."""
    return {
        "products": await _hash(conn, org_id, _PRODUCTS, _LISTINGS),
        "stock": await _hash(conn, org_id, _LEVELS),
        "reservations": await _hash(conn, org_id, _LINES),
    }


async def _hash(conn: AsyncConnection, org_id: UUID | None, *queries: str) -> str:
    digest = hashlib.sha256()
    for query in queries:
        rows = await conn.stream(text(query), {"org": org_id})
        async for row in rows:
            digest.update(json.dumps([_plain(value) for value in row], sort_keys=True, separators=(",", ":")).encode())
            digest.update(b"\n")
        digest.update(b"--\n")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value
