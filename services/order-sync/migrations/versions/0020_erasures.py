"""Erasures of buyers' and stores' data."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "order_sync"


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("orders", sa.Integer, nullable=False),
        sa.Column("revisions", sa.Integer, nullable=False),
        sa.Column("customers", sa.Integer, nullable=False),
        schema=SCHEMA,
    )
    op.create_index(
        "erasures_open",
        "erasures",
        ["requested_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "erased_orders",
        sa.Column("order_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("erasure_id", sa.Uuid, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "erased_customers",
        sa.Column("customer_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("erasure_id", sa.Uuid, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "erased_stores",
        sa.Column("integration_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("erasure_id", sa.Uuid, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )


def downgrade() -> None:
    for name in ("erased_stores", "erased_customers", "erased_orders", "erasures"):
        op.drop_table(name, schema=SCHEMA)
