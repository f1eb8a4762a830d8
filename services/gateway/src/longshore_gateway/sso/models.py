"""Tables of single sign-on."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, Table, Text, Uuid

from longshore_gateway.models import SCHEMA, metadata

# Logins that have begun, before anybody is known: digests of the state and of what the browser's cookie holds.
oidc_flows = Table(
    "oidc_flows",
    metadata,
    Column("state", Text, primary_key=True),
    Column("browser", Text, nullable=False),
    Column("return_to", Text),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    # Kept when it is used, so that it is not used again.
    Column("used_at", DateTime(timezone=True)),
    Index("oidc_flows_past", "expires_at"),
)

# Who somebody is at the provider. An address may be given to another person there; a subject never is.
oidc_identities = Table(
    "oidc_identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("user_id", Uuid, ForeignKey(f"{SCHEMA}.users.id"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Index("oidc_identities_of_user", "user_id", "issuer", unique=True),
)
