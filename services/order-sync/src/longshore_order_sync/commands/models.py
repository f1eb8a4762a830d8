"""Table of the commands that this service has sent to stores."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from longshore_order_sync.database import metadata

commands = Table(
    "commands",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("type", Text, nullable=False),
    Column("order_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
    Index("commands_listed", "org_id", "created_at", "id"),
    Index("commands_of_order", "order_id"),
)
