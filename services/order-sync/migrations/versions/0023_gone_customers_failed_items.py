"""Which customers are gone from their stores; runs of failed items; all parcels of a fulfilment."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

SCHEMA = "order_sync"


def upgrade() -> None:
    op.create_table(
        "gone_customers",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.add_column("sync_runs", sa.Column("items_of", sa.Uuid), schema=SCHEMA)
    op.add_column(
        "fulfillments",
        sa.Column("more_external_ids", JSONB, nullable=False, server_default="[]", comment="of its other parcels"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_column("fulfillments", "more_external_ids", schema=SCHEMA)
    op.drop_column("sync_runs", "items_of", schema=SCHEMA)
    op.drop_table("gone_customers", schema=SCHEMA)
