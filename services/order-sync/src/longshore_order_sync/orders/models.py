"""Tables of orders.

What a store said is written once, into `order_revisions`, as the JSON of the snapshot; `orders` is small and holds
what is filtered and sorted by, so that an update of it is cheap. What only the hub knows is laid over on reading.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from longshore_order_sync.database import metadata

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    # The newest delivery; (content_at, digest) is the key of the revision that holds its content, in all known detail.
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("raw_offset", BigInteger, nullable=False),
    Column("content_at", DateTime(timezone=True), nullable=False),
    Column("digest", Text, nullable=False),
    Column("fetched", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    # The store time for which a fetch is on its way (deliveries contradicted each other).
    Column("fetch_asked_for", DateTime(timezone=True)),
    # Counts writes: one that was computed from an older row does not get through.
    Column("row_version", Integer, nullable=False),
    # Lists are merged over an organisation's stores (see listing.py): three indexes serve every filter.
    Index("orders_placed", "integration_id", "placed_at", "id"),
    Index("orders_status", "integration_id", "status", "placed_at", "id"),
    Index("orders_updated", "integration_id", "updated_at", "id"),
    postgresql_with={"fillfactor": "85"},
)

order_revisions = Table(
    "order_revisions",
    metadata,
    Column("order_id", Uuid, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("digest", Text, nullable=False),
    Column("org_id", Uuid, nullable=False),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("raw_topic", Text, nullable=False),
    Column("raw_partition", Integer, nullable=False),
    Column("raw_offset", BigInteger, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # The snapshot's own JSON (contract OrderSnapshot).
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("order_id", "updated_at", "digest"),
)

order_facts = Table(
    "order_facts",
    metadata,
    # May be there before the order is.
    Column("order_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("deleted_at", DateTime(timezone=True), comment="observed_at of the newest tombstone"),
    Column("deleted_raw", JSONB, comment="the raw record of that tombstone"),
    Column("oversold", JSONB, comment="line id -> [pieces short, as of]"),
    Column("has_fulfillments", Boolean, nullable=False, server_default="false"),
)

order_search = Table(
    "order_search",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("terms", TSVECTOR, nullable=False),
    Index("order_search_terms", "terms", postgresql_using="gin"),
)

stores = Table(
    "stores",
    metadata,
    Column("integration_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Index("stores_org", "org_id"),
)
