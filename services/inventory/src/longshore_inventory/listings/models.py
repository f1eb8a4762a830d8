"""Tables of the catalogue: products as stores have them, our variants (one per SKU), and the listings between them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_inventory.database import metadata

products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("parent_external_id", Text),
    Column("title", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("platform_status", Text, nullable=False),
    # The version of the newest snapshot; null for a product of which we know only that it is gone.
    Column("updated_at", DateTime(timezone=True)),
    Column("observed_at", DateTime(timezone=True)),
    Column("raw_offset", BigInteger),
    Column("digest", Text, nullable=False),
    # When the store last said that the product is gone; it is, unless a snapshot was observed later.
    Column("gone_at", DateTime(timezone=True)),
    Column("deleted", Boolean, nullable=False),
    Index("products_listed", "org_id", "id"),
)

variants = Table(
    "variants",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("sku", Text, nullable=False),
    Index("variants_by_sku", "org_id", "sku", unique=True),
)

listings = Table(
    "listings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column("product_id", Uuid, nullable=False),
    Column("product_external_id", Text, nullable=False),
    Column("parent_external_id", Text),
    Column("variant_external_id", Text, nullable=False),
    Column("inventory_external_id", Text, nullable=False),
    # Null for a variant without SKU: listed, but its stock is not kept.
    Column("variant_id", Uuid),
    Column("sku", Text),
    Column("title", Text, nullable=False),
    Column("barcode", Text),
    Column("price", JSONB),
    Column("tracked", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    Index("listings_of_variant", "variant_id", postgresql_where=text("variant_id IS NOT NULL")),
    Index("listings_of_product", "product_id"),
    Index("listings_by_inventory", "integration_id", "inventory_external_id"),
    Index("listings_listed", "org_id", "id"),
)
