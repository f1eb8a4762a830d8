"""Tables of what orders hold of the stock: no buyers' data. The rest of an order is order-sync's."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from longshore_inventory.database import metadata

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("external_id", Text, nullable=False),
    # The version of the newest snapshot; null while only a fulfilment or a deletion is known.
    Column("updated_at", DateTime(timezone=True)),
    Column("observed_at", DateTime(timezone=True)),
    Column("raw_offset", BigInteger),
    Column("digest", Text, nullable=False),
    Column("gone_at", DateTime(timezone=True)),
    Column("claim", Text, nullable=False),
    Column("placed_at", DateTime(timezone=True)),
    Column("cancelled_at", DateTime(timezone=True)),
    # The store's ids of fulfilments that it has called off.
    Column("void_fulfillments", ARRAY(Text), nullable=False),
    # What only some snapshots of a content tell, by digest without detail: [updated at, digest, {line: refunded}].
    Column("details", JSONB),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("variant_id", Uuid),
    Column("variant_external_id", Text),
    Column("sku", Text),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    # As the newest snapshot has them.
    Column("quantity", Integer, nullable=False),
    Column("fulfilled", Integer, nullable=False),
    Column("refunded", Integer, nullable=False),
    Column("returned", Integer, nullable=False),
    # Pieces out of the store's own stock, where the store says so.
    Column("taken", Integer),
    # What the line holds of the stock, from those figures.
    Column("reserved", Integer, nullable=False),
    Column("shipped", Integer, nullable=False),
    Column("restocked", Integer, nullable=False),
    Column("opening", Integer, nullable=False),
    Column("moves", Integer, nullable=False),
    Column("oversold", Integer, nullable=False),
    Index("order_lines_sold", "variant_id", "integration_id", "placed_at"),
    Index("order_lines_open", "variant_id", "placed_at", postgresql_where=text("reserved > 0 OR oversold > 0")),
    Index("order_lines_without_sku", "integration_id", "variant_external_id", postgresql_where=text("sku IS NULL")),
)

fulfillments = Table(
    "fulfillments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("order_id", Uuid, nullable=False),
    # Pieces per line id, once the request is known; whether the store took it, once that is.
    Column("lines", JSONB),
    Column("succeeded", Boolean),
    Column("external_id", Text),
    Index("fulfillments_of_order", "order_id"),
)
