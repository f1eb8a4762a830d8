"""Table of channels: what each integration is told to do with stock."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Integer, Table, Text, Uuid

from longshore_inventory.database import metadata

channels = Table(
    "channels",
    metadata,
    Column("integration_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("buffer", Integer, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
)
