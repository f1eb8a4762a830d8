"""The table of requests that may be repeated."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, LargeBinary, Table, Text, Uuid

from longshore_gateway.models import metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("org_id", Uuid, primary_key=True),
    # A key is good for whoever has sent it: nobody is shown what another was answered.
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    # A keyed digest of method, address and body: bodies hold credentials.
    Column("request", Text, nullable=False),
    # Which attempt is under way, and until when nobody else may begin another.
    Column("claim", Uuid, nullable=False),
    Column("claimed_until", DateTime(timezone=True), nullable=False),
    # Sealed: a new API key may be in it. Missing while it is under way.
    Column("answer", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("idempotency_keys_past", "created_at"),
)
