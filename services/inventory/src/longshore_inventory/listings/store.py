"""Queries of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from longshore.contracts import ProductVariant
from longshore.money import Money

_money = TypeAdapter(Money)


@dataclass(slots=True)
class ProductRow:
    """A product as this service keeps it; `rank` None when we know only that it is gone."""

    id: UUID
    org_id: UUID
    integration_id: UUID
    platform: str
    external_id: str
    parent_external_id: str | None = None
    title: str = ""
    status: str = ""
    platform_status: str = ""
    rank: tuple[datetime, datetime, int] | None = None
    digest: str = ""
    gone_at: datetime | None = None
    deleted: bool = False


@dataclass(slots=True)
class ListingRow:
    """A listing as it is to be written."""

    id: UUID
    product: ProductRow
    variant: ProductVariant
    variant_id: UUID | None
    sku: str | None
    # Whether price and `tracked` stay as they are known: the snapshot does not tell them.
    keeps_detail: bool = False


_SAVE_PRODUCTS = text(
    """
    INSERT INTO inventory.products (id, org_id, integration_id, platform, external_id, parent_external_id, title,
        status, platform_status, updated_at, observed_at, raw_offset, digest, gone_at, deleted)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:integrations AS uuid[]),
        CAST(:platforms AS text[]), CAST(:externals AS text[]), CAST(:parents AS text[]), CAST(:titles AS text[]),
        CAST(:statuses AS text[]), CAST(:words AS text[]), CAST(:updated AS timestamptz[]),
        CAST(:observed AS timestamptz[]), CAST(:offsets AS bigint[]), CAST(:digests AS text[]),
        CAST(:gone AS timestamptz[]), CAST(:deleted AS boolean[])) AS n
    ON CONFLICT (id) DO UPDATE SET parent_external_id = EXCLUDED.parent_external_id, title = EXCLUDED.title,
        status = EXCLUDED.status, platform_status = EXCLUDED.platform_status, updated_at = EXCLUDED.updated_at,
        observed_at = EXCLUDED.observed_at, raw_offset = EXCLUDED.raw_offset, digest = EXCLUDED.digest,
        gone_at = EXCLUDED.gone_at, deleted = EXCLUDED.deleted
    """
)

# unscoped: by canonical ids, each of one organisation
_SAVE_LISTINGS = text(
    """
    INSERT INTO inventory.listings (id, org_id, integration_id, platform, product_id, product_external_id,
        parent_external_id, variant_external_id, inventory_external_id, variant_id, sku, title, barcode, price, tracked,
        active)
    SELECT id, org_id, integration_id, platform, product_id, product_external_id, parent_external_id,
        variant_external_id, inventory_external_id, variant_id, sku, title, barcode,
        CASE WHEN keeps AND known THEN price_before ELSE CAST(price AS jsonb) END,
        CASE WHEN keeps AND known THEN tracked_before ELSE tracked END, true
    FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:integrations AS uuid[]), CAST(:platforms AS text[]),
        CAST(:products AS uuid[]), CAST(:product_externals AS text[]), CAST(:parents AS text[]),
        CAST(:externals AS text[]), CAST(:items AS text[]), CAST(:variants AS uuid[]), CAST(:skus AS text[]),
        CAST(:titles AS text[]), CAST(:barcodes AS text[]), CAST(:prices AS text[]), CAST(:tracked AS boolean[]),
        CAST(:keeps AS boolean[]))
        AS n (id, org_id, integration_id, platform, product_id, product_external_id, parent_external_id,
            variant_external_id, inventory_external_id, variant_id, sku, title, barcode, price, tracked, keeps)
    LEFT JOIN LATERAL (
        SELECT true AS known, b.price AS price_before, b.tracked AS tracked_before
        FROM inventory.listings b WHERE b.id = n.id
    ) AS before ON true
    ON CONFLICT (id) DO UPDATE SET product_id = EXCLUDED.product_id,
        product_external_id = EXCLUDED.product_external_id, parent_external_id = EXCLUDED.parent_external_id,
        inventory_external_id = EXCLUDED.inventory_external_id, variant_id = EXCLUDED.variant_id, sku = EXCLUDED.sku,
        title = EXCLUDED.title, barcode = EXCLUDED.barcode, price = EXCLUDED.price, tracked = EXCLUDED.tracked,
        active = true
    """
)


async def lock_products(conn: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, ProductRow]:
    """Load and lock products, in the order of their ids."""
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text("SELECT * FROM inventory.products WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE"),
        {"ids": sorted(ids)},
    )
    return {row.id: _product(row) for row in rows}


def _product(row: Any) -> ProductRow:
    return ProductRow(
        row.id,
        row.org_id,
        row.integration_id,
        row.platform,
        row.external_id,
        row.parent_external_id,
        row.title,
        row.status,
        row.platform_status,
        None if row.updated_at is None else (row.updated_at, row.observed_at, row.raw_offset),
        row.digest,
        row.gone_at,
        row.deleted,
    )


async def save_products(conn: AsyncConnection, rows: Sequence[ProductRow]) -> None:
    """Write products that are locked, or new."""
    if not rows:
        return
    await conn.execute(
        _SAVE_PRODUCTS,
        {
            "ids": [each.id for each in rows],
            "orgs": [each.org_id for each in rows],
            "integrations": [each.integration_id for each in rows],
            "platforms": [each.platform for each in rows],
            "externals": [each.external_id for each in rows],
            "parents": [each.parent_external_id for each in rows],
            "titles": [each.title for each in rows],
            "statuses": [each.status for each in rows],
            "words": [each.platform_status for each in rows],
            "updated": [each.rank and each.rank[0] for each in rows],
            "observed": [each.rank and each.rank[1] for each in rows],
            "offsets": [each.rank and each.rank[2] for each in rows],
            "digests": [each.digest for each in rows],
            "gone": [each.gone_at for each in rows],
            "deleted": [each.deleted for each in rows],
        },
    )


async def listings_of_products(
    conn: AsyncConnection, product_ids: Iterable[UUID], listing_ids: Iterable[UUID]
) -> list[tuple[UUID, UUID, UUID | None, str | None, bool]]:
    """(listing, product, variant, SKU, active) of all listings of these products, and of these listings."""
    # unscoped: by canonical ids, each of one organisation
    rows = await conn.execute(
        text(
            "SELECT id, product_id, variant_id, sku, active FROM inventory.listings"
            " WHERE product_id = ANY(CAST(:products AS uuid[])) OR id = ANY(CAST(:ids AS uuid[]))"
        ),
        {"products": sorted(product_ids), "ids": sorted(listing_ids)},
    )
    return [(row.id, row.product_id, row.variant_id, row.sku, row.active) for row in rows]


async def save_variants(conn: AsyncConnection, found: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Write catalogue variants (id, org, SKU) that are not there."""
    if found:
        await conn.execute(
            text(
                "INSERT INTO inventory.variants (id, org_id, sku)"
                " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:orgs AS uuid[]), CAST(:skus AS text[])) AS n (id)"
                " ORDER BY n.id ON CONFLICT DO NOTHING"
            ),
            {
                "ids": [each[0] for each in found],
                "orgs": [each[1] for each in found],
                "skus": [each[2] for each in found],
            },
        )


async def save_listings(conn: AsyncConnection, rows: Sequence[ListingRow]) -> None:
    """Write active listings; the caller holds the locks of their variants' levels."""
    if not rows:
        return
    rows = sorted(rows, key=lambda each: each.id)
    variants = [each.variant for each in rows]
    await conn.execute(
        _SAVE_LISTINGS,
        {
            "ids": [each.id for each in rows],
            "orgs": [each.product.org_id for each in rows],
            "integrations": [each.product.integration_id for each in rows],
            "platforms": [each.product.platform for each in rows],
            "products": [each.product.id for each in rows],
            "product_externals": [each.product.external_id for each in rows],
            "parents": [each.product.parent_external_id for each in rows],
            "externals": [each.external_id for each in variants],
            "items": [each.inventory_external_id for each in variants],
            "variants": [each.variant_id for each in rows],
            "skus": [each.sku for each in rows],
            "titles": [each.title for each in variants],
            "barcodes": [each.barcode for each in variants],
            "prices": [_price(each.price) for each in variants],
            "tracked": [each.tracked for each in variants],
            "keeps": [each.keeps_detail for each in rows],
        },
    )


def _price(price: Money | None) -> str | None:
    return None if price is None else _money.dump_json(price).decode()


async def end_listings(conn: AsyncConnection, ids: Iterable[UUID]) -> None:
    """Make listings inactive: the store does not sell them any more."""
    # unscoped: by canonical ids, each of one organisation
    await conn.execute(
        text("UPDATE inventory.listings SET active = false WHERE id = ANY(CAST(:ids AS uuid[]))"),
        {"ids": sorted(ids)},
    )
