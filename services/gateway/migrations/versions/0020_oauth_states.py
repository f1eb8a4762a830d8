"""Flows of connecting a store by consent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "gateway"


def upgrade() -> None:
    op.create_table(
        "oauth_states",
        sa.Column("state", sa.Text, primary_key=True),
        sa.Column("browser", sa.Text, nullable=False),
        sa.Column("link", sa.Text, unique=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("store_url", sa.Text, nullable=False),
        sa.Column("store_key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("settings", postgresql.JSONB, nullable=False),
        sa.Column("restarts", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("integration_id", sa.Uuid),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("oauth_states", schema=SCHEMA)
