"""Tables of people."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, ForeignKey, Index, Integer, Table, Text, Uuid

from longshore_gateway.models import SCHEMA, metadata

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    # In small letters, one person of all organisations: a login names nothing else.
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    # argon2id; missing until the invitation is accepted.
    Column("password_hash", Text),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("disabled_at", DateTime(timezone=True)),
    Column("last_login_at", DateTime(timezone=True)),
    Index("users_list", "org_id", "created_at", "id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("user_id", Uuid, ForeignKey(f"{SCHEMA}.users.id"), nullable=False, unique=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

# A login, and all that follows from its refresh tokens: what others call a family.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("user_id", Uuid, ForeignKey(f"{SCHEMA}.users.id"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Index("sessions_of_user", "user_id"),
    Index("sessions_past", "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("session_id", Uuid, ForeignKey(f"{SCHEMA}.sessions.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # Kept when it is used: whoever shows it again has a copy that they should not have.
    Column("used_at", DateTime(timezone=True)),
    Index("refresh_tokens_of_session", "session_id"),
)

# Before anybody is known: an account or an address, as a digest.
login_attempts = Table(
    "login_attempts",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
)
