"""Since when a listing's newest quantity waits for the answer to the push before it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SCHEMA = "inventory"


def upgrade() -> None:
    op.add_column("store_levels", sa.Column("waiting_since", sa.DateTime(timezone=True)), schema=SCHEMA)
    op.create_index(
        "store_levels_waiting",
        "store_levels",
        ["waiting_since"],
        schema=SCHEMA,
        postgresql_where=sa.text("waiting_since IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("store_levels_waiting", "store_levels", schema=SCHEMA)
    op.drop_column("store_levels", "waiting_since", schema=SCHEMA)
