"""Requests about buyers' and stores' data."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "gateway"


def upgrade() -> None:
    op.create_table(
        "privacy_requests",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("customer_external_id", sa.Text),
        sa.Column("order_external_ids", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", postgresql.JSONB),
        schema=SCHEMA,
    )
    op.create_index(
        "privacy_requests_once", "privacy_requests", ["integration_id", "delivery_id"], unique=True, schema=SCHEMA
    )
    op.create_index(
        "privacy_requests_list",
        "privacy_requests",
        ["org_id", sa.text("received_at DESC"), sa.text("id DESC")],
        schema=SCHEMA,
    )
    op.create_index(
        "privacy_requests_open",
        "privacy_requests",
        ["received_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("done_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("privacy_requests", schema=SCHEMA)
