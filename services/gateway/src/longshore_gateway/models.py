"""All tables of the schema `gateway`, for its migrations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from longshore.outbox import outbox_table

SCHEMA = "gateway"

metadata = MetaData(schema=SCHEMA)

organisations = Table(
    "organisations",
    metadata,
    # An organisation's own row is scoped by its id.
    Column("org_id", Uuid, primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    # SHA-256 of the key, hex. Keys are long and random, so a fast digest is enough.
    Column("digest", Text, primary_key=True),
    Column("id", Uuid, nullable=False, server_default=func.gen_random_uuid()),
    Column("org_id", Uuid, nullable=False),
    Column("name", Text, nullable=False, server_default="bootstrap"),
    # Its first characters, for people to tell keys apart.
    Column("prefix", Text, nullable=False, server_default=""),
    # Missing: all that an owner may do, also what comes later. So are keys of the environment.
    Column("scopes", ARRAY(Text)),
    Column("created_by", Text, nullable=False, server_default=""),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    # Within a minute or so: written seldom.
    Column("last_used_at", DateTime(timezone=True)),
    # Kept, so that a key of the environment does not come back with the next start.
    Column("revoked_at", DateTime(timezone=True)),
    Index("api_keys_list", "org_id", "created_at", "id", unique=True),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Uuid, primary_key=True),
    # Missing where the record's headers did not say whose it is.
    Column("org_id", Uuid),
    Column("integration_id", Uuid),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("consumer_group", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("stack", Text, nullable=False),
    # Exactly as they were, so that a replay is exact; headers as JSON in ASCII.
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", LargeBinary, nullable=False),
    Column("failed_at", DateTime(timezone=True), nullable=False),
    Column("replayed_at", DateTime(timezone=True)),
    Index("dead_letters_list", "org_id", text("failed_at DESC"), text("id DESC")),
    Index("dead_letters_open", "org_id", postgresql_where=text("replayed_at IS NULL")),
)

outbox_table(metadata, SCHEMA)

oauth_states = Table(
    "oauth_states",
    metadata,
    # Digests of the state, of what the browser's cookie holds, and of the link that began it.
    Column("state", Text, primary_key=True),
    Column("browser", Text, nullable=False),
    Column("link", Text, unique=True),
    Column("org_id", Uuid, nullable=False),
    Column("platform", Text, nullable=False),
    Column("store_url", Text, nullable=False),
    Column("store_key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("settings", JSONB, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("integration_id", Uuid),
)

privacy_requests = Table(
    "privacy_requests",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("integration_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    # In the store's own ids; never a name or an address.
    Column("customer_external_id", Text),
    Column("order_external_ids", ARRAY(Text), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    Column("outcome", JSONB),
    Index("privacy_requests_once", "integration_id", "delivery_id", unique=True),
    Index("privacy_requests_list", "org_id", text("received_at DESC"), text("id DESC")),
    Index("privacy_requests_open", "received_at", postgresql_where=text("done_at IS NULL")),
)
