"""Table of the fulfilments that were asked for through Longshore."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_order_sync.database import metadata

fulfillments = Table(
    "fulfillments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("command_id", Uuid, nullable=False, unique=True),
    Column("status", Text, nullable=False),
    Column("lines", JSONB, nullable=False, comment="line id -> pieces"),
    Column("tracking", JSONB),
    Column("notify_customer", Boolean, nullable=False),
    Column("external_id", Text),
    Column("more_external_ids", JSONB, nullable=False, server_default="[]", comment="of its other parcels"),
    Column("idempotency_key", Text),
    Column("request_digest", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    Index("fulfillments_of_order", "order_id"),
    Index(
        "fulfillments_idempotency",
        "order_id",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)
