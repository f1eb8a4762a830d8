"""The table of the audit log."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from longshore_gateway.models import metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    # `api_key:<id>`, `user:<id>`, or a word for whoever is no caller.
    Column("actor", Text, nullable=False),
    # As they were called then.
    Column("actor_name", Text, nullable=False),
    # `<what>.<done>` of the gateway's own, or the route of what was forwarded.
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    # Of the logs of that request.
    Column("trace_id", Text),
    Index("audit_log_list", "org_id", text("at DESC"), text("id DESC")),
    Index("audit_log_past", "at"),
)
