"""Table of what stores were asked about their products, besides stock."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_inventory.database import metadata

product_commands = Table(
    "product_commands",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    # The product, or the listing, that it is about.
    Column("subject_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", JSONB),
    Column("idempotency_key", Text),
    Column("request_digest", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Index("product_commands_listed", "org_id", "created_at", "id"),
    Index(
        "product_commands_idempotency",
        "subject_id",
        "type",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)
