"""Whether an item is still stocked where a store has reported it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "inventory"


def upgrade() -> None:
    op.add_column(
        "reports", sa.Column("stocked", sa.Boolean, nullable=False, server_default=sa.text("true")), schema=SCHEMA
    )


def downgrade() -> None:
    op.drop_column("reports", "stocked", schema=SCHEMA)
