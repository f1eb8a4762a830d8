"""API keys with names, scopes and an end."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "gateway"


def upgrade() -> None:
    # The version before goes on to write keys of the environment: whatever it leaves out has to fit those.
    for column in (
        sa.Column("id", sa.Uuid, nullable=False, server_default=sa.func.gen_random_uuid()),
        sa.Column("name", sa.Text, nullable=False, server_default="bootstrap"),
        sa.Column("prefix", sa.Text, nullable=False, server_default=""),
        sa.Column("scopes", postgresql.ARRAY(sa.Text)),
        sa.Column("created_by", sa.Text, nullable=False, server_default=""),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("api_keys", column, schema=SCHEMA)
    # As the other services' outboxes have it: the table is made from one description.
    op.execute(f"COMMENT ON COLUMN {SCHEMA}.outbox.org_id IS 'the organisation of the message, from its headers'")
    op.create_index("api_keys_list", "api_keys", ["org_id", "created_at", "id"], unique=True, schema=SCHEMA)


def downgrade() -> None:
    op.drop_index("api_keys_list", "api_keys", schema=SCHEMA)
    for name in ("id", "name", "prefix", "scopes", "created_by", "expires_at", "last_used_at", "revoked_at"):
        op.drop_column("api_keys", name, schema=SCHEMA)
