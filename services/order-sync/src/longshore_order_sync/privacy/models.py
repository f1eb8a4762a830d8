"""Tables of erasures: the record that one was done, and what must not come back from the log."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, text

from longshore_order_sync.database import metadata

erasures = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    # buyer, store
    Column("scope", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    # How much was erased so far.
    Column("orders", Integer, nullable=False),
    Column("revisions", Integer, nullable=False),
    Column("customers", Integer, nullable=False),
    Index("erasures_open", "requested_at", postgresql_where=text("finished_at IS NULL")),
)

erased_orders = Table(
    "erased_orders",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("erasure_id", Uuid, nullable=False),
)

erased_customers = Table(
    "erased_customers",
    metadata,
    Column("customer_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("erasure_id", Uuid, nullable=False),
)

erased_stores = Table(
    "erased_stores",
    metadata,
    Column("integration_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("erasure_id", Uuid, nullable=False),
    # What was observed until then is gone; a store that is connected again begins anew.
    Column("erased_at", DateTime(timezone=True), nullable=False),
)
