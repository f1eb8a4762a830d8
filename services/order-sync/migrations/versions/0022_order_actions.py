"""What is asked of stores about orders, besides shipments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

SCHEMA = "order_sync"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "order_actions",
        sa.Column("command_id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("order_id", sa.Uuid, nullable=False),
        sa.Column(
            "action",
            sa.Text,
            nullable=False,
            comment="the type of the command",
        ),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column(
            "asked",
            JSONB,
            nullable=False,
            comment="what of it decides what may be asked next; no words of people",
        ),
        sa.Column("external_id", sa.Text, comment="the store's id of what was made"),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("request_digest", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("settled_at", moment),
        schema=SCHEMA,
    )
    op.create_index("order_actions_of_order", "order_actions", ["order_id"], schema=SCHEMA)
    op.create_index(
        "order_actions_idempotency",
        "order_actions",
        ["order_id", "action", "idempotency_key"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("idempotency_key IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("order_actions", schema=SCHEMA)
