"""Orders with their revisions, facts and search terms; customers; fulfilments and commands; the outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "order_sync"
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_orders()
    create_what_is_known_besides()
    create_customers()
    create_fulfillments()
    create_outbox()
    use_lz4()


def create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("placed_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("observed_at", Moment, nullable=False),
        sa.Column("raw_offset", sa.BigInteger, nullable=False),
        sa.Column("content_at", Moment, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("fetched", sa.Boolean, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("fetch_asked_for", Moment),
        sa.Column("row_version", sa.Integer, nullable=False),
        schema=SCHEMA,
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index("orders_placed", "orders", ["integration_id", "placed_at", "id"], schema=SCHEMA)
    op.create_index("orders_status", "orders", ["integration_id", "status", "placed_at", "id"], schema=SCHEMA)
    op.create_index("orders_updated", "orders", ["integration_id", "updated_at", "id"], schema=SCHEMA)
    op.create_table(
        "order_revisions",
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("observed_at", Moment, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("raw_topic", sa.Text, nullable=False),
        sa.Column("raw_partition", sa.Integer, nullable=False),
        sa.Column("raw_offset", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", Moment, nullable=False, server_default=sa.func.now()),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "updated_at", "digest"),
        schema=SCHEMA,
    )


def create_what_is_known_besides() -> None:
    op.create_table(
        "order_facts",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("deleted_at", Moment, comment="observed_at of the newest tombstone"),
        sa.Column("deleted_raw", JSONB, comment="the raw record of that tombstone"),
        sa.Column("oversold", JSONB, comment="line id -> [pieces short, as of]"),
        sa.Column("has_fulfillments", sa.Boolean, nullable=False, server_default="false"),
        schema=SCHEMA,
    )
    op.create_table(
        "order_search",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("terms", TSVECTOR, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("order_search_terms", "order_search", ["terms"], schema=SCHEMA, postgresql_using="gin")
    op.create_table(
        "stores",
        sa.Column("integration_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("stores_org", "stores", ["org_id"], schema=SCHEMA)


def create_customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("external_id", sa.Text, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("observed_at", Moment, nullable=False),
        sa.Column("raw_offset", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        schema=SCHEMA,
        postgresql_with={"fillfactor": "85"},
    )
    op.create_index("customers_updated", "customers", ["org_id", "updated_at", "id"], schema=SCHEMA)


def create_fulfillments() -> None:
    op.create_table(
        "fulfillments",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("command_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("lines", JSONB, nullable=False, comment="line id -> pieces"),
        sa.Column("tracking", JSONB),
        sa.Column("notify_customer", sa.Boolean, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_digest", sa.Text, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("settled_at", Moment),
        schema=SCHEMA,
    )
    op.create_index("fulfillments_of_order", "fulfillments", ["order_id"], schema=SCHEMA)
    op.create_index(
        "fulfillments_idempotency",
        "fulfillments",
        ["order_id", "idempotency_key"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )
    op.create_table(
        "commands",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", JSONB),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("finished_at", Moment),
        schema=SCHEMA,
    )
    op.create_index("commands_listed", "commands", ["org_id", "created_at", "id"], schema=SCHEMA)
    op.create_index("commands_of_order", "commands", ["order_id"], schema=SCHEMA)


def create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("org_id", sa.Uuid, comment="the organisation of the message, from its headers"),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("created_at", Moment, nullable=False, server_default=sa.func.now()),
        schema=SCHEMA,
        postgresql_with={"autovacuum_vacuum_scale_factor": "0.0", "autovacuum_vacuum_threshold": "5000"},
    )


def use_lz4() -> None:
    """Where the server was built with it: several times cheaper than its own compression, on every order written."""
    offered = sa.text("SELECT 'lz4' = ANY(enumvals) FROM pg_settings WHERE name = 'default_toast_compression'")
    if op.get_bind().execute(offered).scalar():
        for table in ("order_revisions", "customers"):
            op.execute(f"ALTER TABLE {SCHEMA}.{table} ALTER COLUMN body SET COMPRESSION lz4")


def downgrade() -> None:
    for table in (
        "outbox",
        "commands",
        "fulfillments",
        "customers",
        "stores",
        "order_search",
        "order_facts",
        "order_revisions",
        "orders",
    ):
        op.drop_table(table, schema=SCHEMA)
