"""Table of sync runs."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_order_sync.database import metadata

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    # A run that reads what this other one could not.
    Column("items_of", Uuid),
    Column("status", Text, nullable=False),
    Column("progress", JSONB, nullable=False),
    Column("failed_items", JSONB, nullable=False),
    Column("error", JSONB),
    # The connector's count of what it has told of the run; 0: nothing yet.
    Column("sequence", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("finished_at", DateTime(timezone=True)),
    Index("sync_runs_listed", "integration_id", "created_at", "id"),
    Index("sync_runs_open", "integration_id", "resource", postgresql_where=text("finished_at IS NULL")),
    Index("sync_runs_by_age", "finished_at"),
)
