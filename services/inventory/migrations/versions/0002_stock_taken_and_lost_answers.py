"""What stores say they have taken per line; pushes whose answer was lost; an index to prune old pushes by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "inventory"


def upgrade() -> None:
    op.add_column("order_lines", sa.Column("taken", sa.Integer), schema=SCHEMA)
    op.add_column(
        "commands",
        sa.Column("answer_lost", sa.Boolean, nullable=False, server_default=sa.text("false")),
        schema=SCHEMA,
    )
    op.create_index("commands_by_age", "commands", ["created_at"], schema=SCHEMA, postgresql_using="brin")


def downgrade() -> None:
    op.drop_index("commands_by_age", "commands", schema=SCHEMA)
    op.drop_column("commands", "answer_lost", schema=SCHEMA)
    op.drop_column("order_lines", "taken", schema=SCHEMA)
