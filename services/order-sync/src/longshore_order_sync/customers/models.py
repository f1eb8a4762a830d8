"""Tables of customers: the newest snapshot of each, and which are gone."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, Uuid

from longshore_order_sync.database import metadata

customers = Table(
    "customers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("raw_offset", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    # The snapshot's own JSON (contract CustomerSnapshot).
    Column("body", Text, nullable=False),
    Index("customers_updated", "org_id", "updated_at", "id"),
    postgresql_with={"fillfactor": "85"},
)

# Kept without end, or a late delivery would bring its customer back; an id and a time, nothing of the person.
gone_customers = Table(
    "gone_customers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("gone_at", DateTime(timezone=True), nullable=False),
)
