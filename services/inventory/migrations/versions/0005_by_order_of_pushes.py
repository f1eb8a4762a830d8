"""What stores have is believed by the order of our pushes, not by their clocks; a belief that a store has refuted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SCHEMA = "inventory"


def upgrade() -> None:
    op.add_column(
        "store_levels", sa.Column("sold", sa.BigInteger, nullable=False, server_default=sa.text("0")), schema=SCHEMA
    )
    op.add_column("store_levels", sa.Column("anchored_at", sa.DateTime(timezone=True)), schema=SCHEMA)
    op.add_column("store_levels", sa.Column("refuted", sa.BigInteger), schema=SCHEMA)
    op.add_column("commands", sa.Column("sold", sa.BigInteger), schema=SCHEMA)


def downgrade() -> None:
    op.drop_column("commands", "sold", schema=SCHEMA)
    op.drop_column("store_levels", "refuted", schema=SCHEMA)
    op.drop_column("store_levels", "anchored_at", schema=SCHEMA)
    op.drop_column("store_levels", "sold", schema=SCHEMA)
