"""Whether an item is still stocked where a store has reported it; whether reports were read; stores that are asked."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "inventory"


def upgrade() -> None:
    for table, name, default in (
        ("reports", "stocked", "true"),
        ("reports", "fetched", "false"),
        ("store_levels", "fetched", "false"),
    ):
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.text(default))
        op.add_column(table, column, schema=SCHEMA)
    op.add_column("store_levels", sa.Column("asked_at", sa.DateTime(timezone=True)), schema=SCHEMA)


def downgrade() -> None:
    op.drop_column("store_levels", "asked_at", schema=SCHEMA)
    op.drop_column("store_levels", "fetched", schema=SCHEMA)
    op.drop_column("reports", "fetched", schema=SCHEMA)
    op.drop_column("reports", "stocked", schema=SCHEMA)
