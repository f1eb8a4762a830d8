"""The one shared table: the gateway writes it, connectors read it and record how connections fare."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Integer, LargeBinary, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "vault"
CHANNEL = "longshore_vault"

metadata = MetaData(schema=SCHEMA)

integrations = Table(
    "integrations",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("store_url", Text, nullable=False),
    # The store's address in one spelling: a Shopify domain, or host and path of a WooCommerce store.
    Column("store_key", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_reason", Text),
    Column("settings", JSONB, nullable=False),
    # Sealed (see crypto.py); gone once the integration is deleted.
    Column("credentials", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("deleted_at", DateTime(timezone=True)),
    Index("integrations_store", "org_id", "platform", "store_key", unique=True),
    Index("integrations_by_store", "platform", "store_key"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("integration_id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    # Access and refresh token, sealed together: they are never apart.
    Column("sealed", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("refresh_expires_at", DateTime(timezone=True)),
    Column("attempted_at", DateTime(timezone=True)),
    Column("refused_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
