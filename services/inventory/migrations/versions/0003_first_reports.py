"""Where in the raw log a store's first report is: what came before it is told by that, not by a clock."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "inventory"


def upgrade() -> None:
    op.add_column("reports", sa.Column("first_partition", sa.Integer), schema=SCHEMA)
    op.add_column("reports", sa.Column("first_offset", sa.BigInteger), schema=SCHEMA)


def downgrade() -> None:
    op.drop_column("reports", "first_offset", schema=SCHEMA)
    op.drop_column("reports", "first_partition", schema=SCHEMA)
