"""Sync runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

SCHEMA = "order_sync"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "sync_runs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        sa.Column("integration_id", sa.Uuid, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("progress", JSONB, nullable=False),
        sa.Column("failed_items", JSONB, nullable=False),
        sa.Column("error", JSONB),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment),
        sa.Column("finished_at", moment),
        schema=SCHEMA,
    )
    op.create_index("sync_runs_listed", "sync_runs", ["integration_id", "created_at", "id"], schema=SCHEMA)
    op.create_index(
        "sync_runs_open",
        "sync_runs",
        ["integration_id", "resource"],
        schema=SCHEMA,
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_index("sync_runs_by_age", "sync_runs", ["finished_at"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_table("sync_runs", schema=SCHEMA)
