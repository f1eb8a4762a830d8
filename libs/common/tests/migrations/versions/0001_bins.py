"""A first migration, slow enough for two processes to meet in it."""

import sqlalchemy as sa
from alembic import op

from longshore.outbox import outbox_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute("SELECT pg_sleep(0.1)")
    op.create_table(
        "bins",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("org_id", sa.Uuid, nullable=False),
        schema="warehouse",
    )
    outbox_table(sa.MetaData(), "warehouse").create(op.get_bind())
