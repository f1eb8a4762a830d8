"""Table of what was asked of stores about orders, besides shipments."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_order_sync.database import metadata

order_actions = Table(
    "order_actions",
    metadata,
    Column("command_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("action", Text, nullable=False, comment="the type of the command"),
    Column("status", Text, nullable=False),
    Column("asked", JSONB, nullable=False, comment="what of it decides what may be asked next; no words of people"),
    Column("external_id", Text, comment="the store's id of what was made"),
    Column("idempotency_key", Text),
    Column("request_digest", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    Index("order_actions_of_order", "order_id"),
    Index(
        "order_actions_idempotency",
        "order_id",
        "action",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)
